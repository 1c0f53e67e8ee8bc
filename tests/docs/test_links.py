"""Every relative link in the docs and the README leads somewhere, to a heading too."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [path for path in (*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md") if path.exists()]


def links(text: str) -> list[str]:
    """Targets of the links of a page, those to other sites left out."""
    without_code = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    found = re.findall(r"\]\(([^)\s]+)\)", without_code)
    return [target for target in found if not re.match(r"[a-z]+:", target)]


def anchors(text: str) -> set[str]:
    """The anchors that GitHub makes of headings."""
    without_code = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", without_code, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in links(page.read_text(encoding="utf-8")):
        name, _, anchor = target.partition("#")
        place = (page.parent / name).resolve() if name else page
        assert place.exists(), f"{page.name}: {target} does not exist"
        if anchor:
            assert anchor in anchors(place.read_text(encoding="utf-8")), f"{page.name}: {target} has no such heading"


def test_a_broken_link_is_seen() -> None:
    assert links("see [this](nowhere.md) and [that](https://example.com)") == ["nowhere.md"]
    assert anchors("## Options of each occasion\n### `welcome`\n") == {"options-of-each-occasion", "welcome"}
