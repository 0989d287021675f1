"""The stores of these tests: files of SQLite."""

from tests.support.collectors import store as store
