"""Live events: `GET /api/ws`, from the ticket that opens it to the last message (docs/adr/0013)."""
