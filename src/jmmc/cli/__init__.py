"""The command `jmmc`: one file per group of commands.

Arguments, environment and files enter; text, JSON and an exit code leave: 1 for a failure, 2 for a
wrong option or setting. This wing calls the others; it knows nothing of SQL or the wire format.
"""

from jmmc.cli.command import main

__all__ = ["main"]
