"""`python -m jmmc`."""

from jmmc.cli.main import main

main()
