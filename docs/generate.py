"""Writes what comes from the code: settings, command, API, and the readings of the protocol.

`./run docs` calls this; a test holds the pages to what it writes.
"""

from pathlib import Path
from typing import Any

import click
import msgspec
from click.testing import CliRunner

from jmmc.cli import main as command
from jmmc.cli.setting_options import SettingOption
from jmmc.core.readings import (
    BROWSER_READINGS,
    LARGEST,
    SERVER_READINGS,
    Address,
    Choice,
    Events,
    Flag,
    Number,
    Pattern,
    Reading,
    Senders,
    Source,
    Text,
    Values,
)
from jmmc.web.api.openapi import answer_of, kind_of
from jmmc.web.api.routes import api_description

FOLDER = Path(__file__).parent / "reference"


def pages() -> dict[str, str]:
    """The pages, by file name."""
    settings = CliRunner().invoke(command, ["settings", "--markdown"]).output
    return {
        "settings.md": settings,
        "command.md": command_page(),
        "api.md": api_page(),
        "protocol.md": protocol_page(),
    }


def command_page() -> str:
    """Return the page of every command with its arguments and options."""
    lines = [
        "# The command",
        "",
        "*For operators, support and developers who work in a terminal.*",
        "",
        "This page has the output of `jmmc --help`. A command with `--config` also accepts every",
        "setting as a flag; see [settings](settings.md).",
        "",
        "* **Times** are shown in the time zone of the machine, with its name; those without an",
        "  offset are read so, too. `--utc` does both in UTC. JSON and exports have UTC.",
        "* **Ids**: the first characters of a session's or a participant's id are enough, four or",
        "  more. If several ids begin so, they are listed.",
        "* **Rooms** are given as people read them, or as they are stored.",
        '* **Completion**: `eval "$(jmmc completion bash)"` for this shell,',
        "  `jmmc completion bash --install` for each new one; also `zsh` and `fish`.",
        "* **Exit codes**: 0, 1 for a failure, 2 for a wrong option or setting.",
        "",
    ]
    for name in sorted(command.commands):
        lines += _command(f"jmmc {name}", command.load(name))
    return "\n".join(lines)


def _command(name: str, subcommand: click.Command) -> list[str]:
    if isinstance(subcommand, click.Group):
        parts = [
            line
            for key in sorted(subcommand.commands)
            for line in _command_of(name, key, subcommand)
        ]
        return [f"## `{name}`", "", _prose(subcommand), "", *parts]
    return [f"## `{name}`", "", *_body(name, subcommand)]


def _command_of(name: str, key: str, group: click.Group) -> list[str]:
    return [f"### `{name} {key}`", "", *_body(f"{name} {key}", group.commands[key])]


def _body(name: str, subcommand: click.Command) -> list[str]:
    context = click.Context(subcommand, info_name=name)
    usage = " ".join([name, *subcommand.collect_usage_pieces(context)])
    lines = [_prose(subcommand), "", "```text", usage, "```", ""]
    rows = [
        f"| `{_cell(record[0])}` | {_cell(record[1])} |"
        for option in subcommand.params
        if isinstance(option, click.Option)
        and not isinstance(option, SettingOption)
        and (record := option.get_help_record(context))
    ]
    if rows:
        lines += ["| option | description |", "|---|---|", *rows, ""]
    return lines


def _prose(subcommand: click.Command) -> str:
    return " ".join((subcommand.help or "").split())


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def api_page() -> str:
    """Every path of the API and every type that it answers."""
    document = msgspec.json.decode(msgspec.json.encode(api_description()))
    lines = [
        "# The API",
        "",
        "*For developers who read answers with their own programs.*",
        "",
        "Responses are JSON, with UTC times in ISO 8601 and durations in seconds unless their name",
        "says otherwise. Errors are `application/problem+json`. Send a token (`jmmc token create`)",
        "as `Authorization: Bearer`. A running server describes its API at `/api/v1/` and",
        "`/api/v1/openapi.json`.",
        "",
    ]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            lines += _operation(f"{method.upper()} {path}", operation)
    lines += ["## Response types", ""]
    for name, schema in sorted(document["components"]["schemas"].items()):
        lines += _schema(name, schema)
    return "\n".join(lines)


def _operation(title: str, operation: dict[str, Any]) -> list[str]:
    answer = kind_of(answer_of(operation))
    lines = [f"## `{title}`", "", f"{operation['summary']} Returns {answer}.", ""]
    rows = [
        f"| `{parameter['name']}` | {_cell(kind_of(parameter['schema']))}"
        f" | {_cell(parameter['description'])} |"
        for parameter in operation["parameters"]
    ]
    return [*lines, "| parameter | type | meaning |", "|---|---|---|", *rows, ""] if rows else lines


def _schema(name: str, schema: dict[str, Any]) -> list[str]:
    described = " ".join(schema.get("description", "").split())
    rows = [
        f"| `{field}` | {_cell(kind_of(kind))} |"
        for field, kind in schema.get("properties", {}).items()
    ]
    lines = [f"### {name}", ""]
    if described:
        lines += [described, ""]
    return [*lines, "| field | type |", "|---|---|", *rows, ""] if rows else lines


_READINGS = ("<!-- readings: generated by ./run docs -->\n\n", "\n<!-- end of readings -->")


def protocol_page() -> str:
    """The page of the protocol as it is, with the table of readings made anew."""
    begin, end = _READINGS
    before, _, rest = (FOLDER / "protocol.md").read_text("utf-8").partition(begin)
    return f"{before}{begin}{readings_table()}\n{end}{rest.partition(end)[2]}"


def readings_table() -> str:
    """The readings of browsers and of the server; those that differ only in the key share a row."""
    rows_of: dict[tuple[str, str, str], list[Reading]] = {}
    by_dialect = sorted(BROWSER_READINGS, key=lambda row: row.since.value)
    for row in (*by_dialect, *SERVER_READINGS):
        cells = (row.meaning, _values_in_words(row), f"v{row.since.value}")
        rows_of.setdefault(cells, []).append(row)
    lines = [
        "| key | meaning | what it may be | column in exports | since |",
        "|---|---|---|---|---|",
    ]
    for (meaning, values, since), rows in rows_of.items():
        paths = ", ".join(f"`{row.path}`" for row in rows)
        columns = ", ".join(f"`{row.column}`" for row in rows if row.column) or "none"
        lines.append(f"| {paths} | {meaning} | {values} | {columns} | {since} |")
    return "\n".join(lines)


def _values_in_words(row: Reading) -> str:
    words = _in_words(row.values)
    if row.v1 is not None:
        words += f"; in v1 only {_in_words(row.v1)}"
    if row.null_in_v1:
        words += "; in v1 too it may be `null`"
    return f"never sent; {words}" if row.source is Source.SERVER else words


def _in_words(values: Values) -> str:
    match values:
        case Number(unit=unit, least=least, most=most, whole=whole):
            kind = "integer" if whole else "number"
            allowed = f"{kind} ≥ {least}" if most == LARGEST else f"{kind} {least}..{most}"
            return f"{allowed}, {unit}" if unit else allowed
        case Text(longest=longest):
            return f"string ≤ {longest}"
        case Pattern(described=described):
            return described
        case Choice(values=choices):
            return ", ".join(f"`{choice}`" for choice in choices)
        case Flag():
            return "boolean"
        case Address(ipv6=ipv6):
            return "IPv4 as an unsigned 32-bit integer, IPv6 as a string" if ipv6 else "IPv4"
        case Events(most=most, longest=longest):
            event = f"a string of at most {longest} characters, or a list of such a string and"
            return f"list of at most {most}: {event} a number of seconds ≥ 0"
        case Senders(most=most, longest=longest):
            shares = "and four integers 0..100, % (or `null`)"
            return f"list of at most {most}: lists of a string ≤ {longest} {shares}"


def write() -> None:
    """Write the pages into `docs/reference/`."""
    for name, text in pages().items():
        (FOLDER / name).write_text(text.rstrip("\n") + "\n", "utf-8")


if __name__ == "__main__":
    write()
