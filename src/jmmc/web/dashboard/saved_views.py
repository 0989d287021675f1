"""Saved views: a page with its filters and time range, under a name that all readers see."""

import secrets
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, urlencode

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from jmmc.collector import Collector
from jmmc.core.errors import InvalidInput, JmmcError
from jmmc.core.logging import logger
from jmmc.core.text import is_visible
from jmmc.stores import Reports
from jmmc.stores.copy import VIEW_RECORDS
from jmmc.web.dashboard.forms import check_origin, read_form
from jmmc.web.dashboard.layout import FORM_FIELDS, HEADERS, Layout
from jmmc.web.security.access import Caller
from jmmc.web.security.sessions import LoginSigner

_log = logger(__name__)

PAGES = (
    *("/overview", "/incidents", "/compare", "/meetings", "/sessions", "/usage", "/agreement"),
    "/notes",
)
"""Paths of the pages of which views are saved."""

LONGEST_NAME = 60
"""Maximum length of a name in characters."""

MOST = 100
"""Maximum number of views of a store."""

_LONGEST_QUERY = 2000  # Characters.
_MOST_PARAMETERS = 50
_LEFT_OUT = (*FORM_FIELDS, "cursor", "done")

DONE = {"saved": "The view was saved.", "removed": "The view was removed."}
"""What the page says after a change, by the word in its URL."""


class View(Struct, frozen=True):
    """A page with its query, under a name; `by` is who saved it, empty without sign-in."""

    id: str
    name: str
    path: str
    query: str
    by: str

    @property
    def target(self) -> str:
        """The address of the page, without the prefix of the server."""
        return f"{self.path}?{self.query}" if self.query else self.path


class ViewError(JmmcError):
    """A view cannot be saved or removed. The text is a key of every language."""


async def saved_views(reports: Reports) -> list[View]:
    """Load all views, sorted by name."""
    records = (await reports.records(VIEW_RECORDS)).values()
    views = (msgspec.json.decode(record, type=View) for record in records)
    return sorted(views, key=lambda view: (view.name.casefold(), view.id))


async def save_view(reports: Reports, name: str, path: str, query: str, *, by: str) -> View:
    """Store a view; one of the same name by the same person is replaced. Raises `ViewError`."""
    name = name.strip()
    if not (0 < len(name) <= LONGEST_NAME and is_visible(name)):
        raise ViewError("A name has 1 to 60 printable characters.")
    if path not in PAGES:
        raise ViewError("Views of this page cannot be saved.")
    if len(query) > _LONGEST_QUERY:
        raise ViewError("This view has too many filters to be saved.")
    stored = await saved_views(reports)
    replaced = next((view for view in stored if (view.name, view.by) == (name, by)), None)
    if replaced is None and len(stored) >= MOST:
        raise ViewError("There are 100 views, the most that are kept: remove some first.")
    id_ = secrets.token_hex(4) if replaced is None else replaced.id
    view = View(id_, name, path, _kept(query), by)
    await reports.put_record(VIEW_RECORDS, id_, msgspec.json.encode(view))
    return view


async def remove_view(reports: Reports, id_: str, caller: Caller) -> None:
    """Delete a view: one's own, or as an admin any. Raises `ViewError`."""
    view = next((view for view in await saved_views(reports) if view.id == id_), None)
    if view is None:
        raise ViewError("There is no such view.")
    if not may_remove(view, caller):
        raise ViewError("Only the person who saved a view and admins remove it.")
    await reports.delete_record(VIEW_RECORDS, id_)


def may_remove(view: View, caller: Caller) -> bool:
    """Whether a caller may remove a view."""
    return "users" in caller.rights or ("views" in caller.rights and view.by == caller.name)


def _kept(query: str) -> str:
    """The parameters of a query that belong to a view."""
    try:
        parameters = parse_qsl(query, max_num_fields=_MOST_PARAMETERS, errors="strict")
    except ValueError:
        raise ViewError("This view has too many filters to be saved.") from None
    return urlencode([(name, value) for name, value in parameters if name not in _LEFT_OUT])


class ViewsPage:
    """The list of saved views, and the form of the menu that saves one."""

    def __init__(self, collector: Collector, signer: LoginSigner, layout: Layout) -> None:
        self._reports = collector.store.reports
        self._body_timeout: Callable[[], float] = lambda: collector.settings.body_timeout
        self._signer = signer
        self._layout = layout

    async def views(self, request: Request, caller: Caller) -> Response:
        """On GET list the views; on POST save or remove one."""
        if request.method != "POST":
            return await self._page(request, caller)
        form = await read_form(request, self._body_timeout())
        try:
            check_origin(self._signer, caller.name, form)
            target = await self._change(form, caller)
        except (ViewError, InvalidInput) as error:
            return await self._page(request, caller, form, status=400, problem=str(error))
        root = request.scope.get("root_path", "")
        return RedirectResponse(f"{root}{target}", 303, headers=HEADERS)

    async def _change(self, form: dict[str, str], caller: Caller) -> str:
        """Do what a form says, and return where to go. Raises `ViewError`."""
        match form.get("action"):
            case "save":
                name, path, query = (form.get(key, "") for key in ("name", "path", "query"))
                view = await save_view(self._reports, name, path, query, by=caller.name)
                _log.info("view_saved", view=view.id, by=caller.name)
                return view.target
            case "remove":
                await remove_view(self._reports, form.get("view", ""), caller)
                _log.info("view_removed", view=form.get("view", ""), by=caller.name)
                return "/views?done=removed"
        raise InvalidInput("expected a form of these pages")

    async def _page(
        self,
        request: Request,
        caller: Caller,
        form: Mapping[str, str] | None = None,
        *,
        status: int = 200,
        problem: str = "",
    ) -> Response:
        listed = await saved_views(self._reports)
        return self._layout.page(
            request,
            caller,
            "views.html",
            status=status,
            problem=problem,
            # What could not be saved can be corrected and sent again.
            form=form if form and form.get("action") == "save" else None,
            done=DONE.get(request.query_params.get("done", "")) if status == 200 else None,
            listed=[(view, may_remove(view, caller)) for view in listed],
        )
