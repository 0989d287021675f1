"""Simulated calls with known problems."""
