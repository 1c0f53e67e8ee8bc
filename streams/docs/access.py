"""The table of rights as Markdown."""

from __future__ import annotations

from schemas.access import USERS
from streams.docs.markdown import code, codes, table


def access() -> str:
    """Every user with what it reads and writes."""
    rows = ((code(user.name), user.purpose, codes(user.reads), codes(user.writes)) for user in USERS.values())
    return table(("user", "who", "reads", "writes"), rows)
