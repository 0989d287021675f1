"""The report by e-mail: what a week or a month was like, as HTML and as plain text.

Figures enter from `answers`, settings say when it is due; messages leave over the mail server of
`alerting`. This wing knows nothing of HTTP servers, of pages, or of how figures are computed.
"""

__all__ = ["message", "schedule", "sending"]
