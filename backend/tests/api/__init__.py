"""The HTTP API against its contract: statuses, bodies, headers, and who may do what."""
