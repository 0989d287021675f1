"""The description of the API as an OpenAPI 3.1 document, made from the table of operations."""

from collections.abc import Sequence
from typing import Any

from jmmc.answers.serialization import schemas
from jmmc.answers.tables import MEDIA_TYPES
from jmmc.web.api.operations import Operation

_PROBLEM = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
    "required": ["title", "status", "detail"],
}
_PAGE_OF_ITEMS = (
    "A page of items. Pass `next` as `cursor` to get the following page; null on the last one."
)
_PROBLEMS = {
    400: "A parameter is unknown or invalid.",
    401: "A token or a sign-in is required.",
    403: "The scope of the token or the role of the user does not allow this.",
    404: "Not found.",
    408: "The body did not arrive in time.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    429: "Too many requests; try again after `Retry-After` seconds.",
    501: "The library for this format is not installed.",
    503: "The store is down, or too many ask; try again after `Retry-After` seconds.",
}
_OF_BODY = {408, 413, 415}
_IN_PATH: dict[str, tuple[str, dict[str, Any]]] = {
    "id": (
        "Session id: 24 hex digits. A meeting is found by the id of any of its sessions.",
        {"type": "string", "pattern": "^[0-9a-fA-F]{24}$"},
    ),
    "note": ("Id of the note.", {"type": "string", "pattern": "^[0-9a-f]{8}$"}),
    "participant": ("Participant id: the id of one browser.", {"type": "string"}),
    "room": (
        "Room name as Jitsi has it: lower case, percent-encoded; with `tenant/` before it if any.",
        {"type": "string"},
    ),
}


def describe(root: str, version: str, operations: Sequence[Operation]) -> dict[str, Any]:
    """The OpenAPI document of these operations; one with a cursor answers pages of items."""
    # The schema of a file is empty.
    answers, components = schemas([operation.answer for operation in operations])
    components["Problem"] = _PROBLEM
    paths: dict[str, dict[str, Any]] = {}
    for operation, schema in zip(operations, answers, strict=True):
        methods = paths.setdefault(root + operation.path, {})
        methods[operation.method] = _operation(operation, schema)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "jitsi-meet-metrics-collector",
            "version": version,
            "description": (
                "Times are ISO 8601 in UTC; durations are seconds unless the name says otherwise."
            ),
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": {
                f"Problem{status}": _problem(description)
                for status, description in _PROBLEMS.items()
            },
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}, {}],
    }


def _operation(operation: Operation, schema: dict[str, Any]) -> dict[str, Any]:
    if any(parameter.name == "cursor" for parameter in operation.parameters):
        schema = {
            "type": "object",
            "description": _PAGE_OF_ITEMS,
            "properties": {
                "items": {"type": "array", "items": schema},
                "next": {"type": ["string", "null"]},
            },
            "required": ["items", "next"],
        }
    formats = next(
        (
            parameter.schema["enum"]
            for parameter in operation.parameters
            if parameter.name == "format"
        ),
        ["json"],
    )
    files: dict[str, Any] = {
        MEDIA_TYPES[format_].partition(";")[0]: {} for format_ in formats if format_ != "json"
    }
    content = {"application/json": {"schema": schema}} if "json" in formats else {}
    problems = {status for status in _PROBLEMS if status != 501 or files}
    if not operation.path_parameters:
        problems.discard(404)
    body: dict[str, Any] = {}
    if operation.body is None:
        problems -= _OF_BODY
    else:
        content_of_body = {"application/json": {"schema": operation.body.schema}}
        body = {"requestBody": {"required": True, "content": content_of_body}}
    return {
        **body,
        "summary": operation.summary,
        "parameters": [
            *map(_in_path, operation.path_parameters),
            *(
                {
                    "name": parameter.name,
                    "in": "query",
                    "required": parameter.required,
                    "description": parameter.description,
                    "schema": parameter.schema,
                }
                for parameter in operation.parameters
            ),
        ],
        "responses": {
            "200": {"description": operation.summary, "content": content | files},
            **{
                str(status): {"$ref": f"#/components/responses/Problem{status}"}
                for status in sorted(problems)
            },
        },
    }


def _in_path(name: str) -> dict[str, Any]:
    description, schema = _IN_PATH[name]
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": schema,
    }


def _problem(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": schema}},
    }


def answer_of(operation: dict[str, Any]) -> dict[str, Any]:
    """The schema of an operation's answer; empty for a file."""
    content = operation["responses"]["200"]["content"]
    return dict(content.get("application/json", {}).get("schema", {}))


def kind_of(schema: dict[str, Any]) -> str:
    """The type that a schema describes, in a few words; the schema of a file is empty."""
    if not schema:
        return "a file"
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(kind_of(alternative) for alternative in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {kind_of(schema['items'])}" if "items" in schema else "list"
    if "items" in schema.get("properties", {}):
        return f"pages of {kind_of(schema['properties']['items']['items'])}"
    if "enum" in schema:
        return ", ".join(schema["enum"])
    kind = schema.get("format") or schema["type"]
    return " or ".join(kind) if isinstance(kind, list) else str(kind)
