"""What the pipeline's rows are measured on is what it is said to be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from benchmarks.pipeline import breadth, copies, mix
from benchmarks.pipeline.decide import scratch_settings
from benchmarks.pipeline.dry_run import DryRun
from benchmarks.pipeline.logs import Log, events_in
from schemas.topics import MARK_KEY
from streams.backtest import backtest_lines
from streams.simulate.rates import DAY_MS
from streams.simulate.retailer import START_MS
from streams.stages import task_factory
from streams.table import MemoryTable, wake_of

RECORDS = 1_400
COPIES = 3
NOW = START_MS + 300 * DAY_MS


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[mix.Line]:
    """A year of twenty simulated customers."""
    return mix.simulated(tmp_path_factory.mktemp("retailer"), RECORDS)


def dry_run(directory: Path) -> DryRun:
    return DryRun(scratch_settings("nowhere:1", "test", directory, partitions=2), mix.shipped_campaigns())


def decisions(log: Log) -> list[dict[str, Any]]:
    values = [record.value for (topic, _), kept in log.items() if topic == "decisions" for record in kept]
    return [msgspec.json.decode(value) for value in values if value is not None]


def what(found: Iterable[dict[str, Any]]) -> Counter[tuple[Any, ...]]:
    """Decisions without what depends on the names of customers and carts."""
    fields = ("campaign", "step", "outcome", "reason", "due_at", "decided_at")
    return Counter(tuple(row[field] for field in fields) for row in found)


def test_a_dry_run_decides_as_a_backtest(lines: list[mix.Line], tmp_path: Path) -> None:
    run = dry_run(tmp_path)
    run.run(lines)
    expected = backtest_lines(lines, mix.shipped_campaigns(), run.settings.replay_lateness)
    found = {(row["decision_id"], row["outcome"], row["reason"]) for row in decisions(run.log)}
    assert found == expected.outcomes
    assert found


def test_renamed_customers_get_the_same_decisions(lines: list[mix.Line], tmp_path: Path) -> None:
    plain, renamed = dry_run(tmp_path / "plain"), dry_run(tmp_path / "renamed")
    plain.run(lines)
    renamed.run(copies.renameable(lines))
    assert what(decisions(plain.log)) == what(decisions(renamed.log))
    assert all(row["customer_id"].endswith(copies.TOKEN.decode()) for row in decisions(renamed.log))


def test_a_run_in_two_parts_begins_the_second_with_the_state_of_the_first(
    lines: list[mix.Line], tmp_path: Path
) -> None:
    run = dry_run(tmp_path)
    first = run.run([line for line in lines if line[1] < NOW], NOW)
    made = len(decisions(run.log))
    second = run.run([line for line in lines if line[1] >= NOW])
    assert not any(first.tables)
    assert all(second.tables)
    assert first.end == NOW < second.end
    assert made < len(decisions(run.log))
    assert first.events + second.events == events_in(run.log)


def test_events_are_counted_once_and_marks_not_at_all(lines: list[mix.Line], tmp_path: Path) -> None:
    given = dry_run(tmp_path).run(lines)
    ids = {
        msgspec.json.decode(record.value)["id"]
        for kept in given.log.values()
        for record in kept
        if record.key != MARK_KEY and record.value is not None
    }
    assert len(ids) <= given.events <= 1.1 * len(ids)  # a duplicate is an event of its own


def test_copies_are_customers_of_their_own(lines: list[mix.Line], tmp_path: Path) -> None:
    run = dry_run(tmp_path)
    run.run(copies.renameable([line for line in lines if line[1] < NOW]), NOW)
    given = run.run(copies.renameable([line for line in lines if line[1] >= NOW]))
    tables = [dict(copies.copied_table(table, COPIES)) for table in given.tables]
    customers = copies.customers_in(given.tables)
    assert customers
    assert copies.customers_in(tables) == COPIES * customers
    for number, table in enumerate(tables):
        task = task_factory("decide", run.settings)(number)
        task.load(MemoryTable(table, wake_of(task)))
    log = copies.copied_log(given.log, COPIES)
    copied = [key for rows in log.values() for key, _, _ in rows]
    assert not any(copies.TOKEN in (key or b"") for key in copied)
    own = sum(copies.TOKEN in (record.key or b"") for kept in given.log.values() for record in kept)
    numbered = Counter(copies.name_of(COPIES - 1) in key for key in copied if key is not None)
    assert numbered[True] == own
    assert copies.copied_events(given, COPIES) > COPIES * own


def test_one_retailer_as_many_brands_has_as_many_events(lines: list[mix.Line]) -> None:
    made = breadth.of_brands(lines, breadth.BRANDS)
    told = [raw for source, arrived, raw in lines if source != "catalog" or arrived >= START_MS]
    assert sum(source != "catalog" or arrived >= START_MS for source, arrived, _ in made) == len(told)
    items = sum(source == "catalog" and arrived < START_MS for source, arrived, _ in lines)
    assert len(made) - len(told) == items * len(breadth.BRANDS)
    brands = Counter(
        brand
        for source, _, raw in made
        if source == "orders"
        for brand in breadth.BRANDS
        if f'"{brand}"'.encode() in raw
    )
    assert len(brands) > len(breadth.BRANDS) / 4


def test_variants_are_valid_campaigns_of_all_brands() -> None:
    made = breadth.variants(breadth.BRANDS, 500)
    assert len({campaign.id for campaign in made.campaigns}) == 500
    per_brand = Counter(campaign.brands[0] for campaign in made.campaigns)
    assert set(per_brand) == set(breadth.BRANDS)
    assert max(per_brand.values()) - min(per_brand.values()) <= 1
    assert len({campaign.occasion for campaign in made.campaigns}) == breadth.OCCASIONS
