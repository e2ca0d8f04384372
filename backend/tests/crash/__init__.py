"""Tests with a fault at every step of every use case."""
