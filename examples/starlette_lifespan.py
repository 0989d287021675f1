"""The collector in the lifespan of a Starlette app: `uvicorn starlette_lifespan:app`.

The store is opened when the app starts, so an unusable store stops the app at its start.
"""

from starlette.applications import Starlette
from starlette.routing import Mount

from jmmc import MetricsCollector

metrics = MetricsCollector(store="sqlite:///calls.db")

app = Starlette(routes=[Mount("/jitsi-meet-metrics-collector", metrics)], lifespan=metrics.lifespan)
