"""Define requests and responses. Responses have no defaults, so that TypeScript requires every field."""
