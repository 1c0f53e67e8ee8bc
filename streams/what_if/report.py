"""The difference as tables on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from schemas.base import from_ms, to_major
from streams.campaign_diff import Change, in_words
from streams.what_if.compare import DAY_MS, DIMENSIONS, KINDS, Difference, Status, Transition, largest
from streams.what_if.pressure import LIMITS

ROWS_MAX = 15
"""Rows of a table on the terminal; the tables in the DuckDB file and the page have them all."""


def print_difference(difference: Difference, changes: Sequence[Change], console: Console) -> None:
    """What was changed in the campaigns, and everything that differs for it."""
    _print_changes(changes, console)
    console.print(in_short(difference), soft_wrap=True)
    if difference.is_nothing:
        return
    for dimension in DIMENSIONS:
        console.print(groups_table(difference, dimension))
    console.print(gates_table(difference))
    console.print(transitions_table(difference))
    console.print(pressure_table(difference))
    console.print(collisions_table(difference))
    console.print(revenue_table(difference))


def in_short(difference: Difference) -> str:
    """The difference in one or two sentences."""
    if difference.is_nothing:
        return (
            f"Nothing differs: both sets make the same {difference.before:,} decisions, "
            f"{difference.messages_before:,} of them messages."
        )
    counts = ", ".join(f"{difference.number(kind):,} {kind}" for kind in KINDS)
    return (
        f"Of {difference.before:,} and {difference.after:,} decisions {difference.same:,} are the same, {counts}. "
        f"Messages: {difference.messages_before:,} before, {difference.messages_after:,} after."
    )


def status_text(status: Status) -> str:
    """``sent (due)``; of a set that does not decide: ``not decided``."""
    outcome, reason = status
    return f"{outcome} ({reason})" if outcome else "not decided"


def transition_text(row: Transition) -> str:
    """``sent (due) -> not decided``."""
    if row.before == row.after:
        return f"{status_text(row.before)}, at another time or on another channel"
    return f"{status_text(row.before)} -> {status_text(row.after)}"


def groups_table(difference: Difference, dimension: str) -> Table:
    """Decisions by one dimension, those that changed most first."""
    groups = largest(difference.groups, dimension, lambda group: group.added + group.removed + group.moved)
    reworded = any(group.reworded for group in groups)
    return _table(
        f"By {dimension}",
        (dimension, "decisions", "added", "removed", "moved", *(["reworded"] if reworded else []), "messages"),
        (
            (
                group.value,
                f"{group.before:,} -> {group.after:,}",
                group.added,
                group.removed,
                group.moved,
                *([group.reworded] if reworded else []),
                f"{group.messages_before:,} -> {group.messages_after:,}",
            )
            for group in groups
        ),
    )


def gates_table(difference: Difference) -> Table:
    """Decisions by outcome and reason."""
    rows = sorted(difference.gates, key=lambda gate: -(gate.gone + gate.come))
    return _table(
        "By gate",
        ("outcome (reason)", "before", "after", "gone", "come"),
        ((status_text((gate.outcome, gate.reason)), gate.before, gate.after, gate.gone, gate.come) for gate in rows),
    )


def transitions_table(difference: Difference) -> Table:
    """From what to what."""
    rows = sorted(difference.transitions, key=lambda row: -row.decisions)
    return _table(
        "What became of the decisions that differ",
        ("campaign: before -> after", "decisions"),
        ((f"{row.campaign}: {transition_text(row)}", row.decisions) for row in rows),
    )


def pressure_table(difference: Difference) -> Table:
    """Messages per customer and week, and collisions together."""
    before, after = difference.pressure
    rows: list[tuple[str, int, int]] = [
        ("messages", before.messages, after.messages),
        ("customers with a message", before.customers, after.customers),
        ("most messages of a customer in a week", before.most, after.most),
    ]
    numbers = sorted(before.weeks.keys() | after.weeks.keys())
    rows += [
        (f"customers' weeks with {number} message{'s' if number > 1 else ''}", *counts)
        for number in numbers
        if (counts := (before.weeks.get(number, 0), after.weeks.get(number, 0)))
    ]
    rows += [
        (f"customers with more than {limit} in some week", before.over[limit], after.over[limit]) for limit in LIMITS
    ]
    return _table("Pressure per customer and week (Monday to Sunday, UTC)", ("", "before", "after"), rows, None)


def collisions_table(difference: Difference) -> Table:
    """Pairs of messages within 24 hours."""
    rows = sorted(difference.collisions, key=lambda row: -max(row.before, row.after))
    total = ("together", sum(row.before for row in rows), sum(row.after for row in rows))
    return _table(
        "Collisions: two messages to one customer within 24 hours",
        ("earlier, later", "before", "after"),
        [total, *((f"{row.earlier}, {row.later}", row.before, row.after) for row in rows)],
    )


def revenue_table(difference: Difference) -> Table:
    """What customers bought after messages that only one set sends."""
    days = difference.attribution_ms // DAY_MS
    table = _table(
        f"Revenue touched: what was bought within {days} days after messages that only one set sends",
        ("messages", "campaign", "number", "orders", "net value", "currency"),
        (
            (row.change, row.campaign, row.messages, row.orders, money(row.value, row.currency), row.currency)
            for row in difference.revenue
        ),
        None,
    )
    table.caption = "The same orders are in both runs: this is what the change lies next to, not what it earns."
    return table


def money(minor: int, currency: str) -> str:
    """Minor units as text in major ones; nothing without a currency."""
    return to_major(minor, currency) if currency else ""


def period_text(difference: Difference) -> str:
    """``2026-01-01 to 2026-02-01 (UTC)``; of a whole run: nothing."""
    if difference.since is None or difference.until is None:
        return ""
    return f"{from_ms(difference.since):%Y-%m-%d %H:%M} to {from_ms(difference.until):%Y-%m-%d %H:%M} UTC"


def _print_changes(changes: Sequence[Change], console: Console) -> None:
    lines = [line for change in changes for line in in_words(change)]
    console.print(
        "What differs in the campaigns:" if lines else "The two sets of campaigns are the same.", style="bold"
    )
    for line in lines:
        console.print(escape(line), soft_wrap=True, highlight=False)


def _table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], rows_max: int | None = ROWS_MAX
) -> Table:
    """A table; whole numbers stand on the right."""
    cells = list(rows)
    table = Table(title=title, title_justify="left", caption_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for number, name in enumerate(columns):
        is_number = bool(cells) and isinstance(cells[0][number], int)
        right = is_number or (name in ("decisions", "messages", "net value") and number > 0)
        table.add_column(name, justify="right" if right else "left", overflow="fold", no_wrap=right)
    for row in cells[:rows_max]:
        table.add_row(*(f"{cell:,}" if isinstance(cell, int) else escape(str(cell)) for cell in row))
    if rows_max is not None and len(cells) > rows_max:
        table.add_row(f"… and {len(cells) - rows_max:,} more", *("" for _ in columns[1:]))
    return table
