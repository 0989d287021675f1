"""`python -m jmmc`."""

from jmmc.cli import main

main()
