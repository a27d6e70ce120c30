"""The database: tables, connections, migrations and what we can tell about its health."""
