"""Pseudonyms and erasure receipts."""
