"""From the bytes of a push to a push that may be stored: decoding, admission, identity, limits.

The readings themselves are defined in `core.readings`. No clock, log, loop or I/O.
"""
