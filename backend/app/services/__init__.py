"""Use cases, told as stories over ports."""
