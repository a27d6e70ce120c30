"""What a stranger must know to call the API: each row of the table of routes described, as OpenAPI 3.1."""
