"""The collector beside a Flask app: `flask --app flask_app run`.

Flask is a WSGI app. a2wsgi runs the collector, an ASGI app, in an event loop of its own: one in
each process, for servers that load an app and then fork (gunicorn --preload, uWSGI with
--enable-threads).
"""

from a2wsgi import ASGIMiddleware
from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from jmmc import MetricsCollector, PerProcess

app = Flask(__name__)
metrics = PerProcess(lambda: ASGIMiddleware(MetricsCollector(store="sqlite:///calls.db")))
app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/jitsi-meet-metrics-collector": metrics})


@app.get("/")
def index() -> str:
    """The host's own page."""
    return "The host is up."
