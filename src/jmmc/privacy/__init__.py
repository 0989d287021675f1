"""Pseudonyms, erasure receipts, and the filter that keeps erased samples out. Pure.

Names, keys and pushes enter; their stored form leaves. This wing knows no clock, log, event loop
or I/O: receipts are stored by `stores`, and the erasing itself is in `maintenance`.
"""

__all__ = ["pseudonyms", "receipts"]
