"""Use cases on ports."""
