"""Every query, one module a table."""
