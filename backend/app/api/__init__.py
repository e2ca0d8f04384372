"""HTTP: parse, authenticate, call one service function, answer."""
