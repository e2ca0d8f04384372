"""Faults of network, disks and clocks between the app, the database and the store."""
