"""`python -m loadtest.bench`: writes per second and latencies, side by side with a naive reference, in one run."""
