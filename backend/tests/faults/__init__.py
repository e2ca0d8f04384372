"""Faults between the app and what it stands on: the network to the database and to the store, disks, clocks."""
