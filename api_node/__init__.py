"""One stateless API node: authentication, validation and reads; every write is forwarded to the queue service."""
