"""The options of commands that take every setting."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import click
from pydantic.fields import FieldInfo

from jmmc.cli.common import Command, fail
from jmmc.core.errors import SettingsError
from jmmc.settings import (
    FILE_SUFFIX,
    Settings,
    default_text,
    load_settings,
    may_be_in_a_file,
)


def setting_options(command: Command) -> Command:
    """Add an option for each setting, and --config."""
    for name, field in reversed(Settings.model_fields.items()):
        if may_be_in_a_file(field):
            command = _file_option(name)(command)
        command = _setting_option(name, field)(command)
    config = click.Path(path_type=Path, dir_okay=False)
    return click.option("--config", type=config, help="TOML file with settings.")(command)


def _setting_option(name: str, field: FieldInfo) -> Callable[[Command], Command]:
    flag = "--" + name.replace("_", "-")
    flags = f"{flag}/--no-{flag[2:]}" if field.annotation is bool else flag
    return click.option(
        flags,
        name,
        default=None,
        metavar=None if field.annotation is bool else "VALUE",
        help=f"{field.description} [default: {default_text(field) or 'none'}]",
    )


def _file_option(name: str) -> Callable[[Command], Command]:
    flag = f"--{name}{FILE_SUFFIX}".replace("_", "-")
    help_text = f"File that {name} is read from, without the newline at its end."
    return click.option(flag, name + FILE_SUFFIX, default=None, metavar="FILE", help=help_text)


def given_flags(flags: Mapping[str, object]) -> dict[str, object]:
    """The flags that were given, without those that a command line left out."""
    return {name: value for name, value in flags.items() if value is not None}


def read(config: Path | None, flags: Mapping[str, object]) -> Settings:
    """Load the settings from a command's options. Raises `SettingsError`."""
    return load_settings(flags=given_flags(flags), environ=os.environ, file=config)


def load(config: Path | None, flags: Mapping[str, object]) -> Settings:
    """Load the settings from a command's options; a mistake in them ends the command."""
    try:
        return read(config, flags)
    except SettingsError as error:
        fail(error, 2)
