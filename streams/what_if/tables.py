"""The difference as a DuckDB file: tables in the schema ``what_if``, each table and column with a comment."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from schemas.base import rfc3339, to_major
from sinks.columns import Column, Table, quote, shape_literal
from sinks.layout import STORAGE_VERSION
from streams.campaign_diff import Change, in_words
from streams.errors import InputError
from streams.what_if.compare import DAY_MS, KINDS, Difference
from streams.what_if.decided import Decided

ROWS_MAX = 5_000
"""Rows that are handed over at a time."""


def _table(name: str, comment: str, **columns: tuple[str, str]) -> Table:
    return Table("what_if", name, comment, tuple(Column(of, kind, says, kind) for of, (kind, says) in columns.items()))


def _sides(kind: str, says: str, name: str) -> dict[str, tuple[str, str]]:
    return {
        f"{name}_before": (kind, f"{says} with the first set."),
        f"{name}_after": (kind, f"{says} with the second set."),
    }


ABOUT = _table(
    "about",
    "One row: what was compared, and the totals.",
    since=("TIMESTAMPTZ", "Begin of the period; NULL: of the history."),
    until=("TIMESTAMPTZ", "End of the period (exclusive); NULL: of the history."),
    attribution_days=("INTEGER", "Days after a message within which a purchase counts in what_if.revenue."),
    **_sides("BIGINT", "Decisions", "decisions"),
    **_sides("BIGINT", "Messages: decisions sent and not cancelled,", "messages"),
    same=("BIGINT", "Decisions that are the same."),
    changes=("VARCHAR[]", "What differs in the campaigns, in lines as cuepoint campaigns diff prints them."),
)
DECISIONS = _table(
    "decisions",
    "Every decision that differs, one row each: " + " ".join(f"{kind}: {says}" for kind, says in KINDS.items()),
    kind=("VARCHAR", "added, removed, moved or reworded."),
    decision_id=("VARCHAR", "Decision id, the same in both runs."),
    brand=("VARCHAR", "Brand."),
    customer_id=("VARCHAR", "Customer at the time of the decision."),
    campaign=("VARCHAR", "Campaign id."),
    episode=("VARCHAR", "What the message is about."),
    step=("INTEGER", "Step of the campaign, from 1."),
    market=("VARCHAR", "Market of the customer for the brand."),
    moved_in=("VARCHAR[]", "Of a moved decision what differs: time, channel, outcome, reason."),
    **_sides("TIMESTAMPTZ", "Logical time of the decision", "decided_at"),
    **_sides("VARCHAR", "Channel", "channel"),
    **_sides("VARCHAR", "Last outcome (NULL: not decided)", "outcome"),
    **_sides("VARCHAR", "Reason of the last outcome", "reason"),
)
GROUPS = _table(
    "groups",
    "Decisions by campaign, by market, by segment and by stage of life. A customer counts in each segment of the brand "
    "that he is in; segments and stages are as of the end, under the first set's rules.",
    dimension=("VARCHAR", "campaign, market, segment or stage."),
    value=("VARCHAR", "The campaign, market, segment or stage."),
    **_sides("BIGINT", "Decisions", "decisions"),
    added=("BIGINT", "Decisions that only the second set makes."),
    removed=("BIGINT", "Decisions that only the first set makes."),
    moved=("BIGINT", "Decisions at another time, on another channel, or with another outcome or reason."),
    reworded=("BIGINT", "Decisions alike but for content, language, items, offer or arm."),
    **_sides("BIGINT", "Messages", "messages"),
)
GATES = _table(
    "gates",
    "Decisions by outcome and reason: after = before - gone + come.",
    outcome=("VARCHAR", "Last outcome."),
    reason=("VARCHAR", "Its reason: the gate that decided."),
    **_sides("BIGINT", "Decisions", "decisions"),
    gone=("BIGINT", "Decisions that the second set ends otherwise, or does not make."),
    come=("BIGINT", "Decisions that the first set ends otherwise, or does not make."),
)
TRANSITIONS = _table(
    "transitions",
    "What became of the decisions that differ; NULL where a set does not decide. The same outcome and reason on both "
    "sides: only time or channel moved.",
    campaign=("VARCHAR", "Campaign."),
    **_sides("VARCHAR", "Last outcome", "outcome"),
    **_sides("VARCHAR", "Its reason", "reason"),
    decisions=("BIGINT", "How many."),
)
PRESSURE = _table(
    "pressure",
    "How many weeks of customers had so many messages. Weeks begin on Monday at 00:00 UTC; all brands and channels "
    "count together.",
    messages_in_week=("INTEGER", "Messages to one customer in one week; weeks without one are not counted."),
    **_sides("BIGINT", "Customers' weeks with so many", "customer_weeks"),
)
PRESSURE_LIMITS = _table(
    "pressure_limits",
    "Customers who got more than so many messages in some week. The limit 0 counts everybody with a message.",
    more_than=("INTEGER", "Limit."),
    **_sides("BIGINT", "Customers over the limit", "customers"),
)
WEEKS = _table(
    "weeks",
    "Messages by week.",
    week=("DATE", "Monday with which the week begins, UTC."),
    **_sides("BIGINT", "Messages", "messages"),
)
COLLISIONS = _table(
    "collisions",
    "Messages that came less than 24 hours after the customer's message before, by both campaigns.",
    earlier_campaign=("VARCHAR", "Campaign of the message before."),
    later_campaign=("VARCHAR", "Campaign of the message that came so soon."),
    **_sides("BIGINT", "Collisions", "collisions"),
)
REVENUE = _table(
    "revenue",
    "What customers bought of the brand, in any channel, within the attribution days after messages that only one set "
    "sends. A purchase counts for the latest such message before it. The same orders are in both runs: it says what "
    "the change lies next to, not what it earns.",
    change=("VARCHAR", "added: only the second set sends the messages; removed: only the first."),
    campaign=("VARCHAR", "Campaign."),
    currency=("VARCHAR", "Currency, ISO 4217; NULL: nothing was bought."),
    messages=("BIGINT", "All messages of the campaign that only this set sends; repeated for each currency."),
    orders=("BIGINT", "Purchases of which something was kept."),
    net_value=("DECIMAL(18, 3)", "Their value net of discounts, returns and cancellations."),
)
TABLES = (
    ABOUT,
    DECISIONS,
    GROUPS,
    GATES,
    TRANSITIONS,
    PRESSURE,
    PRESSURE_LIMITS,
    WEEKS,
    COLLISIONS,
    REVENUE,
)


def write_tables(difference: Difference, changes: Sequence[Change], path: Path) -> None:
    """Write the file anew. Raises InputError when it cannot be written."""
    partial = path.with_name(path.name + ".partial")
    try:
        partial.unlink(missing_ok=True)
        with duckdb.connect(str(partial), config={"storage_compatibility_version": STORAGE_VERSION}) as database:
            for statement in statements():
                database.execute(statement)
            for table, rows in _rows(difference, changes):
                _insert(database, table, rows)
        os.replace(partial, path)
    except (OSError, duckdb.Error) as error:
        raise InputError(f"{path} cannot be written ({error}); name another file with --out.") from error


def statements() -> Iterator[str]:
    """What makes the schema with its tables and comments."""
    yield "CREATE SCHEMA IF NOT EXISTS what_if"
    for table in TABLES:
        yield table.ddl()
        yield f"COMMENT ON TABLE {table.full_name} IS {quote(table.comment)}"
        for column in table.columns:
            yield f"COMMENT ON COLUMN {table.full_name}.{column.name} IS {quote(column.comment)}"


def _insert(database: duckdb.DuckDBPyConnection, table: Table, rows: Iterable[Sequence[Any]]) -> None:
    names = [column.name for column in table.columns]
    shape = [{column.name: _shape(column.type) for column in table.columns}]
    made = [dict(zip(names, row, strict=True)) for row in rows]
    query = f"INSERT INTO {table.full_name} SELECT unnest(from_json($rows, {shape_literal(shape)}), recursive := true)"
    for start in range(0, len(made), ROWS_MAX):
        database.execute(query, {"rows": msgspec.json.encode(made[start : start + ROWS_MAX]).decode()})


def _shape(kind: str) -> Any:
    return ["VARCHAR"] if kind == "VARCHAR[]" else kind


def _rows(difference: Difference, changes: Sequence[Change]) -> Iterator[tuple[Table, Iterable[Sequence[Any]]]]:
    yield ABOUT, [_about(difference, changes)]
    yield DECISIONS, (_decision(pair.kind, pair.before, pair.after, pair.fields) for pair in difference.pairs)
    yield (
        GROUPS,
        (
            (
                group.dimension,
                group.value,
                group.before,
                group.after,
                group.added,
                group.removed,
                group.moved,
                group.reworded,
                group.messages_before,
                group.messages_after,
            )
            for group in difference.groups
        ),
    )
    yield GATES, difference.gates
    yield (
        TRANSITIONS,
        (
            (
                row.campaign,
                row.before[0] or None,
                row.after[0] or None,
                row.before[1] or None,
                row.after[1] or None,
                row.decisions,
            )
            for row in difference.transitions
        ),
    )
    before, after = difference.pressure
    numbers = sorted(before.weeks.keys() | after.weeks.keys())
    yield PRESSURE, ((number, before.weeks.get(number, 0), after.weeks.get(number, 0)) for number in numbers)
    limits = [(limit, before.over[limit], after.over[limit]) for limit in before.over]
    yield PRESSURE_LIMITS, [(0, before.customers, after.customers), *limits]
    yield WEEKS, ((rfc3339(week.start)[:10], week.before, week.after) for week in difference.weeks)
    yield COLLISIONS, difference.collisions
    yield (
        REVENUE,
        (
            (row.change, row.campaign, row.currency or None, row.messages, row.orders, _major(row.value, row.currency))
            for row in difference.revenue
        ),
    )


def _about(difference: Difference, changes: Sequence[Change]) -> Sequence[Any]:
    return (
        None if difference.since is None else rfc3339(difference.since),
        None if difference.until is None else rfc3339(difference.until),
        difference.attribution_ms // DAY_MS,
        difference.before,
        difference.after,
        difference.messages_before,
        difference.messages_after,
        difference.same,
        [line for change in changes for line in in_words(change)],
    )


def _decision(kind: str, before: Decided | None, after: Decided | None, moved_in: Sequence[str]) -> Sequence[Any]:
    one = before or after
    assert one is not None
    sides: list[Any] = []
    for name in ("at", "channel", "outcome", "reason"):
        values = [None if side is None else getattr(side, name) for side in (before, after)]
        sides += [rfc3339(value) if name == "at" and value is not None else value for value in values]
    known = (one.id, one.brand, one.customer, one.campaign, one.episode, one.step, one.market)
    return (kind, *known, list(moved_in), *sides)


def _major(minor: int, currency: str) -> str:
    return to_major(minor, currency) if currency else "0"
