"""The dashboard: the HTML pages that operators use.

Requests enter, and HTML pages, live updates (server-sent events) and static files leave. It gets
its data from `answers` and the collector's own state. It knows nothing of SQL, of how a push is
received, nor of how grades and causes are computed.
"""

__all__ = ["durations", "i18n"]
