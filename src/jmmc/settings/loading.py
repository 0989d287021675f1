"""Loads settings from a file, the environment and flags, and describes a mistake in one line."""

import difflib
import tomllib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from jmmc.core.errors import SettingsError
from jmmc.settings.alert_rules import KINDS
from jmmc.settings.alerting import parse_rules
from jmmc.settings.secret_files import (
    CREDENTIAL_PREFIX,
    CREDENTIALS_VARIABLE,
    FILE_SUFFIX,
    credentials,
    may_be_in_a_file,
    read_secret,
)
from jmmc.settings.values import Mark, without_password

ENVIRONMENT_PREFIX = "JMMC_"

_KINDS = {str(get_args(kind.model_fields["kind"].annotation)[0]): kind for kind in KINDS}

_Model = TypeVar("_Model", bound=BaseModel)


class Origin(NamedTuple):
    """A value and where it was given, in words for the operator.

    The value of a `secret` is not shown.
    """

    value: object
    source: str
    secret: bool = False


class _Given(NamedTuple):
    """What was given for a setting: its value, or the path of the file that holds it."""

    content: object
    source: str
    is_path: bool


def load(
    model: type[_Model],
    *,
    flags: Mapping[str, object],
    environ: Mapping[str, str],
    file: Path | None,
) -> _Model:
    """Load `model`. A flag beats the environment, which beats the file, which beats the default.

    Raises `SettingsError` with a line for each mistake, which names the setting, where it was
    given, its value and what is allowed.
    """
    problems: list[str] = []
    given = _gather(model.model_fields, flags, environ, file, problems)
    try:
        loaded = model.model_validate({name: origin.value for name, origin in given.items()})
    except ValidationError as error:
        for problem in error.errors(include_url=False):
            problems.append(_describe(problem, given[str(problem["loc"][0])]))
        raise SettingsError(*dict.fromkeys(problems)) from None
    if problems:
        raise SettingsError(*problems)
    return loaded


def gather(
    fields: Mapping[str, FieldInfo],
    *,
    flags: Mapping[str, object],
    environ: Mapping[str, str],
    file: Path | None,
) -> dict[str, Origin]:
    """Gather the given values by setting, not validated. `fields` are all settings.

    A secret may be given as the path of a file, under its name and `_file`, or as a credential of
    systemd. Raises `SettingsError` for a name that is not known, a value that is given twice, and a
    file that cannot be read.
    """
    problems: list[str] = []
    given = _gather(fields, flags, environ, file, problems)
    if problems:
        raise SettingsError(*problems)
    return given


def _gather(
    fields: Mapping[str, FieldInfo],
    flags: Mapping[str, object],
    environ: Mapping[str, str],
    file: Path | None,
    problems: list[str],
) -> dict[str, Origin]:
    """What `gather` returns, without what is in `problems` then."""
    given: dict[str, _Given] = {}
    if file is not None:
        try:
            content = _read_toml(file)
        except SettingsError as error:
            problems += error.problems
            content = {}
        keys = ((name, value, f"{name} in {file}") for name, value in content.items())
        given |= _sort(keys, fields, str(file), problems)
    given |= _sort(_environment_entries(fields, environ), fields, None, problems)
    given |= _sort(((name, value, name) for name, value in flags.items()), fields, None, problems)
    origins: dict[str, Origin] = {}
    for name, entry in given.items():
        try:
            origins[name] = _origin(entry, fields[name])
        except SettingsError as error:
            problems += error.problems
    return origins


def given_in_environment(name: str, field: FieldInfo, environ: Mapping[str, str]) -> Origin | None:
    """Return what the environment gives for one setting. Raises `SettingsError`."""
    known = (environment_name(name), environment_name(name + FILE_SUFFIX), CREDENTIALS_VARIABLE)
    own = {variable: environ[variable] for variable in known if variable in environ}
    return gather({name: field}, flags={}, environ=own, file=None).get(name)


_OF_COMMANDS = {f"{ENVIRONMENT_PREFIX}PASSWORD"}
"""Variables that are options of commands and no settings: a shell may export them to all."""


def _environment_entries(
    fields: Mapping[str, FieldInfo], environ: Mapping[str, str]
) -> Iterable[tuple[str, object, str]]:
    for variable, text in environ.items():
        if variable.startswith(ENVIRONMENT_PREFIX) and variable not in _OF_COMMANDS:
            yield variable.removeprefix(ENVIRONMENT_PREFIX).lower(), text, variable
    for name, path in credentials(fields, environ):
        yield name + FILE_SUFFIX, path, f"credential {CREDENTIAL_PREFIX}{name}"


def _sort(
    entries: Iterable[tuple[str, object, str]],
    fields: Mapping[str, FieldInfo],
    place: str | None,
    problems: list[str],
) -> dict[str, _Given]:
    """Sort what one place gives by setting; `place` is the file that an unknown name stands in."""
    secrets = {name + FILE_SUFFIX: name for name in fields if may_be_in_a_file(fields[name])}
    given: dict[str, _Given] = {}
    for key, content, source in entries:
        name = secrets.get(key, key) if key not in fields else key
        if name not in fields:
            problems.append(_unknown_name(name, fields, place or source, secrets))
            continue
        if name in given:
            both = f"{given[name].source} and {source}"
            problems.append(f"{both} are both given; leave out one of them")
            continue
        given[name] = _Given(content, source, is_path=name != key)
    return given


def _origin(entry: _Given, field: FieldInfo) -> Origin:
    if not entry.is_path:
        return Origin(entry.content, entry.source, Mark.HIDDEN in field.metadata)
    secret = read_secret(entry.content, entry.source)
    return Origin(secret, f"{entry.source} ({entry.content})", secret=True)


def environment_name(name: str) -> str:
    """The environment variable of a setting."""
    return ENVIRONMENT_PREFIX + name.upper()


def _describe(problem: ErrorDetails, origin: Origin) -> str:
    if problem["loc"][0] == "alerts" and len(problem["loc"]) > 1:
        return f"{origin.source}, {_describe_in_rule(problem, origin.value)}"
    shown = "" if origin.secret else f" = {_shown(origin.value)}"
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


def _unknown_name(
    name: str, fields: Collection[str], source: str, secrets: Mapping[str, str]
) -> str:
    """What is wrong with a name that no setting has."""
    setting = name.removesuffix(FILE_SUFFIX)
    if setting in fields:
        hint = f"{setting} is no secret: give its value; files are for {', '.join(secrets)}"
    elif near := difflib.get_close_matches(name, [*fields, *secrets], n=1):
        hint = f"did you mean {near[0]}?"
    else:
        hint = "see `jmmc settings`"
    return f"{source}: unknown setting {name!r}; {hint}"
