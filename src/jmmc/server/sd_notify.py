"""What the server tells whoever started it: sd_notify(3), in the little that a server needs of it.

https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
"""

import os
import socket

from jmmc.core.logging import logger

_log = logger(__name__)


def tell(state: str) -> None:
    """Send a state such as `READY=1` to the socket in `NOTIFY_SOCKET`; nothing without one."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # Of the abstract namespace.
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaker:
            speaker.sendto(state.encode(), address)
    except OSError as error:
        _log.warning("supervisor_not_told", state=state, error=str(error))
