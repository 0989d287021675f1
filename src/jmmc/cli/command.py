"""The command `jmmc`."""

import click

from jmmc.cli.alerts import alerts
from jmmc.cli.answers import report, sessions, show
from jmmc.cli.backup import backup
from jmmc.cli.copy import copy
from jmmc.cli.export import export
from jmmc.cli.forget import forget
from jmmc.cli.jitsi import doctor, snippet
from jmmc.cli.rebuild import rebuild
from jmmc.cli.serve import check, serve
from jmmc.cli.settings import settings
from jmmc.cli.simulate import simulate
from jmmc.cli.tokens import token
from jmmc.cli.users import user
from jmmc.core.version import __version__


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="jmmc")
def main() -> None:
    """Collects what browsers know about the quality of Jitsi Meet calls, and keeps it."""


for _one in (
    serve,
    check,
    alerts,
    backup,
    export,
    copy,
    forget,
    simulate,
    rebuild,
    report,
    sessions,
    settings,
    show,
    token,
    user,
    snippet,
    doctor,
):
    main.add_command(_one)
