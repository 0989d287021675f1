"""The API reference: the OpenAPI document as an HTML page."""

from html import escape
from typing import Any

from jmmc.web.api.openapi import answer_of, kind_of


def reference_page(description: dict[str, Any]) -> str:
    """The OpenAPI document as a self-contained HTML page without scripts."""
    parts: list[str] = []
    operations = (
        (path, method.upper(), operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    )
    for path, method, operation in operations:
        rows = "".join(
            f"<tr><td><code>{escape(parameter['name'])}</code></td>"
            f"<td>{escape(kind_of(parameter['schema']))}</td>"
            f"<td>{escape(parameter['description'])}</td></tr>"
            for parameter in operation["parameters"]
        )
        parts.append(
            f"<section><h2><code>{method} {escape(path)}</code></h2>"
            f"<p>{escape(operation['summary'])} Answer: {_linked(answer_of(operation))}.</p>"
            + (f"<table>{rows}</table>" if rows else "")
            + "</section>"
        )
    for name, schema in sorted(description["components"]["schemas"].items()):
        rows = "".join(
            f"<tr><td><code>{escape(field)}</code></td><td>{_linked(field_schema)}</td></tr>"
            for field, field_schema in schema.get("properties", {}).items()
        )
        parts.append(
            f'<section id="{escape(name)}"><h3>{escape(name)}</h3>'
            f"<p>{escape(schema.get('description', ''))}</p><table>{rows}</table></section>"
        )
    return _PAGE % "".join(parts)


def _linked(schema: dict[str, Any]) -> str:
    """The type that a schema describes, with a link to the component that it refers to."""
    text = escape(kind_of(schema))
    inner = schema.get("properties", {}).get("items", schema).get("items", schema)
    if "$ref" in inner:
        name = escape(inner["$ref"].rpartition("/")[2])
        return text.replace(name, f'<a href="#{name}">{name}</a>')
    return text


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>API reference</title>
<meta name="viewport" content="width=device-width">
<style>
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h2 { font-size: 1.1rem; margin-top: 2.5rem } h3 { font-size: 1rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100%% } td { padding: .2rem .8rem .2rem 0 }
td { vertical-align: top; border-top: 1px solid color-mix(in srgb, currentColor 15%%, transparent) }
</style></head><body><h1>API reference</h1>
<p>Answers are JSON. Times are ISO 8601 in UTC; durations are seconds unless the name says
otherwise. Errors are <code>application/problem+json</code>. Send a token as
<code>Authorization: Bearer &lt;token&gt;</code>. OpenAPI document:
<a href="openapi.json">openapi.json</a>.</p>%s</body></html>
"""
