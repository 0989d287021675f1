"""`python -m jmmc`."""

from jmmc.cli import main

main(prog_name="jmmc")
