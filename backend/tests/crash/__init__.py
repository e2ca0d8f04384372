"""Faults at every step: what must hold afterwards, whatever was killed, lost, late, or came at once."""
