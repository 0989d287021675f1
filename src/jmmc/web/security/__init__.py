"""Access to everything that shows data: logins, tokens, scopes, rate limits, security headers.

Enters: a request. Leaves: its caller with scopes, or a `Problem`; login cookies and CSRF tokens.
Knows nothing of pages, of the API's operations, or of calls.
"""
