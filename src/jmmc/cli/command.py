"""The command `jmmc` with all its subcommands, each imported when it is called."""

from importlib import import_module

import click

from jmmc.core.version import __version__

# Of each subcommand: the module that defines it, and the first sentence of its help. Without the
# sentence here, `jmmc --help` and completion would import every module, which takes 0.3 s.
_COMMANDS = {
    "init": ("init", "Write a configuration into FOLDER, and add the first user."),
    "serve": ("serve", "Run the collector until SIGTERM or Ctrl-C."),
    "check": (
        "serve",
        "Check settings, store and browser script before going live.",
    ),
    "alerts": ("alerts", "Show the alert rules and active alerts, and test the channels."),
    "backup": (
        "backup",
        "Copy the SQLite store to DEST while collectors keep writing.",
    ),
    "compact": ("compact", "Rewrite the SQLite store without the space of deleted data."),
    "export": ("export", "Export stored sessions, oldest first; summaries newest first."),
    "copy": (
        "copy",
        "Copy sessions from SRC to the store DST.",
    ),
    "forget": ("forget", "Erase a participant or a room for good, and print a receipt."),
    "simulate": (
        "simulate",
        "Generate simulated calls, and print the expected results.",
    ),
    "rebuild": ("rebuild", "Recompute all summaries and rollups from the samples."),
    "report": (
        "answers",
        "Report sessions, minutes and quality; --by compares values.",
    ),
    "sessions": (
        "sessions",
        "List sessions, newest first; with --failed list failed joins.",
    ),
    "incidents": ("incidents", "List incidents: problems with one cause, over all meetings."),
    "note": (
        "notes",
        'Write notes, such as "upgraded bridge 2", into all charts.',
    ),
    "settings": (
        "settings",
        "Show the settings that differ from their default.",
    ),
    "show": (
        "answers",
        "Show one session or incident: its problems and likely causes.",
    ),
    "token": ("tokens", "Manage the bearer tokens of the API."),
    "top": (
        "top",
        "Show running meetings, problems and incidents, live.",
    ),
    "usage": (
        "usage",
        "Show how much the server is used, by calendar periods.",
    ),
    "user": ("users", "Manage the people who may sign in to the dashboard."),
    "snippet": (
        "jitsi",
        "Print what to paste into Jitsi Meet to load the script.",
    ),
    "doctor": (
        "jitsi",
        "Check whether the room at URL loads the script and may push.",
    ),
    "completion": ("completion", "Print the completion for a shell."),
}


class Subcommands(click.Group):
    """A group whose `commands` are names with a first sentence of help, until they are loaded."""

    def load(self, name: str) -> click.Command:
        """Import a subcommand. Raises `KeyError` if there is none of this name."""
        module, _ = _COMMANDS[name]
        command: click.Command = getattr(import_module(f"jmmc.cli.{module}"), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """See `click.Group`: loads the subcommand that is called."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, self.load(name) if name and command else command, rest


@click.group(name="jmmc", cls=Subcommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="jmmc")
def main() -> None:
    """Collect the call quality that browsers measure in Jitsi Meet, and report on it."""


for _name, (_, _sentence) in _COMMANDS.items():
    main.add_command(click.Command(_name, help=_sentence))
