"""`jmmc settings`: the settings in force, and their page in the documentation."""

import json
import os
from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from jmmc.cli.common import PlainConsole, print_json
from jmmc.cli.setting_options import CommandWithSettings, given_flags, load, setting_options
from jmmc.settings import (
    GROUPS,
    Mark,
    Settings,
    default_text,
    environment_name,
    gather,
    marked,
    may_be_in_a_file,
    without_password,
)

_INTRODUCTION = """\
# Settings

*For operators who configure the collector.*

A setting is a flag of `jmmc serve`, an environment variable, or a key of the TOML file that
`--config` names. A flag beats the environment, which beats the file. Lists are
comma-separated; in TOML they are arrays. `jmmc settings` shows the settings in force and
where each was given.

On SIGHUP a running server reads the file again. Settings marked as live change at once,
between two pushes; the log says which have changed and which need a restart. A file with
a mistake changes nothing: the log names the mistake in one line.

This page is made by `jmmc settings --markdown`.

## Secrets from files

A secret may be read from a file, as containers and systemd give it, so that it is neither in
the environment nor in a command line: `secret_file = "/run/secrets/jmmc"` in TOML,
`JMMC_SECRET_FILE`, `--secret-file`; and so on for {file_settings}.
A file `jmmc.secret` in the folder that `$CREDENTIALS_DIRECTORY` names, where systemd puts
credentials, counts as `JMMC_SECRET_FILE`. The newline at the end of a file is no part of the
secret. A file that cannot be read or is empty, and a secret that one place gives twice, are
errors. SIGHUP reads the files again. [Deployment](../how-to/deploy.md#secrets) shows it for
Docker, Kubernetes and systemd.
"""


@click.command(cls=CommandWithSettings)
@setting_options
@click.option("--all", "everything", is_flag=True, help="Show the settings with a default too.")
@click.option("--json", "as_json", is_flag=True, help="Print all settings as one JSON object.")
@click.option("--markdown", is_flag=True, help="Print the settings as a page of the documentation.")
def settings(
    config: Path | None, everything: bool, as_json: bool, markdown: bool, **flags: object
) -> None:
    """Show the settings that differ from their default.

    Each with where it was given; --all shows the rest.
    """
    if markdown:
        click.echo(_page(), nl=False)
        return
    loaded = load(config, flags)
    given = gather(Settings.model_fields, flags=given_flags(flags), environ=os.environ, file=config)
    values = {name: _shown(loaded, name) for name in Settings.model_fields}
    if as_json:
        print_json(json.dumps(values, indent=2, ensure_ascii=False).encode())
        return
    defaults = {name: field.default for name, field in Settings.model_fields.items()}
    different = [name for name in defaults if getattr(loaded, name) != defaults[name]]
    console = PlainConsole()
    if not everything and not different:
        console.print("Every setting has its default; jmmc settings --all lists them.")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("setting", no_wrap=True)
    for column in ("value", "from") if everything else ("value", "default", "from"):
        table.add_column(column, overflow="fold")
    for group in GROUPS:
        if everything:
            table.add_section()
            table.add_row(Text(group.title, style="bold"))
        for name in group.model_fields:
            source = given[name].source if name in given else "default"
            if everything:
                table.add_row(name, _cell(values[name]), source)
            elif name in different:
                default = default_text(Settings.model_fields[name]) or "none"
                table.add_row(name, _cell(values[name]), default, source)
    console.print(table)
    if not everything:
        unchanged = len(defaults) - len(different)
        console.print(f"{unchanged} settings have their default; jmmc settings --all lists them.")


def _page() -> str:
    names = [
        f"`{name}`" for name, field in Settings.model_fields.items() if may_be_in_a_file(field)
    ]
    file_settings = f"{', '.join(names[:-1])} and {names[-1]}"
    lines = [_INTRODUCTION.replace("{file_settings}", file_settings)]
    for group in GROUPS:
        lines += [
            f"## {group.title}",
            "",
            "| setting | environment | default | live | description |",
            "|---|---|---|---|---|",
            *map(_row, group.model_fields),
            "",
        ]
    return "\n".join(lines)


def _row(name: str) -> str:
    field = Settings.model_fields[name]
    default = default_text(field).replace("|", "\\|")
    live = "live" if marked(name, Mark.LIVE) else ""
    shown = f"`{default}`" if default else "none"
    cells = (f"`{name}`", f"`{environment_name(name)}`", shown, live, str(field.description))
    return f"| {' | '.join(cells)} |"


def _cell(value: object) -> str:
    """A value as one would write it in a flag."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return (
            ",".join(
                f"{part['name']} ({part['kind']})" if isinstance(part, dict) else str(part)
                for part in value
            )
            or "none"
        )
    return str(value) or "none"


def _shown(loaded: Settings, name: str) -> object:
    value = getattr(loaded, name)
    if name == "secret":
        return "(set)" if value else "(generated at the first start)"
    if marked(name, Mark.HIDDEN):
        return "(set)" if value else ""
    if name == "store":
        return without_password(value)
    if name == "alerts":
        return [rule.model_dump(mode="json") for rule in value]
    return list(value) if isinstance(value, tuple) else value
