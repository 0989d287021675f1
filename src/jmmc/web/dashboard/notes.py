"""The page of notes: everybody reads them, admins add and remove them."""

from collections.abc import Callable
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from jmmc.answers.notes import LONGEST_TEXT, MOST, NoteError, add_note, remove_note
from jmmc.answers.queries import Queries
from jmmc.collector import Collector
from jmmc.core.errors import InvalidInput
from jmmc.core.logging import logger
from jmmc.core.timestamps import parse_moment, zone_of
from jmmc.web.dashboard.forms import check_origin, read_form
from jmmc.web.dashboard.layout import HEADERS, Layout
from jmmc.web.problems import Problem
from jmmc.web.security.access import Caller
from jmmc.web.security.sessions import LoginSigner

_log = logger(__name__)

DONE = {"added": "The note was added.", "removed": "The note was removed."}
"""What the page says after a change, by the word in its URL."""


class NotesPage:
    """The list of notes, and for admins its forms. `clock` gives Unix seconds."""

    def __init__(
        self,
        queries: Queries,
        collector: Collector,
        signer: LoginSigner,
        layout: Layout,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._queries = queries
        self._collector = collector
        self._signer = signer
        self._layout = layout
        self._clock = clock

    async def notes(self, request: Request, caller: Caller) -> Response:
        """On GET show notes; on POST do what the form says, and redirect to the list."""
        if request.method != "POST":
            return await self._page(request, caller)
        if "note" not in caller.rights:
            raise Problem(403, "Not allowed to write notes", "Administrators are allowed to.")
        form = await read_form(request, self._collector.settings.body_timeout)
        try:
            check_origin(self._signer, caller.name, form)
            done = await self._change(request, form, caller)
        except (NoteError, InvalidInput) as error:
            return await self._page(request, caller, form, status=400, problem=error)
        root = request.scope.get("root_path", "")
        return RedirectResponse(f"{root}/notes?{urlencode({'done': done})}", 303, headers=HEADERS)

    async def _change(self, request: Request, form: dict[str, str], caller: Caller) -> str:
        """Do what a form says, and return the word for it. Times are in the zone of the form."""
        reports = self._collector.store.reports
        match form.get("action"):
            case "add":
                # On the first page that a browser opens it is not that of the browser yet.
                zone = zone_of(form.get("wall") or self._layout.zone(request).name)
                at, until = (self._moment(form, name, zone) for name in ("at", "until"))
                at = int(self._clock()) if at is None else at
                note = await add_note(reports, form.get("text", ""), at, until, by=caller.name)
                _log.info("note_added", note=note.id, by=caller.name)
                return "added"
            case "remove":
                await remove_note(reports, form.get("note", ""))
                _log.info("note_removed", note=form.get("note", ""), by=caller.name)
                return "removed"
        raise InvalidInput("expected a form of this page")

    def _moment(self, form: dict[str, str], name: str, zone: ZoneInfo) -> int | None:
        """What a field of the form says, None when it is empty. Raises `InvalidInput`."""
        if not (given := form.get(name)):
            return None
        try:
            return parse_moment(given, self._clock(), zone)
        except InvalidInput as error:
            raise error.of(name) from None

    async def _page(
        self,
        request: Request,
        caller: Caller,
        form: dict[str, str] | None = None,
        *,
        status: int = 200,
        problem: NoteError | InvalidInput | None = None,
    ) -> Response:
        return self._layout.page(
            request,
            caller,
            "notes.html",
            status=status,
            problem=problem,
            errors={problem.field: problem} if problem and problem.field else {},
            done=DONE.get(request.query_params.get("done", "")) if status == 200 else None,
            listed=(await self._queries.notes())[::-1],
            form=form or {},
            now=int(self._clock()),
            longest=LONGEST_TEXT,
            most=MOST,
            api="notes",
        )
