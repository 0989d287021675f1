"""The collector beside a Django project under ASGI, in one file: `uvicorn django_asgi:app`.

In your own project, put the lines from `metrics = …` on into asgi.py.
"""

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path
from starlette.applications import Starlette
from starlette.routing import Mount

from jmmc import MetricsCollector


async def index(request: HttpRequest) -> HttpResponse:
    """The host's own page."""
    return HttpResponse("The host is up.")


urlpatterns = [path("", index)]
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="change me")

metrics = MetricsCollector(store="sqlite:///calls.db")
app = Starlette(
    routes=[
        Mount("/jitsi-meet-metrics-collector", metrics),
        Mount("/", get_asgi_application()),
    ],
    lifespan=metrics.lifespan,
)
