"""`jmmc completion`: completes commands, options and values in bash, zsh and fish."""

import os
from pathlib import Path
from typing import NamedTuple

import click
from click.shell_completion import get_completion_class

from jmmc.cli.common import fail


class _Shell(NamedTuple):
    """Where a shell looks for completions, under the folder that a variable names."""

    variable: str
    default: str
    file: str
    hint: str = "open a new shell to use it"


_SHELLS = {
    "bash": _Shell("XDG_DATA_HOME", "~/.local/share", "bash-completion/completions/jmmc"),
    "zsh": _Shell(
        "ZDOTDIR",
        "~",
        ".zfunc/_jmmc",
        "have this in .zshrc: fpath+={folder}; autoload -Uz compinit; compinit",
    ),
    "fish": _Shell("XDG_CONFIG_HOME", "~/.config", "fish/completions/jmmc.fish"),
}


@click.command()
@click.argument("shell", type=click.Choice(tuple(_SHELLS)))
@click.option("--install", is_flag=True, help="Write it where the shell of this user finds it.")
@click.pass_context
def completion(ctx: click.Context, shell: str, install: bool) -> None:
    """Print the completion for a shell.

    To try it in bash: eval "$(jmmc completion bash)". It completes commands, options, their values,
    and rooms, participants, sessions and users of the store.
    """
    kind = get_completion_class(shell)
    assert kind is not None
    source = kind(ctx.find_root().command, {}, "jmmc", "_JMMC_COMPLETE").source()
    if not install:
        click.echo(source)
        return
    place = _SHELLS[shell]
    folder = os.environ.get(place.variable) or Path(place.default).expanduser()
    file = Path(folder) / place.file
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source + "\n", "utf-8")
    except OSError as error:
        fail(f"{file}: {error.strerror}", 1)
    click.echo(f"{file}: written; {place.hint.format(folder=file.parent)}")
