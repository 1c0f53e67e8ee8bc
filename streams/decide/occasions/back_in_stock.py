"""Back in stock: something that the customer carted, viewed or wished for can be bought again.

Episode, start and end: ``streams.decide.occasions.interest``.
"""

from __future__ import annotations

from streams.decide.occasions.interest import OfInterest
from streams.decide.rules import Compiled, Item, Versions
from streams.decide.view import View


class BackInStock(OfInterest):
    """See the module."""

    name = "back_in_stock"

    def changed(self, before: Item | None, after: Item) -> bool:
        """It was not available, and is."""
        return before is not None and after.available and not before.available

    def since(self, view: View, campaign: Compiled, brand: str, versions: Versions, seen: int) -> int | None:
        """From when on it has been available, after a time in which it was not; ``seen`` lies before that moment."""
        since = None
        for at, item in reversed(versions):
            if not item.available:
                return since if since is not None and seen < since else None
            since = at
        return None
