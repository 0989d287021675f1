"""Optional dependencies, and how to install one that is missing."""

from typing import Literal

Extra = Literal["chat", "geo", "mongo", "otel", "parquet"]


def install_hint(extra: Extra) -> str:
    """Say how to install an extra, from a checkout of the source too."""
    return (
        f"install the extra '{extra}': pip install '.[{extra}]' in a checkout,"
        f" or pip install 'jitsi-meet-metrics-collector[{extra}]'"
    )
