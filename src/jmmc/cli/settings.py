"""`jmmc settings`: the settings in force, and their page in the documentation."""

import json
import os
from pathlib import Path

import click
from rich.table import Table

from jmmc.cli.common import PlainConsole, print_json
from jmmc.cli.setting_options import given_flags, load, setting_options
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
errors. SIGHUP reads the files again. [deploy.md](deploy.md) shows it for Docker, Kubernetes and
systemd.
"""


@click.command()
@setting_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--markdown", is_flag=True, help="Print the page docs/settings.md.")
def settings(config: Path | None, as_json: bool, markdown: bool, **flags: object) -> None:
    """List every setting, its value and where that was given."""
    if markdown:
        click.echo(_page(), nl=False)
        return
    loaded = load(config, flags)
    given = gather(Settings.model_fields, flags=given_flags(flags), environ=os.environ, file=config)
    values = {name: _shown(loaded, name) for name in Settings.model_fields}
    if as_json:
        print_json(json.dumps(values, indent=2, ensure_ascii=False).encode())
        return
    table = Table("setting", "value", "from", "description", box=None, header_style="bold")
    for name, field in Settings.model_fields.items():
        source = given[name].source if name in given else "default"
        table.add_row(name, str(values[name]), source, field.description)
    PlainConsole().print(table)


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
