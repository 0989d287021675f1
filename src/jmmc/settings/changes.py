"""Which settings take effect while a collector runs."""

from typing import NamedTuple

from jmmc.settings.model import Settings, marked
from jmmc.settings.values import Mark


class Change(NamedTuple):
    """The effect of new settings on a running collector; `settings` are then in force.

    `applied` names the settings that changed, `waiting` those that need a restart to change.
    """

    settings: Settings
    applied: list[str]
    waiting: list[str]


def changed(old: Settings, new: Settings) -> Change:
    """Apply what of `new` can replace `old` without a restart."""
    differing = [name for name in Settings.model_fields if getattr(old, name) != getattr(new, name)]
    applied = [name for name in differing if marked(name, Mark.LIVE)]
    settings = old.model_copy(update={name: getattr(new, name) for name in applied})
    return Change(settings, applied, [name for name in differing if name not in applied])
