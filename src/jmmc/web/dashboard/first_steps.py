"""The first steps of an installation, for admins, until they are done or dismissed."""

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from jmmc.accounts import users
from jmmc.collector import Collector
from jmmc.core.timestamps import to_iso
from jmmc.jitsi.first_steps import (
    Step,
    alerts_step,
    https_step,
    push_step,
    retention_step,
    script_step,
    user_step,
)
from jmmc.web.dashboard.forms import check_origin, read_form
from jmmc.web.dashboard.layout import HEADERS, Layout
from jmmc.web.http import is_https
from jmmc.web.security.access import Caller
from jmmc.web.security.sessions import LoginSigner

_KIND, _NAME = "first_steps", "dismissed"


class FirstSteps:
    """Finds out which steps are done, and remembers that an admin has dismissed them."""

    def __init__(self, collector: Collector, signer: LoginSigner, layout: Layout) -> None:
        self._collector = collector
        self._signer = signer
        self._layout = layout

    async def page(self, request: Request, caller: Caller) -> Response:
        """Show all steps; on POST dismiss them, or show them again."""
        reports = self._collector.store.reports
        if request.method == "POST":
            form = await read_form(request, self._collector.settings.body_timeout)
            check_origin(self._signer, caller.name, form)
            if form.get("action") == "dismiss":
                await reports.put_record(_KIND, _NAME, b"{}")
            else:
                await reports.delete_record(_KIND, _NAME)
            root = request.scope.get("root_path", "")
            return RedirectResponse(f"{root}/", 303, headers=HEADERS)
        return self._layout.page(
            request,
            caller,
            "first_steps_page.html",
            steps=await self._steps(request),
            dismissed=await self._dismissed(),
        )

    async def shown(self, request: Request, caller: Caller) -> dict[str, Any]:
        """Variables of a template: no steps if all are done or dismissed; whether calls arrive."""
        if "users" not in caller.rights or await self._dismissed():
            return {"steps": ()}
        steps = await self._steps(request)
        arrive = any(step.done for step in steps if step.name == "push")
        return {"steps": () if all(step.done for step in steps) else steps, "calls_arrive": arrive}

    async def _dismissed(self) -> bool:
        return _NAME in await self._collector.store.reports.records(_KIND)

    async def _steps(self, request: Request) -> list[Step]:
        collector, settings = self._collector, self._collector.settings
        times = await collector.store.session_times()
        base = settings.public_url or str(request.base_url).rstrip("/")
        listed = await users.users(collector.store.reports)
        return [
            script_step(
                settings, base, is_loaded=bool(collector.counters.script_loads) or times is not None
            ),
            push_step(None if times is None else to_iso(times[1]), base),
            user_step([user.role for user in listed]),
            https_step(settings, is_https=is_https(request.scope)),
            retention_step(settings),
            alerts_step(settings),
        ]
