"""Loading the browser script in Jitsi Meet: what to paste, and whether a live page loads it.

The collector's URL or a page's URL enters; text to paste, or findings with hints, leaves;
`first_steps` says what else a new installation needs. The package knows nothing of stores and
sessions: it sees Jitsi Meet and the collector from outside, as a browser does.
"""

__all__ = ["doctor", "first_steps", "snippets"]
