"""The page that explains what the others show: grades, causes, intervals, outcomes."""

from collections.abc import Callable
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from jmmc.answers.cause_texts import texts
from jmmc.quality.outcomes import OUTCOMES
from jmmc.quality.thresholds import Limit, Preset, preset
from jmmc.settings import Settings
from jmmc.web.dashboard.layout import Layout
from jmmc.web.security.access import Caller

SECTIONS = (*("grades", "limits", "unknown", "causes", "intervals", "outcomes", "people", "notes"),)
"""The parts of the page, by their ids: other pages link to them."""

_UNITS = {"loss": "%", "rtt": "ms", "jitter": "ms", "concealed": "%", "frozen": "%"}
"""The unit of the limits of a reason; MOS and Jitsi's own quality have none."""


class LimitRow(NamedTuple):
    """The limits of one reason, as a table has them; None is no limit."""

    reason: str
    fair: str | None
    poor: str | None
    source: str
    needs_sign: bool


class HelpPage:
    """The handler of the page. `settings` gives those in force."""

    def __init__(self, settings: Callable[[], Settings], layout: Layout) -> None:
        self._settings = settings
        self._layout = layout

    async def help(self, request: Request, caller: Caller) -> Response:
        """Explain what the pages show, with the limits of the preset in force."""
        chosen = preset(self._settings().quality_preset)
        language = str(self._layout.context(request, caller)["language"])
        return self._layout.page(
            request,
            caller,
            "help.html",
            sections=SECTIONS,
            preset=chosen,
            limits=limit_rows(chosen),
            causes=[
                (name[language].replace(" {value}", " …").replace("{value}", "…"), advice)
                for kind, name in texts()["name"].items()
                for advice in [_advice(kind, language)]
            ],
            outcomes=OUTCOMES,
        )


def limit_rows(chosen: Preset) -> list[LimitRow]:
    """The limits of a preset that grade by themselves or with a second sign."""
    return [
        LimitRow(
            reason,
            _beyond(limit, limit.fair, reason),
            _beyond(limit, limit.poor, reason),
            limit.source,
            limit.needs_sign,
        )
        for reason, limit in chosen.limits.items()
        if limit.fair is not None or limit.poor is not None
    ]


def _beyond(limit: Limit, value: float | None, reason: str) -> str | None:
    if value is None:
        return None
    return f"{'<' if limit.falling else '>'} {value:g} {_UNITS.get(reason, '')}".rstrip()


def _advice(kind: str, language: str) -> str:
    return texts()["advice"][kind][language].replace("{value}", "…")
