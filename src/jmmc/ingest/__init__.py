"""The path of a push, from a body to a batch in the store."""
