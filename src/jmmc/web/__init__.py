"""HTTP in, HTTP out: the endpoints of browsers, the API, the dashboard, the demo.

Enters: ASGI requests. Leaves: responses; pushes go to the collector, questions to `answers`.
Knows nothing of SQL, of databases, or of how a grade is made.

Imports point one way: `site` > `dashboard`, `api`, `demo` > `browser` > `security` >
`request_log` > `answer_queue`, `disconnects`, `downloads` > `problems` > `http`.
"""

__all__ = ["browser", "dashboard", "http", "site", "wsgi_per_process"]
