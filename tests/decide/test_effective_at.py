"""A campaign that is published ahead of its time: the version before decides until then, whenever it arrived."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from streams.backtest import Backtest
from streams.campaigns import CampaignSet, records
from tests.oracle.builders import DAY, HOUR, History, brand, campaign, t

NOON = t("2026-03-01T12:00")
CHANGES = NOON + 6 * HOUR


def versions_of_decisions(published: int) -> list[tuple[str, str, str]]:
    """(cart, outcome, reason) of two carts, due before and after the change that was published at a time."""
    before = CampaignSet((campaign("cart_abandoned", "cart"),), (brand(),))
    after = CampaignSet((campaign("cart_abandoned", "cart", when="customer.purchases > 0"),), ())
    run = Backtest(before, lambda _: 0, until=NOON + 3 * DAY)
    ((_, change),) = records(after, CHANGES, "ada")
    history = History()
    history.profile(NOON - DAY)
    history.cart(NOON, "a", "early")
    history.cart(CHANGES, "a", "late")
    rows: list[tuple[int, str, dict[str, Any]]] = [(published, "campaigns", change)]
    times = {"customers": [NOON - DAY], "web-sessions": [NOON, CHANGES]}
    for source, arrivals in times.items():
        rows += [(at, source, row) for at, row in zip(arrivals, history.sources[source], strict=True)]
    for at, source, row in sorted(rows, key=lambda row: row[0]):
        run.feed(source, at, msgspec.json.encode(row))
    return [(d["episode"], d["outcome"], d["reason"]) for d in run.finish().decisions]


@pytest.mark.parametrize("published", [CHANGES - 20 * HOUR, NOON - 1, NOON + HOUR, CHANGES])
def test_a_change_takes_effect_at_its_moment_and_not_when_it_arrives(published: int) -> None:
    assert versions_of_decisions(published) == [
        ("early", "sent", "due"),
        ("late", "suppressed", "condition_not_met"),
    ]
