"""What every HTTP server of ours has in common: limits and deadlines, request ids, error envelopes, a clean stop."""
