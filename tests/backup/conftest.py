"""A small pipeline of one test."""

from tests.e2e.conftest import settings

__all__ = ["settings"]
