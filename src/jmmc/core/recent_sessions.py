"""How many sessions a process remembers: those that sent most recently."""

MOST_RECENT = 150_000
"""In a store each takes some 450 bytes, and one that is forgotten costs a query with each push.

The address of its sender takes 280 bytes. A forgotten session counts as new for its address.
"""
