"""Contains the rules as pure functions, without framework, clock, network or database."""
