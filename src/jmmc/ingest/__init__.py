"""The path of a push: received, checked, committed in a batch, answered and counted.

Bodies with what is known of their sender enter; confirmations leave, after the commit and never
before. This wing knows nothing of HTTP, of SQL, or of what is made of the samples later.
"""

__all__ = [
    "counters",
    "disk_guard",
    "disk_space",
    "geo",
    "receiver",
    "session_senders",
    "writer",
]
