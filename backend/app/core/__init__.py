"""Settings, database, security, logs and metrics."""
