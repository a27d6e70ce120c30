"""Load on the product: `bench` measures it beside a naive reference, `locustfile` behaves like people."""
