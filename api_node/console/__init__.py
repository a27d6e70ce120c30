"""The `/api` door: people on the board (seed 000)."""
