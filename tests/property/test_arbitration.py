"""Arbitration over generated histories: what goes is the best of its slot, whatever arrived first."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from hypothesis import given

from streams.backtest import backtest_history
from tests.property.cases import Case, cases
from tests.property.test_core_equals_oracle import FEWER


@FEWER
@given(cases())
def test_no_message_goes_while_a_better_one_of_its_slot_was_due(case: Case) -> None:
    """Of one release at most one message goes; what it outranked is not better, and what was better had a cap."""
    priority = {campaign.id: campaign.priority for campaign in case.campaigns}
    releases: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in backtest_history(case.history, case.campaigns, case.brands, case.lateness_ms, case.until_ms).decisions:
        if row["outcome"] in ("sent", "ghost") or row["reason"] in ("outranked", "frequency_cap"):
            releases[row["customer_id"], row["brand"], row["channel"], row["decided_at"]].append(row)
    for rows in releases.values():
        went = [row for row in rows if row["outcome"] == "sent"]
        assert len(went) <= 1, rows
        for row in rows:
            if went and row["reason"] == "outranked" and priority[row["campaign"]] > priority[went[0]["campaign"]]:
                held = [gate["gate"] for gate in row["gates"] if gate["gate"] == "holdout" and not gate["passed"]]
                assert held, "only a ghost may be outranked, by a better ghost, and a message of less priority go"
