"""Doors: everything that speaks HTTP."""
