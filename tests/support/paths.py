"""Where the checkout is, whatever folder a test stands in."""

from pathlib import Path

TESTS = Path(__file__).parent.parent
ROOT = TESTS.parent
