"""Slipway as a process: starts, stops, and what survives."""
