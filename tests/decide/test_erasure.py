"""An erasure in the middle of merges, over several partitions: decided as the oracle does, and nobody is left."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from schemas.envelope import Envelope
from schemas.topics import TOPICS
from streams.decide.partition import Partition
from streams.decide.state import ERASED, STATE_VERSION, CustomerState
from streams.decide.task import DecideTask
from tests.decide.memory_log import Runner
from tests.decide.test_forwarding import BRAND, CUTS, FAMILIES, ORDERS, family, worked_off
from tests.e2e.kit import write_lines
from tests.e2e.retailer import moment, small_campaigns
from tests.faults.retailer import Retailer, judged, outcomes
from tests.oracle.builders import HOUR, MINUTE, History

DAY_OF_MERGES, LAST_DAY, EVERY = 5, 30, 2


def is_erased(number: int) -> bool:
    """Whether somebody of the family is named by an erasure."""
    return number % EVERY == 0


@pytest.fixture(scope="module")
def retailer(tmp_path_factory: pytest.TempPathFactory) -> Retailer:
    """Core and oracle agree on it. Half of the families are erased, before, amid and after their merges."""
    directory, told = tmp_path_factory.mktemp("erased"), History()
    told.count = 80_000
    for number in range(FAMILIES):
        family(told, number, ORDERS[number % len(ORDERS)])
        at = moment(DAY_OF_MERGES, 9) + (number // EVERY % 4) * 50 * MINUTE
        if number % 6 == 0:
            at = moment(DAY_OF_MERGES, 14)  # a message may just have gone
        if is_erased(number):
            who = f"{'abcd'[number // EVERY % 4]}-{number}"
            told.erased(at, who)["brand"] = BRAND
            told.identified(at + 4 * HOUR, "last", anonymous_id=f"cookie-{number}", brand=BRAND)
            if number % 4 == 0:
                told.erased(at + 6 * HOUR, who)["brand"] = BRAND
    for number in filter(is_erased, range(FAMILIES)):
        for letter in "abcd":
            told.erased(moment(12, 9), f"{letter}-{number}")["brand"] = BRAND
    told.profile(moment(LAST_DAY, 9), "last", brand=BRAND)
    return judged(write_lines(directory / "history", told.sources), small_campaigns(), directory / "campaigns")


def named(runner: Runner, numbers: range) -> list[bytes]:
    """What is in the changelog of a task about anybody of these families; their cookies are the last one's"""
    found = []
    for number in filter(is_erased, numbers):
        pattern = re.compile(rb"(?<![a-z])[abcd]-%d(?![0-9])" % number)
        found += [key for key, value in runner.table.items() if pattern.search(key) or pattern.search(value)]
    return found


@pytest.mark.parametrize("cut", CUTS)
def test_erasures_amid_merges_are_decided_as_the_oracle_does_and_leave_nothing(
    retailer: Retailer, tmp_path: Path, cut: tuple[int, int, float, int]
) -> None:
    log, runners = worked_off(retailer, tmp_path, cut)
    rows = [msgspec.json.decode(value) for value in log.values("decisions")]
    assert outcomes(rows) == retailer.oracle
    assert any(row["reason"] == "erased" for row in rows)
    assert [found for runner in runners if (found := named(runner, range(FAMILIES)))] == []
    tasks = [runner._task for runner in runners if isinstance(runner._task, DecideTask)]
    assert not any(task._fold.waiting for task in tasks)
    assert sum(task._customers for task in tasks) == sum(key.startswith(b"c|") for r in runners for key in r.table)
    counts = [row for task in tasks for row in [task.counts.by_source["customers"]]]
    assert sum(row.get("duplicate", 0) for row in counts) > FAMILIES, "orders to erase who was erased"
    assert sum(row.get("ignored", 0) for task in tasks for row in task.counts.by_source.values()) > FAMILIES


@pytest.mark.parametrize("cut", CUTS[:1])
def test_a_changelog_from_which_nobody_was_erased_does_hold_the_names(
    retailer: Retailer, tmp_path: Path, cut: tuple[int, int, float, int]
) -> None:
    """The control of the test before."""
    lines = (retailer.history / "customers.jsonl").read_bytes().splitlines()
    (tmp_path / "history").mkdir()
    for path in retailer.history.glob("*.jsonl"):
        (tmp_path / "history" / path.name).write_bytes(path.read_bytes())
    kept = [line for line in lines if b"customer.erased" not in line]
    (tmp_path / "history" / "customers.jsonl").write_bytes(b"\n".join(kept) + b"\n")
    alike = judged(tmp_path / "history", small_campaigns(), tmp_path / "campaigns")
    _, runners = worked_off(alike, tmp_path, cut)
    stages = {runner.stage.name for runner in runners if named(runner, range(FAMILIES))}
    assert stages == {"identity", "decide"}
    assert TOPICS["erasures"].cleanup == "compact"


def folded(*events: Envelope) -> tuple[Partition, list[tuple[str, str]]]:
    """A partition that has applied these, and what became of each event."""
    partition, fates = Partition(lambda _: None, lambda _: iter(())), list[tuple[str, str]]()
    partition.on_accepted = lambda event, fate: fates.append((event.id, fate))
    for offset, event in enumerate(events):
        partition.take(event, offset)
    partition.advance(1_000, 1_000)
    return partition, fates


def cart(customer: str, at: int, event_id: str, eff: int | None = None) -> Envelope:
    data = {"cart": event_id, "session": "s", "lines": [{"product": "mug", "qty": 1, "price": 5}]}
    when = at if eff is None else eff
    return Envelope(event_id, "cart.updated", "web-sessions", customer, at, when, brand="acme", data=data)


def erased(customer: str, at: int, source: str = "customers") -> Envelope:
    return Envelope("x", "customer.erased", source, customer, at, at, brand="acme")


def test_an_erased_id_stays_erased_for_all_times() -> None:
    partition, fates = folded(cart("c1", 1, "e1"), erased("c1", 2), cart("c1", 1, "late", eff=5), cart("c1", 9, "new"))
    assert fates == [("e1", "accepted"), ("x", "accepted"), ("late", "ignored"), ("new", "ignored")]
    assert partition.states.live["c1"] == CustomerState(STATE_VERSION, "c1", moved_to=ERASED, forgotten=2)


def test_an_identifier_begins_anew_with_what_happens_after_the_erasure() -> None:
    events = (erased("anon:A", 2, "identity"), cart("anon:A", 1, "late", eff=5), cart("anon:A", 6, "new"))
    partition, fates = folded(cart("anon:A", 1, "e1"), *events, cart("anon:A", 2, "later", eff=7))
    assert fates == [("e1", "accepted"), ("late", "ignored"), ("new", "accepted"), ("later", "ignored")]
    assert [cart.id for cart in partition.states.live["anon:A"].carts.values()] == ["new"]


def test_an_erasure_of_nobody_is_counted_and_remembered() -> None:
    partition, fates = folded(erased("c1", 2), erased("c1", 3))
    assert fates == [("x", "accepted"), ("x", "duplicate")]
    assert partition.states.erasures == {"c1": 3}, "what happened until the later one is left out"
    assert (partition.states.gone, partition.states.new) == (0, {})


def test_who_waits_for_the_state_of_an_erased_one_gets_an_empty_one() -> None:
    """Identity merges nobody who was erased; an order that was on its way before must not hold the other up."""
    merge = {"merge": "c2>c1@5"}
    expected = Envelope("m1", "merge.expected", "identity", "c1", 5, 5, data={**merge, "from": "c2"})
    out = Envelope("m2", "merge.out", "identity", "c2", 5, 5, data={**merge, "to": "c1"})
    partition, fates = folded(erased("c2", 1), expected, out, cart("c1", 6, "e6"))
    assert not partition.waiting
    assert fates[-1] == ("e6", "accepted")
    _, fates = folded(erased("c1", 1), expected, out, cart("c1", 6, "e6"))
    assert fates[-1] == ("e6", "ignored")
