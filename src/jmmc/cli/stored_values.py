"""Values of the store that a shell completes: rooms, participants, sessions and users.

Whatever fails here completes nothing: an error would stand in the middle of a command line.
"""

import asyncio
from collections.abc import Awaitable, Callable

import click
from click.shell_completion import CompletionItem

from jmmc.accounts import users
from jmmc.core.errors import JmmcError
from jmmc.privacy.pseudonyms import jitsi_room_name
from jmmc.quality.summary import SearchHit
from jmmc.settings import Settings
from jmmc.stores import Reports, open_store

_SECONDS = 1.0  # For all of it: somebody waits at the prompt.
_MOST = 30  # Values that are offered.

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
"""The callback of click: the values that begin with what is typed so far."""


def _completing(find: Callable[[Reports, str], Awaitable[list[str]]]) -> Complete:
    def complete(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
        async def run() -> list[str]:
            store = open_store(
                ctx.params.get("url") or _default_store(ctx),
                collection=ctx.params.get("collection") or _default("collection"),
                timeout=_SECONDS,
                read_only=True,
            )
            path = getattr(store, "path", None)
            if path is not None and not path.exists():
                return []
            try:
                async with asyncio.timeout(_SECONDS):
                    await store.open()
                    return await find(store.reports, incomplete)
            finally:
                await store.close()

        try:
            return [CompletionItem(value) for value in asyncio.run(run())[:_MOST]]
        except (JmmcError, OSError):  # A `TimeoutError` is an `OSError`.
            return []

    return complete


def _default_store(ctx: click.Context) -> str:
    option = next(param for param in ctx.command.params if param.name == "url")
    return str(option.value_from_envvar(ctx) or _default("store"))


def _default(setting: str) -> str:
    return str(Settings.model_fields[setting].default)


async def _hits(reports: Reports, text: str, kind: str) -> list[SearchHit]:
    hits = await reports.search(text, 10 * _MOST)
    return [hit for hit in hits if hit.kind == kind]


async def _rooms(reports: Reports, incomplete: str) -> list[str]:
    """Rooms as people read them; in Jitsi's form where a space would split them, or if typed so."""
    found = []
    for hit in await _hits(reports, incomplete.partition("%")[0], "room"):
        forms = [*([] if " " in hit.name else [hit.name]), jitsi_room_name(hit.name)]
        found += [form for form in forms if form.startswith(incomplete)][:1]
    return found


async def _participants(reports: Reports, incomplete: str) -> list[str]:
    ids = [hit.name for hit in await _hits(reports, incomplete, "participant")]
    return [browser_id for browser_id in ids if browser_id.startswith(incomplete)]


async def _sessions(reports: Reports, incomplete: str) -> list[str]:
    return await reports.sessions_beginning(incomplete, _MOST)


async def _users(reports: Reports, incomplete: str) -> list[str]:
    names = [user.name for user in await users.users(reports)]
    return [name for name in names if name.startswith(incomplete)]


complete_room = _completing(_rooms)
complete_participant = _completing(_participants)
complete_session = _completing(_sessions)
complete_user = _completing(_users)
