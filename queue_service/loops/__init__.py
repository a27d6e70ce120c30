"""Maintenance: one loop a file, each with a bounded `run_once`; `runner` runs them and knows which one is late."""
