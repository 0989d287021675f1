"""The API reference: the OpenAPI document as the content of a page."""

import re
from collections.abc import Sequence
from html import escape
from typing import Any

from markupsafe import Markup

from jmmc.web.api.openapi import answer_of, kind_of


def reference_content(description: dict[str, Any]) -> Markup:
    """The operations and the types of an OpenAPI document, as HTML without scripts."""
    parts: list[str] = []
    paths: list[tuple[str, str]] = []
    operations = (
        (path, method.upper(), operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    )
    for path, method, operation in operations:
        fields = operation["parameters"]
        if "requestBody" in operation:
            body = operation["requestBody"]["content"]["application/json"]["schema"]
            fields = [*fields, *_body_fields(body)]
        rows = "".join(
            f"<tr><td><code>{escape(field['name'])}</code></td>"
            f"<td>{escape(kind_of(field['schema']))}</td>"
            f"<td>{_prose(field['description'])}</td></tr>"
            for field in fields
        )
        id_ = _anchor(method, path)
        paths.append((id_, f"{method} {path}"))
        parts.append(
            f'<section class="panel" id="{id_}"><h2><code>{method} {escape(path)}</code></h2>'
            f"<p>{_prose(operation['summary'])} Answer: {_linked(answer_of(operation))}.</p>"
            + (_folded(_counted(len(fields), "parameter"), rows) if rows else "")
            + "</section>"
        )
    for name, schema in sorted(description["components"]["schemas"].items()):
        rows = "".join(
            f"<tr><td><code>{escape(field)}</code></td><td>{_linked(field_schema)}</td></tr>"
            for field, field_schema in schema.get("properties", {}).items()
        )
        parts.append(
            f'<section class="panel" id="{escape(name)}"><h2>{escape(name)}</h2>'
            f"<p>{_prose(schema.get('description', ''))}</p>"
            + _folded(_counted(len(schema.get("properties", {})), "field"), rows)
            + "</section>"
        )
    types = [(name, name) for name in sorted(description["components"]["schemas"])]
    contents = f"{_links('Paths', paths)}{_links('Types', types)}"
    return Markup(  # noqa: S704 - Every text in it is escaped above.
        f'<details class="contents" open><summary>Contents</summary>{contents}</details>'
        f"<div>{''.join(parts)}</div>"
    )


def _anchor(method: str, path: str) -> str:
    """The id of an operation in the page."""
    return "-".join(re.findall(r"\w+", f"{method} {path}")).lower()


def _links(title: str, targets: Sequence[tuple[str, str]]) -> str:
    """A part of the contents: ids and the names that they have there."""
    items = "".join(
        f'<li><a href="#{escape(id_)}">{escape(name)}</a></li>' for id_, name in targets
    )
    return f"<h2>{title}</h2><ul>{items}</ul>"


def _counted(count: int, name: str) -> str:
    return f"{count} {name}{'' if count == 1 else 's'}"


def _folded(name: str, rows: str) -> str:
    """A table that opens on a click: all of them together are very long."""
    return (
        f"<details><summary>{name}</summary>"
        f'<div class="scroll"><table>{rows}</table></div></details>'
    )


def _body_fields(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The fields of a JSON body, in the form of parameters."""
    return [
        {
            "name": name,
            "schema": field,
            "description": " ".join(
                ["In the JSON body.", *([field["description"]] if "description" in field else [])]
            ),
        }
        for name, field in schema["properties"].items()
    ]


def _prose(text: str) -> str:
    """A description as HTML, with what is in backticks as code."""
    return re.sub("`([^`]*)`", r"<code>\1</code>", escape(text))


def _linked(schema: dict[str, Any]) -> str:
    """The type that a schema describes, with a link to the component that it refers to."""
    text = escape(kind_of(schema))
    inner = schema.get("properties", {}).get("items", schema).get("items", schema)
    if "$ref" in inner:
        name = escape(inner["$ref"].rpartition("/")[2])
        return text.replace(name, f'<a href="#{name}">{name}</a>')
    return text
