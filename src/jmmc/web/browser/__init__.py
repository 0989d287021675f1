"""The endpoints of browsers and of load balancers: scripts, pushes, health. Plain ASGI, no router.

Enters: pushes, and requests for the scripts. Leaves: confirmations or refusals with a reason, and
the scripts with the settings filled in.
Knows nothing of answers, pages, users, or of what a reading means.
"""

__all__ = ["app", "script"]
