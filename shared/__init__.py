"""What both the API nodes and the queue service rest on: settings, tables, errors, wire shapes, HTTP hardening."""
