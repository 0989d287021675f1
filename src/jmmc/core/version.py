"""The version of the package, for the build, `--version` and the metrics."""

__version__ = "1.0.0"
