"""The API described by itself: as OpenAPI 3.1, and as a page made of that."""

from collections.abc import Sequence
from html import escape
from typing import Any, Protocol

from jmmc.plain import schemas


class _Parameter(Protocol):
    name: str
    description: str
    schema: dict[str, Any]


class _Operation(Protocol):
    path: str
    summary: str
    answer: Any
    method: str
    parameters: Sequence[_Parameter]


_PROBLEM = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}


def describe(root: str, version: str, operations: Sequence[Any], page_of: type) -> dict[str, Any]:
    """The OpenAPI document of some operations; those with a cursor answer pages of their items."""
    kinds, components = schemas([it.answer for it in operations])  # A file's schema is empty.
    components["Problem"] = _PROBLEM
    paths: dict[str, dict[str, Any]] = {}
    for it, kind in zip(operations, kinds, strict=True):
        paths.setdefault(root + it.path, {})[it.method] = _operation(it, kind, page_of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "jitsi-meet-metrics-collector",
            "version": version,
            "description": "Times are UTC in ISO 8601, lengths seconds unless their name says.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}, {}],
    }


def reference_page(description: dict[str, Any]) -> str:
    """The same for people, without any script."""
    parts: list[str] = []
    every = (
        (path, method.upper(), operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    )
    for path, method, operation in every:
        rows = "".join(
            f"<tr><td><code>{escape(it['name'])}</code></td><td>{escape(kind_of(it['schema']))}</td>"
            f"<td>{escape(it['description'])}</td></tr>"
            for it in operation["parameters"]
        )
        answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
        parts.append(
            f"<section><h2><code>{method} {escape(path)}</code></h2>"
            f"<p>{escape(operation['summary'])} Answers {_linked(answer)}.</p>"
            + (f"<table>{rows}</table>" if rows else "")
            + "</section>"
        )
    for name, schema in sorted(description["components"]["schemas"].items()):
        rows = "".join(
            f"<tr><td><code>{escape(field)}</code></td><td>{_linked(kind)}</td></tr>"
            for field, kind in schema.get("properties", {}).items()
        )
        parts.append(
            f'<section id="{escape(name)}"><h3>{escape(name)}</h3>'
            f"<p>{escape(schema.get('description', ''))}</p><table>{rows}</table></section>"
        )
    return _PAGE % "".join(parts)


def _operation(operation: Any, schema: dict[str, Any], page_of: type) -> dict[str, Any]:
    if any(it.name == "cursor" for it in operation.parameters):
        schema = {
            "type": "object",
            "description": page_of.__doc__,
            "properties": {
                "items": {"type": "array", "items": schema},
                "next": {"type": ["string", "null"]},
            },
        }
    in_path = [it[1:-1] for it in operation.path.split("/") if it.startswith("{")]
    return {
        "summary": operation.summary,
        "parameters": [
            *(
                {
                    "name": it,
                    "in": "path",
                    "required": True,
                    "description": "",
                    "schema": {"type": "string"},
                }
                for it in in_path
            ),
            *(
                {"name": it.name, "in": "query", "description": it.description, "schema": it.schema}
                for it in operation.parameters
            ),
        ],
        "responses": {
            "200": {
                "description": operation.summary,
                "content": {"application/json": {"schema": schema}},
            },
            "default": {
                "description": "What is wrong.",
                "content": {
                    "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
                },
            },
        },
    }


def kind_of(schema: dict[str, Any]) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(kind_of(it) for it in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {kind_of(schema['items'])}" if "items" in schema else "list"
    if "items" in schema.get("properties", {}):
        return f"pages of {kind_of(schema['properties']['items']['items'])}"
    if "enum" in schema:
        return ", ".join(schema["enum"])
    kind = schema.get("format") or schema.get("type") or "anything"
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def _linked(schema: dict[str, Any]) -> str:
    text = escape(kind_of(schema))
    inner = schema.get("properties", {}).get("items", schema).get("items", schema)
    if "$ref" in inner:
        name = escape(inner["$ref"].rpartition("/")[2])
        return text.replace(name, f'<a href="#{name}">{name}</a>')
    return text


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>API</title>
<meta name="viewport" content="width=device-width">
<style>
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h2 { font-size: 1.1rem; margin-top: 2.5rem } h3 { font-size: 1rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100%% } td { padding: .2rem .8rem .2rem 0 }
td { vertical-align: top; border-top: 1px solid color-mix(in srgb, currentColor 15%%, transparent) }
</style></head><body><h1>API</h1>
<p>JSON; times are UTC in ISO 8601, lengths seconds unless their name says. Errors are
<code>application/problem+json</code>. A token goes into <code>Authorization: Bearer</code>.
Machine-readable: <a href="openapi.json">openapi.json</a>.</p>%s</body></html>
"""
