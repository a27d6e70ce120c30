"""The `/v1` door: those who run it (seed 004). Accounts, departments, roles and permissions."""
