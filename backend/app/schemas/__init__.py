"""Shapes of requests and answers; answers have no defaults, so TypeScript sees every field."""
