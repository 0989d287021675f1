"""Runs the collector and the dashboard as a process: `jmmc serve` under uvicorn.

Settings enter; a listening server with limits for slow clients, reload on SIGHUP, a clean end on
SIGTERM and notifications for systemd come out. Only this wing imports uvicorn. It knows nothing
of routes, pages or the push protocol.
"""

__all__ = ["preflight", "reload_signal", "serve"]
