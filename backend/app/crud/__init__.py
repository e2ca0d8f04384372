"""Contains every query."""
