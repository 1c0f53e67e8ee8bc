"""Content: it exists for the market, in a language of the customer or a fallback."""

from __future__ import annotations

from schemas.campaigns import Content
from streams.decide.gates.base import Answer
from streams.decide.view import View


def content(view: View, made: Content, brand: str) -> tuple[Answer, str | None]:
    """The answer and the language. Reason: content_missing."""
    market = view.market(brand)
    if made.markets and market not in made.markets:
        return Answer("content", "content_missing", f"{made.key} is not made for market {market}"), None
    chain = [*view.languages(brand), *made.fallback]
    for language in chain:
        if language in made.languages:
            return Answer("content", "", f"{made.key} in {language}"), language
    return Answer("content", "content_missing", f"{made.key} in none of {', '.join(chain) or 'no language'}"), None
