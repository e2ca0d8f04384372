"""Faults of networks and clocks between the app, the database and the store."""
