"""Pages with generated parts: which there are, how they are filled, and which are stale."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import click

from sinks.dictionary import PATH, dictionary
from streams.docs import access, contracts, reference, sources, stores

DIRECTORY = Path(__file__).parents[2] / "docs"
_BLOCK = re.compile(r"(<!-- generated: ([a-z -]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def blocks(root: click.Command) -> dict[str, Callable[[], str]]:
    """Name -> what makes the part; ``root`` is the command line."""
    return {
        "topics": contracts.topics,
        "events": contracts.events,
        "stores": stores.stores,
        "access": access.access,
        "settings": reference.settings,
        "campaign fields": reference.campaign_fields,
        "campaign options": reference.campaign_options,
        "condition names": reference.condition_names,
        "condition items": reference.condition_items,
        "story fields": reference.story_fields,
        "brand fields": reference.brand_fields,
        "outcomes": reference.outcomes,
        "reasons": reference.reasons,
        "quarantine reasons": reference.quarantine_reasons,
        "metrics": reference.metrics,
        "what-if tables": reference.what_if_tables,
        "shopify fields": sources.shopify,
        "segment fields": sources.segment,
        "square fields": sources.square,
        "mapping fields": reference.mapping_fields,
        "commands": lambda: reference.commands(root),
    }


def names(text: str) -> list[str]:
    """The generated parts of a page, in order."""
    return [match[2] for match in _BLOCK.finditer(text)]


def filled(text: str, root: click.Command) -> str:
    """The page with every generated part as it should be. Raises KeyError for a part that nothing makes."""
    known = blocks(root)
    return _BLOCK.sub(lambda match: f"{match[1]}\n{known[match[2]]()}\n\n{match[3]}", text)


def write(root: click.Command) -> list[Path]:
    """Fill in every page that differs, and the page of tables, which is generated as a whole; returns those."""
    touched = []
    for page in sorted(DIRECTORY.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        wanted = dictionary() if page.name == PATH.name else filled(text, root)
        if wanted != text:
            page.write_text(wanted, encoding="utf-8")
            touched.append(page)
    return touched
