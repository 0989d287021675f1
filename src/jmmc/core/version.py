"""The version of the package, for the build, `--version` and the metrics."""

__version__ = "0.2.0"
