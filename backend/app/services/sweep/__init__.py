"""Compare the store with the database, and correct what is safe to correct."""
