"""Samples to timeline, grades, summaries and rollups. Pure."""
