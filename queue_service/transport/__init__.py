"""The internal door: HTTP for nodes and operators, the event stream."""
