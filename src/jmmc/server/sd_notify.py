"""The part of sd_notify(3) that a server needs: state changes for systemd.

https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
"""

import os
import socket

from jmmc.core.logging import logger

_log = logger(__name__)


def notify(state: str) -> None:
    """Send a state such as `READY=1` to the socket in `NOTIFY_SOCKET`, if that is set."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # A socket in the abstract namespace.
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
            client.sendto(state.encode(), address)
    except OSError as error:
        _log.warning("sd_notify_failed", state=state, error=str(error))
