"""The command `jmmc`: one file a group of commands."""

from jmmc.cli.command import main

__all__ = ["main"]
