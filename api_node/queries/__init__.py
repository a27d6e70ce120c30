"""Every SELECT of a node, one file for each aggregate, over a read-only connection."""
