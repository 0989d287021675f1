"""The API for programs: `/api/v1/` with its OpenAPI document, exports, and `/metrics`.

Enters: requests with query parameters, a token or a login. Leaves: JSON, files of rows, problems
(RFC 9457), metrics in Prometheus' formats. Each path is one row of the table in `operations`.
Knows nothing of templates, or of how an answer is computed.
"""
