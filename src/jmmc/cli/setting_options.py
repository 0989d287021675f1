"""The options of commands that take every setting."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import get_args

import click
from click.shell_completion import CompletionItem
from pydantic.fields import FieldInfo

from jmmc.cli.common import Command, fail
from jmmc.core.errors import SettingsError
from jmmc.settings import (
    FILE_SUFFIX,
    GROUPS,
    Settings,
    default_text,
    load_settings,
    may_be_in_a_file,
)


class SettingOption(click.Option):
    """An option of a setting, or of the file of a secret one; `setting` is its name."""

    setting: str = ""

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """See `click.Parameter`: completes the values of a setting that allows only some."""
        values = get_args(Settings.model_fields[self.setting].annotation)
        choices = [value for value in values if isinstance(value, str)]
        if not choices or self.name != self.setting:
            return super().shell_complete(ctx, incomplete)
        return [CompletionItem(value) for value in choices if value.startswith(incomplete)]


class CommandWithSettings(click.Command):
    """A command that takes every setting; its help has its own options and no settings."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """See `click.Command`."""
        options = [option for option in self.get_params(ctx) if not _is_setting(option)]
        _write_options("Options", options, ctx, formatter)
        with formatter.section("Settings"):
            formatter.write_text(
                "Each setting of the server is an option too, such as --store URL:"
                " jmmc serve --help lists them, jmmc settings shows what is set."
            )


class ServingCommand(click.Command):
    """A command whose help has its own options first, then the settings by their groups."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """See `click.Command`."""
        params = self.get_params(ctx)
        own = [option for option in params if not _is_setting(option)]
        _write_options("Options", own, ctx, formatter)
        for group in GROUPS:
            options = [
                option
                for option in params
                if isinstance(option, SettingOption) and option.setting in group.model_fields
            ]
            _write_options(f"Settings: {group.title}", options, ctx, formatter)


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
        cls=_option_of(name),
        default=None,
        metavar=None if field.annotation is bool else "VALUE",
        help=f"{field.description} [default: {default_text(field) or 'none'}]",
    )


def _file_option(name: str) -> Callable[[Command], Command]:
    flag = f"--{name}{FILE_SUFFIX}".replace("_", "-")
    help_text = f"File that {name} is read from, without the newline at its end."
    return click.option(
        flag,
        name + FILE_SUFFIX,
        cls=_option_of(name),
        type=click.Path(readable=False),
        default=None,
        metavar="FILE",
        help=help_text,
    )


def _option_of(name: str) -> type[SettingOption]:
    return type("SettingOption", (SettingOption,), {"setting": name})


def _is_setting(option: click.Parameter) -> bool:
    return isinstance(option, SettingOption)


def _write_options(
    title: str,
    options: list[click.Parameter] | list[SettingOption],
    ctx: click.Context,
    formatter: click.HelpFormatter,
) -> None:
    records = [record for option in options if (record := option.get_help_record(ctx))]
    if records:
        with formatter.section(title):
            formatter.write_dl(records)


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
