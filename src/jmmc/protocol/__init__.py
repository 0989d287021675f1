"""From the bytes of a push to a push that may be stored. Pure.

Bodies, headers and addresses enter; envelopes, pushes, verdicts and answers leave: decoding,
admission, session ids, rate limits, addresses. The readings themselves are defined in
`core.readings`. This wing knows no clock, log, event loop or I/O; the time is passed in.
"""

__all__ = [
    "addresses",
    "admission",
    "answer",
    "budget",
    "decoding",
    "fair_share",
    "identity",
    "rate_limit",
    "server_readings",
    "useragent",
]
