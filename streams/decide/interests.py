"""In which products a customer has shown interest: viewed, carted, wished, bought.

Rules: docs/semantics.md, "Interest". Only for brands with a campaign that needs it (``RuleSet.watched``). What changes
here is noted in the partition's index of watchers, which knows CRM customers only: others get no message about a
product.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from schemas.envelope import Envelope
from streams.decide.facts import PURCHASE_TYPES
from streams.decide.state import DAY_MS, INTERESTS_MAX, CustomerState, Interest
from streams.decide.watchers import Watchers

INTEREST_TYPES = PURCHASE_TYPES | {"product.viewed", "product.wished", "cart.updated", "order.changed"}
"""Events that show interest."""
Watched = Mapping[str, frozenset[str]]
"""``RuleSet.watched``."""


def note(state: CustomerState, event: Envelope, watched: Watched, watchers: Watchers | None) -> None:
    """Remember what an event shows, if a campaign of the brand needs it. ``watchers``: None for a copy of a state."""
    kinds = watched.get(event.brand)
    if kinds is None:
        return
    data, at = event.data, event.at
    if event.type == "product.viewed":
        rows, kind = [data["product"]], "viewed"
    elif event.type == "product.wished":
        rows, kind = [data["product"]], "wished"
    elif event.type == "cart.updated":
        rows, kind = [row["product"] for row in data["lines"]], "carted"
    else:
        rows, kind = [row["product"] for row in data["lines"] if row.get("kind") != "return"], "bought"
    if kind not in kinds:
        return
    start, listed = f"{event.brand}|", bool(data.get("listed"))
    for product in list(dict.fromkeys(rows))[:INTERESTS_MAX]:
        _show(state, f"{start}{product}", kind, at, listed, watchers)
    _bound(state, watchers)


def renew(state: CustomerState, watched: Watched, watchers: Watchers | None) -> None:
    """After new rules or a merge: forget what no campaign needs, and take over what carts and purchases show."""
    if not (watched or state.interests):
        return
    for place in [place for place in state.interests if place.partition("|")[0] not in watched]:
        _forget(state, place, watchers)
    for brand, product, kind, at in sorted(_in_facts(state), key=lambda row: (row[3], row[:3])):
        if kind in watched.get(brand, ()):
            _show(state, f"{brand}|{product}", kind, at, False, watchers)
    _bound(state, watchers)


def absorb(state: CustomerState, other: Mapping[str, Interest]) -> None:
    """Add the interests of a customer who became this one."""
    for place, theirs in other.items():
        mine = state.interests.get(place, Interest())
        listed = max((mine.wished, mine.listed), (theirs.wished, theirs.listed))[1]
        state.interests[place] = Interest(
            max(mine.viewed, theirs.viewed),
            max(mine.carted, theirs.carted),
            max(mine.wished, theirs.wished),
            listed,
            max(mine.bought, theirs.bought),
        )


def snapshot(state: CustomerState) -> dict[str, tuple[int, ...]]:
    """The interests as they are, to see whether they change."""
    return {place: msgspec.structs.astuple(interest) for place, interest in state.interests.items()}


def enter_all(state: CustomerState, watchers: Watchers) -> None:
    """Enter a customer in the index for everything that he is interested in."""
    _bound(state, watchers)
    if state.known:
        for place, interest in state.interests.items():
            watchers.enter(place, state.customer, interest.last // DAY_MS)


def leave_all(state: CustomerState, watchers: Watchers) -> None:
    """Take a customer out of the index: he is merged away, or to be forgotten."""
    for place in state.interests:
        watchers.leave(place, state.customer)


def _in_facts(state: CustomerState) -> Iterator[tuple[str, str, str, int]]:
    for cart in state.carts.values():
        for product, _, _ in cart.lines:
            yield cart.brand, product, "carted", cart.activity
    for purchase in state.purchases.values():
        if purchase.at >= 0:
            for line in purchase.lines:
                yield purchase.brand, line.product, "bought", purchase.at


def _show(state: CustomerState, place: str, kind: str, at: int, listed: bool, watchers: Watchers | None) -> None:
    interest = state.interests.get(place)
    if interest is None:
        interest = state.interests[place] = Interest()
    if at < getattr(interest, kind):
        return
    last, day = interest.last, at // DAY_MS
    setattr(interest, kind, at)
    if kind == "wished":
        interest.listed = listed
    if at > last and watchers is not None and day > last // DAY_MS and state.known:
        watchers.enter(place, state.customer, day)


def _bound(state: CustomerState, watchers: Watchers | None) -> None:
    excess = len(state.interests) - INTERESTS_MAX
    if excess > 0:
        for place in sorted(state.interests, key=lambda place: (state.interests[place].last, place))[:excess]:
            _forget(state, place, watchers)


def _forget(state: CustomerState, place: str, watchers: Watchers | None) -> None:
    del state.interests[place]
    if watchers is not None:
        watchers.leave(place, state.customer)
