"""Handler that erases all data of a participant or a room."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from jmmc.collector import Collector
from jmmc.core.errors import InvalidInput
from jmmc.privacy.receipts import Subject, SubjectKind
from jmmc.web.dashboard.forms import check_origin, read_form
from jmmc.web.dashboard.layout import Layout
from jmmc.web.security.access import Caller
from jmmc.web.security.sessions import LoginSigner


class ForgetPage:
    """Asks for confirmation, erases, and shows the receipt."""

    def __init__(self, collector: Collector, signer: LoginSigner, layout: Layout) -> None:
        self._collector = collector
        self._signer = signer
        self._layout = layout

    async def forget(self, request: Request, caller: Caller) -> Response:
        """On GET, ask for confirmation; on POST, erase. Raises `ValueError` for a bad request."""
        params = dict(request.query_params)
        if request.method == "POST":
            params = await read_form(request, self._collector.settings.body_timeout)
        browser_id, room = params.get("participant", "").lower(), params.get("room", "")
        if bool(browser_id) == bool(room):
            raise InvalidInput("expected a participant or a room")
        names = self._collector.pseudonyms
        browser_id = browser_id and names.stored_browser_id(browser_id)
        room = room and names.stored_room(room)
        subject = (
            Subject(SubjectKind.PARTICIPANT, browser_id)
            if browser_id
            else Subject(SubjectKind.ROOM, room)
        )
        context: dict[str, Any] = {"browser_id": browser_id, "room": room, "receipt": None}
        if request.method == "POST":
            check_origin(self._signer, caller.name, params)
            context["receipt"] = await self._collector.forget(subject)
        else:
            context["stored"] = await self._collector.count_stored(subject)
        return self._layout.page(request, caller, "forget.html", **context)
