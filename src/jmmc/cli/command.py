"""The command `jmmc` with all its subcommands."""

import click

from jmmc.cli.alerts import alerts
from jmmc.cli.answers import report, show
from jmmc.cli.backup import backup
from jmmc.cli.compact import compact
from jmmc.cli.completion import completion
from jmmc.cli.copy import copy
from jmmc.cli.export import export
from jmmc.cli.forget import forget
from jmmc.cli.incidents import incidents
from jmmc.cli.init import init
from jmmc.cli.jitsi import doctor, snippet
from jmmc.cli.notes import note
from jmmc.cli.rebuild import rebuild
from jmmc.cli.serve import check, serve
from jmmc.cli.sessions import sessions
from jmmc.cli.settings import settings
from jmmc.cli.simulate import simulate
from jmmc.cli.tokens import token
from jmmc.cli.top import top
from jmmc.cli.usage import usage
from jmmc.cli.users import user
from jmmc.core.version import __version__


@click.group(name="jmmc", context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="jmmc")
def main() -> None:
    """Collect the call quality that browsers measure in Jitsi Meet, and report on it."""


for _command in (
    init,
    serve,
    check,
    alerts,
    backup,
    compact,
    export,
    copy,
    forget,
    simulate,
    rebuild,
    report,
    sessions,
    incidents,
    note,
    settings,
    show,
    token,
    top,
    usage,
    user,
    snippet,
    doctor,
    completion,
):
    main.add_command(_command)
