"""docs/explain.md describes every status and every field of the object for tools, and nothing else."""

from __future__ import annotations

import re

from streams.docs.pages import DIRECTORY
from streams.explain.compare import compared
from streams.explain.show import as_object
from streams.explain.story import STATUSES, accounts
from tests.explain.kit import recorded
from tests.explain.test_story import CART, bought_late
from tests.oracle.builders import HOUR

PAGE = (DIRECTORY / "explain.md").read_text(encoding="utf-8")


def table_of(heading: str) -> list[tuple[str, str]]:
    """Cells of the table below a heading."""
    part = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    return [(row[1], row[2]) for row in re.finditer(r"^\| (`.*?) \| (.*) \|$", part, re.MULTILINE)]


def test_every_status_stands_there_with_its_meaning() -> None:
    assert table_of("The last word of a campaign") == [(f"`{name}`", text) for name, text in STATUSES.items()]


def test_every_field_for_tools_stands_there() -> None:
    recording = recorded(bought_late(4 * HOUR), CART)
    recording.recorded = recording.decisions
    found = as_object(recording, accounts(recording, None), compared(recording, None), None)
    rows = table_of("For tools")
    assert [name for first, _ in rows for name in re.findall(r"`(\w+)`", first)] == list(found)
    told = {re.findall(r"`(\w+)`", first)[-1]: set(re.findall(r"`(\w+)`", text)) for first, text in rows}
    assert set(found["campaigns"][0]) == told["campaigns"]
    assert set(found["timeline"][0]) == told["timeline"] - {"event", "decision", "ended"}
    assert set(found["recomputed"]) == told["recomputed"]
