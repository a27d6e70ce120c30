"""The `/api/v1` door: programs that have work done, and those that do it (seed 001)."""
