"""Simulated calls with known problems: for the demo, for benchmarks and for the tests.

A seed and a scenario enter; sessions leave as samples that browsers could have sent, with the
problems planted in them. They go into a store as history, or to a collector as pushes. The package
knows nothing of grades, pages or the browser script.
"""

__all__ = ["delivery", "demo", "expected", "scenario"]
