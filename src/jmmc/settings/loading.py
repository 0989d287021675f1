"""Settings from a file, the environment and flags, and one line for a mistake in them."""

import difflib
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from jmmc.core.errors import SettingsError
from jmmc.settings.alert_rules import KINDS
from jmmc.settings.alerting import parse_rules
from jmmc.settings.values import without_password

ENVIRONMENT_PREFIX = "JMMC_"
SECRETS = frozenset(
    {"secret", "pseudonym_key", "otlp_headers", "alert_webhooks", "alert_secret", "smtp_url"}
)
"""Settings whose value is never shown."""

_KINDS = {str(get_args(kind.model_fields["kind"].annotation)[0]): kind for kind in KINDS}

_Model = TypeVar("_Model", bound=BaseModel)


class Origin(NamedTuple):
    """A value and where it was given, in words for the operator."""

    value: object
    source: str


def load(
    model: type[_Model],
    *,
    flags: Mapping[str, object],
    environ: Mapping[str, str],
    file: Path | None,
) -> _Model:
    """The settings in force: a flag beats the environment, which beats the file, then defaults.

    Raises `SettingsError` with one line that names the setting, where it was given, its value
    and what is allowed.
    """
    return _validated(model, gather(model.model_fields, flags=flags, environ=environ, file=file))


def gather(
    known: Collection[str],
    *,
    flags: Mapping[str, object],
    environ: Mapping[str, str],
    file: Path | None,
) -> dict[str, Origin]:
    """What was given, by setting, with where it was given; not yet validated."""
    given: dict[str, Origin] = {}
    if file is not None:
        for name, value in _read_toml(file).items():
            given[_known(name, known, str(file))] = Origin(value, f"{name} in {file}")
    for variable, text in environ.items():
        if variable.startswith(ENVIRONMENT_PREFIX):
            name = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
            given[_known(name, known, variable)] = Origin(text, variable)
    for name, value in flags.items():
        given[_known(name, known, name)] = Origin(value, name)
    return given


def environment_name(name: str) -> str:
    """The environment variable of a setting."""
    return ENVIRONMENT_PREFIX + name.upper()


def _validated(model: type[_Model], given: dict[str, Origin]) -> _Model:
    try:
        return model.model_validate({name: value.value for name, value in given.items()})
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        name = str(problem["loc"][0])
        origin = given[name]
        if name == "alerts" and len(problem["loc"]) > 1:
            raise SettingsError(f"{origin.source}, {_in_rule(problem, origin.value)}") from None
        shown = "" if name in SECRETS else f" = {_shown(origin.value)}"
        allowed = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
        raise SettingsError(f"{origin.source}{shown}: expected {allowed}") from None


def _in_rule(problem: ErrorDetails, given: object) -> str:
    """What is wrong with a rule: which, which of its fields, and what is allowed."""
    number, *path = problem["loc"][1:]
    rule = parse_rules(given)[int(number)]  # type: ignore[index]
    name = f" ({rule['name']})" if isinstance(rule, dict) and "name" in rule else ""
    context = problem.get("ctx", {})
    field = next((str(item) for item in path if item not in _KINDS), "")
    value = problem["input"]
    if problem["type"] == "union_tag_invalid":
        field, value = "kind", context["tag"]
    elif problem["type"] == "union_tag_not_found":
        field = "kind"
    where = f"rule {int(number) + 1}{name}" + (f", {field}" if field else "")
    if problem["type"] in ("missing", "union_tag_not_found"):
        return f"{where}: missing"
    if problem["type"] == "extra_forbidden":
        known = ", ".join(_KINDS[str(path[0])].model_fields)
        return f"{where}: there is no such key for {path[0]}; known: {known}"
    allowed = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if problem["type"] == "union_tag_invalid":
        allowed = ", ".join(_KINDS)
    elif problem["type"] == "string_pattern_mismatch":
        allowed = "small letters, digits, - and _"
    elif problem["type"] == "model_attributes_type":
        allowed = "a table"
    shown = f" = {_shown(value)}" if field else ""
    return f"{where}{shown}: expected {allowed}"


def _shown(value: object) -> str:
    text = repr(without_password(value) if isinstance(value, str) else value)
    return text if len(text) <= 100 else text[:97] + "..."


def _read_toml(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: not TOML: {error}") from error


def _known(name: str, known: Collection[str], source: str) -> str:
    if name in known:
        return name
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else "; see `jmmc settings`"
    raise SettingsError(f"{source}: there is no setting {name!r}{hint}")
