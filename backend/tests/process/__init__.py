"""Slipway as real processes that start, stop and are killed."""
