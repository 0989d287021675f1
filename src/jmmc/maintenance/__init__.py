"""Keeps what is stored up to date: summaries, retention, erasure."""
