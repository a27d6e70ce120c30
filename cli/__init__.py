"""The `console` command line."""
