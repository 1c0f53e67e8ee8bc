"""What breaks those who know the last release is found, rule by rule; what does not break them passes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner

from schemas import compatibility
from schemas.compatibility import RULES, breaks, load, released, versions
from streams.cli import main

NOW = released()
Change = Callable[[dict[str, Any]], object]


def trigger(state: dict[str, Any]) -> dict[str, Any]:
    """The schema of an output."""
    found: dict[str, Any] = state["schemas"]["triggers"]
    return found


def feedback(state: dict[str, Any]) -> dict[str, Any]:
    """The schema of an input."""
    found: dict[str, Any] = state["schemas"]["channel-feedback"]
    return found


def field(state: dict[str, Any], name: str) -> dict[str, Any]:
    """A field of an input."""
    found: dict[str, Any] = feedback(state)["properties"][name]
    return found


def order(state: dict[str, Any], model: str) -> dict[str, Any]:
    """A model of an input of several kinds."""
    found: dict[str, Any] = state["schemas"]["orders"]["$defs"][model]
    return found


BREAKING: list[tuple[str, str, Change]] = [
    ("topic removed", "orders", lambda s: s["topics"].pop("orders")),
    ("topic key", "triggers.email", lambda s: s["topics"]["triggers.email"].update(key="campaign")),
    ("topic partitions", "orders", lambda s: s["topics"]["orders"].update(partitioned=False)),
    ("topic cleanup", "orders", lambda s: s["topics"]["orders"].update(cleanup="compact")),
    ("topic retention", "triggers.sms", lambda s: s["topics"]["triggers.sms"].update(retention_ms=1)),
    ("topic retention", "orders", lambda s: s["topics"]["orders"].update(record_bytes_max=1)),
    ("field removed", "triggers.offer.code", lambda s: trigger(s)["$defs"]["TriggerOffer"]["properties"].pop("code")),
    ("field removed", "channel-feedback.detail", lambda s: feedback(s)["properties"].pop("detail")),
    ("field removed", "orders.lines[].category", lambda s: order(s, "OrderLine")["properties"].pop("category")),
    ("field required", "channel-feedback.decision_id", lambda s: feedback(s)["required"].append("decision_id")),
    ("field optional", "triggers.items", lambda s: trigger(s)["required"].remove("items")),
    (
        "type narrowed",
        "channel-feedback.status",
        lambda s: feedback(s)["properties"]["status"]["enum"].remove("opened"),
    ),
    ("type narrowed", "channel-feedback.detail", lambda s: feedback(s)["properties"].update(detail={"type": "null"})),
    (
        "type narrowed",
        "channel-feedback.event_id",
        lambda s: feedback(s)["properties"]["event_id"].update(maxLength=8),
    ),
    (
        "type narrowed",
        "channel-feedback.event_id",
        lambda s: feedback(s)["properties"]["event_id"].update(pattern="^x"),
    ),
    ("type widened", "triggers.brand", lambda s: trigger(s)["properties"].update(brand={"type": ["string", "null"]})),
    ("type widened", "triggers.step", lambda s: trigger(s)["properties"]["step"].pop("minimum")),
    ("codes grown", "triggers.action", lambda s: trigger(s)["properties"]["action"]["enum"].append("pause")),
]
"""(rule, place, what is done to the contracts)."""


@pytest.mark.parametrize(
    ("rule", "place", "change"), BREAKING, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_breaking_change_is_found_and_nothing_else(rule: str, place: str, change: Change) -> None:
    changed = copy.deepcopy(NOW)
    change(changed)
    found = breaks(NOW, changed)
    assert {(one.rule, one.place) for one in found} == {(rule, place)}, found


def test_every_rule_has_a_change_that_breaks_it() -> None:
    assert {rule for rule, *_ in BREAKING} == set(RULES)


HARMLESS: list[Change] = [
    lambda s: trigger(s)["properties"].update(colour={"type": "string"}),
    lambda s: trigger(s)["required"].append("colour"),
    lambda s: feedback(s)["properties"].update(colour={"type": "string"}),
    lambda s: feedback(s)["properties"]["status"]["enum"].append("read"),
    lambda s: feedback(s)["required"].remove("status"),
    lambda s: trigger(s)["properties"]["step"].update(minimum=2),
    lambda s: s["topics"]["orders"].update(retention_ms=10**12),
    lambda s: s["topics"].update(news={}),
]


@pytest.mark.parametrize("change", HARMLESS)
def test_what_nobody_has_to_notice_passes(change: Change) -> None:
    changed = copy.deepcopy(NOW)
    change(changed)
    assert breaks(NOW, changed) == []


def test_the_contracts_keep_what_the_last_release_promised() -> None:
    assert breaks(load(versions()[-1]), NOW) == []


def test_the_command_fails_on_a_break_and_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    run = CliRunner()
    assert run.invoke(main, ["contracts", "check"]).exit_code == 0
    changed = copy.deepcopy(NOW)
    trigger(changed)["properties"].pop("reason")
    monkeypatch.setattr(compatibility, "released", lambda: changed)
    failed = run.invoke(main, ["contracts", "check"])
    assert failed.exit_code == 1
    assert "triggers.reason: the field is gone (field removed)" in failed.output
    assert run.invoke(main, ["contracts", "check", "--against", "9.9.9"]).exit_code == 2


def test_a_release_is_kept_once() -> None:
    kept = CliRunner().invoke(main, ["contracts", "release", versions()[-1]])
    assert kept.exit_code == 2
    assert "is kept already" in kept.output
    assert "three numbers" in CliRunner().invoke(main, ["contracts", "release", "next"]).output
