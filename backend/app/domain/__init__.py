"""The rules: pure functions over values, free of framework, clock, network and database."""
