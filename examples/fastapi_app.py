"""The collector inside a FastAPI app: `uvicorn fastapi_app:app`."""

from fastapi import FastAPI

from jmmc import MetricsCollector

app = FastAPI()
app.mount(
    "/jitsi-meet-metrics-collector",
    MetricsCollector(
        conf_pattern=r"[a-z0-9%-]{3,}",
        authorized_regions=["REGION1", "REGION2"],
        store="sqlite:///calls.db",
    ),
)


@app.get("/")
def index() -> str:
    """The host's own page."""
    return "The host is up."
