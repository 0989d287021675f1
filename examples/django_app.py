"""The collector beside a Django project, in one file: `python django_app.py`.

In your own project, put the lines from `metrics = …` on into wsgi.py.
"""

from wsgiref.simple_server import make_server

from a2wsgi import ASGIMiddleware
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from jmmc import MetricsCollector, PerProcess


def index(request: HttpRequest) -> HttpResponse:
    """The host's own page."""
    return HttpResponse("The host is up.")


urlpatterns = [path("", index)]
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="change me")

# One in each process of a server that loads this file and then forks.
metrics = PerProcess(lambda: ASGIMiddleware(MetricsCollector(store="sqlite:///calls.db")))
app = DispatcherMiddleware(get_wsgi_application(), {"/jitsi-meet-metrics-collector": metrics})

if __name__ == "__main__":
    make_server("127.0.0.1", 8000, app).serve_forever()
