"""A Starlette app that opens and closes the collector with itself.

`uvicorn starlette_lifespan:app`. A store that cannot be used then stops the app at its start.
"""

from starlette.applications import Starlette
from starlette.routing import Mount

from jmmc import MetricsCollector

metrics = MetricsCollector(store="sqlite:///calls.db")

app = Starlette(routes=[Mount("/jitsi-meet-metrics-collector", metrics)], lifespan=metrics.lifespan)
