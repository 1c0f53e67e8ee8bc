"""What somebody has stopped by hand (``cuepoint pause``), as the control records of the log say it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Pauses = frozenset[tuple[str, str, str]]
"""(``campaign`` or ``channel``, its name, brand; empty: every brand) of what is stopped."""
NOTHING: Pauses = frozenset()


def obey(pauses: Pauses, word: Mapping[str, Any]) -> Pauses:
    """What is stopped after the data of a control record of kind ``pause``."""
    place = frozenset({(word["what"], word["name"], word.get("brand") or "")})
    return pauses | place if word["paused"] else pauses - place


def is_stopped(pauses: Pauses, what: str, name: str, brand: str) -> bool:
    """Whether a campaign or channel is stopped for the brand."""
    return (what, name, "") in pauses or (what, name, brand) in pauses
