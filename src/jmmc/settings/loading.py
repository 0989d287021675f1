"""Loads settings from a file, the environment and flags, and describes a mistake in one line."""

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
from jmmc.settings.values import Mark, without_password

ENVIRONMENT_PREFIX = "JMMC_"

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
    """Load `model`. A flag beats the environment, which beats the file, which beats the default.

    Raises `SettingsError` with one line that names the setting, where it was given, its value
    and what is allowed.
    """
    given = gather(model.model_fields, flags=flags, environ=environ, file=file)
    try:
        return model.model_validate({name: origin.value for name, origin in given.items()})
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        name = str(problem["loc"][0])
        secret = Mark.HIDDEN in model.model_fields[name].metadata
        raise SettingsError(_describe(problem, given[name], secret=secret)) from None


def gather(
    known: Collection[str],
    *,
    flags: Mapping[str, object],
    environ: Mapping[str, str],
    file: Path | None,
) -> dict[str, Origin]:
    """Gather the given values by setting, not validated. `known` are the names of all settings.

    Raises `SettingsError` for a name that is not known, and a file that cannot be read.
    """
    given: dict[str, Origin] = {}
    if file is not None:
        for name, value in _read_toml(file).items():
            _check_name(name, known, str(file))
            given[name] = Origin(value, f"{name} in {file}")
    for variable, text in environ.items():
        if variable.startswith(ENVIRONMENT_PREFIX):
            name = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
            _check_name(name, known, variable)
            given[name] = Origin(text, variable)
    for name, value in flags.items():
        _check_name(name, known, name)
        given[name] = Origin(value, name)
    return given


def environment_name(name: str) -> str:
    """The environment variable of a setting."""
    return ENVIRONMENT_PREFIX + name.upper()


def _describe(problem: ErrorDetails, origin: Origin, *, secret: bool) -> str:
    if problem["loc"][0] == "alerts" and len(problem["loc"]) > 1:
        return f"{origin.source}, {_describe_in_rule(problem, origin.value)}"
    shown = "" if secret else f" = {_shown(origin.value)}"
    return f"{origin.source}{shown}: expected {_allowed(problem)}"


def _describe_in_rule(problem: ErrorDetails, given: object) -> str:
    """Name the rule and its field, and say what is allowed."""
    number, *path = problem["loc"][1:]
    rule = parse_rules(given)[int(number)]  # type: ignore[index]
    name = f" ({rule['name']})" if isinstance(rule, dict) and "name" in rule else ""
    context = problem.get("ctx", {})
    field = next((str(part) for part in path if part not in _KINDS), "")
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
        return f"{where}: unknown key for {path[0]}; known: {known}"
    allowed = _allowed(problem)
    if problem["type"] == "union_tag_invalid":
        allowed = ", ".join(_KINDS)
    elif problem["type"] == "string_pattern_mismatch":
        allowed = "lower-case letters, digits, - and _"
    elif problem["type"] == "model_attributes_type":
        allowed = "a table"
    shown = f" = {_shown(value)}" if field else ""
    return f"{where}{shown}: expected {allowed}"


def _allowed(problem: ErrorDetails) -> str:
    return problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")


def _shown(value: object) -> str:
    text = repr(without_password(value) if isinstance(value, str) else value)
    return text if len(text) <= 100 else text[:97] + "..."


def _read_toml(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: not valid TOML: {error}") from error


def _check_name(name: str, known: Collection[str], source: str) -> None:
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else "see `jmmc settings`"
        raise SettingsError(f"{source}: unknown setting {name!r}; {hint}")
