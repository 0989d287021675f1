"""The command `jmmc`, and `python -m jmmc`."""

import sys

from jmmc.server.reload_signal import RELOAD_SIGNAL


def main() -> None:
    """Run the command. SIGHUP means a reload to `jmmc serve` from here to the process's end."""
    serves = sys.argv[1:2] == ["serve"]
    if serves:
        # Before the imports of the command, which take most of a second, more on a busy machine.
        RELOAD_SIGNAL.hold()
    try:
        from jmmc.cli import main as command

        command(prog_name="jmmc")
    finally:
        if serves:
            RELOAD_SIGNAL.ignore()


if __name__ == "__main__":
    main()
