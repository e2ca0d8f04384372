"""What everything stands on: settings, database, security, logs, metrics."""
