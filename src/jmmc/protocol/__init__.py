"""Bytes to readings: decoding, admission, addresses, identity, rate limits. Pure."""
