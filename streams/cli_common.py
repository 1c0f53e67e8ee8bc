"""What all commands share."""

from __future__ import annotations

from streams.settings import Settings, load_settings


def settings(**overrides: object) -> Settings:
    """The settings of this call."""
    return load_settings(overrides)
