"""Which settings take effect while a collector runs."""

from typing import NamedTuple

from jmmc.settings.model import Settings, marked
from jmmc.settings.values import Mark


class Change(NamedTuple):
    """What becomes of new settings while a collector runs: `settings` are then in force.

    `applied` and `waiting` name what differs: the latter needs a restart.
    """

    settings: Settings
    applied: list[str]
    waiting: list[str]


def changed(old: Settings, new: Settings) -> Change:
    """What of `new` may take the place of `old` without a restart."""
    differing = [name for name in Settings.model_fields if getattr(old, name) != getattr(new, name)]
    applied = [item for item in differing if marked(item, Mark.LIVE)]
    settings = old.model_copy(update={item: getattr(new, item) for item in applied})
    return Change(settings, applied, [item for item in differing if item not in applied])
