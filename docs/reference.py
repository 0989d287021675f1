"""Writes the pages that come from the code: settings.md, command.md and api.md.

`./run docs` calls this; a test holds the pages to what it writes.
"""

from pathlib import Path
from typing import Any

import click
import msgspec
from click.testing import CliRunner

from jmmc.cli import main as command
from jmmc.settings import FILE_SUFFIX, Settings, may_be_in_a_file
from jmmc.web.api.openapi import answer_of, kind_of
from jmmc.web.api.routes import api_description

FOLDER = Path(__file__).parent


def pages() -> dict[str, str]:
    """The pages, by file name."""
    settings = CliRunner().invoke(command, ["settings", "--markdown"]).output
    return {"settings.md": settings, "command.md": command_page(), "api.md": api_page()}


def command_page() -> str:
    """Every command with its arguments and options."""
    lines = [
        "# The command",
        "",
        "What `jmmc --help` says, on one page. A command with `--config` also takes every setting",
        "as a flag; those are on [a page of their own](settings.md).",
        "",
    ]
    for name, it in sorted(command.commands.items()):
        lines += _command(f"jmmc {name}", it)
    return "\n".join(lines)


def _command(name: str, it: click.Command) -> list[str]:
    if isinstance(it, click.Group):
        parts = [line for key in sorted(it.commands) for line in _command_of(name, key, it)]
        return [f"## `{name}`", "", _prose(it), "", *parts]
    return [f"## `{name}`", "", *_body(name, it)]


def _command_of(name: str, key: str, group: click.Group) -> list[str]:
    return [f"### `{name} {key}`", "", *_body(f"{name} {key}", group.commands[key])]


def _body(name: str, it: click.Command) -> list[str]:
    context = click.Context(it, info_name=name)
    usage = " ".join([name, *it.collect_usage_pieces(context)])
    lines = [_prose(it), "", "```text", usage, "```", ""]
    rows = [
        f"| `{_cell(record[0])}` | {_cell(record[1])} |"
        for option in it.params
        if isinstance(option, click.Option)
        and not _is_setting(option, it)
        and (record := option.get_help_record(context))
    ]
    if rows:
        lines += ["| option | what it does |", "|---|---|", *rows, ""]
    return lines


def _is_setting(option: click.Parameter, it: click.Command) -> bool:
    takes_all = any(other.name == "config" for other in it.params)
    name = str(option.name)
    return takes_all and (name in Settings.model_fields or _names_a_file(name))


def _names_a_file(name: str) -> bool:
    """Whether an option names the file of a secret setting."""
    field = Settings.model_fields.get(name.removesuffix(FILE_SUFFIX))
    return name.endswith(FILE_SUFFIX) and field is not None and may_be_in_a_file(field)


def _prose(it: click.Command) -> str:
    return " ".join((it.help or "").split())


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def api_page() -> str:
    """Every path of the API and every type that it answers."""
    document = msgspec.json.decode(msgspec.json.encode(api_description()))
    lines = [
        "# The API",
        "",
        "JSON, UTC times in ISO 8601, lengths in seconds unless their name says otherwise.",
        "Errors are `application/problem+json`. A token (`jmmc token create`) goes into",
        "`Authorization: Bearer`. A running server describes itself at `/api/v1/` and",
        "`/api/v1/openapi.json`.",
        "",
    ]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            lines += _operation(f"{method.upper()} {path}", operation)
    lines += ["## What is answered", ""]
    for name, schema in sorted(document["components"]["schemas"].items()):
        lines += _schema(name, schema)
    return "\n".join(lines)


def _operation(title: str, operation: dict[str, Any]) -> list[str]:
    answer = kind_of(answer_of(operation))
    lines = [f"## `{title}`", "", f"{operation['summary']} Answers {answer}.", ""]
    rows = [
        f"| `{it['name']}` | {_cell(kind_of(it['schema']))} | {_cell(it['description'])} |"
        for it in operation["parameters"]
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


def write() -> None:
    """Write the pages beside this file."""
    for name, text in pages().items():
        (FOLDER / name).write_text(text.rstrip("\n") + "\n", "utf-8")


if __name__ == "__main__":
    write()
