"""The difference as one HTML page with plots: it loads nothing, and every text in it is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from schemas.base import from_ms
from streams.campaign_diff import Change, in_words
from streams.html_page import Row, cards, folded, html, note, table, write_html
from streams.svg import Series, bars, lines
from streams.what_if.compare import DAY_MS, DIMENSIONS, KINDS, Difference, Group, largest
from streams.what_if.pressure import LIMITS
from streams.what_if.report import in_short, money, period_text, status_text, transition_text

BARS_MAX = 20
"""Bars of a plot; the table below it has all rows."""
BEFORE, AFTER = Series("before", "before"), Series("after", "after")
CHANGES = (Series("added", "added"), Series("removed", "removed"), Series("moved", "moved"))


def write_page(difference: Difference, changes: Sequence[Change], path: Path, first: str, second: str) -> None:
    """Write the page. ``first`` and ``second`` name the sets. Raises InputError when it cannot be written."""
    write_html(path, page(difference, changes, first, second), "--page")


def page(difference: Difference, changes: Sequence[Change], first: str, second: str) -> str:
    """The page as text."""
    title = f"What if: {second} in place of {first}"
    body = [f"<h1>{escape(title)}</h1>", *_head(difference, changes)]
    if not difference.is_nothing:
        for dimension in DIMENSIONS:
            body += _groups(difference, dimension)
        body += [*_gates(difference), *_pressure(difference), *_collisions(difference), *_revenue(difference)]
    return html(title, body)


def _head(difference: Difference, changes: Sequence[Change]) -> Iterable[str]:
    if period := period_text(difference):
        yield f'<p class="note">{escape(period)}</p>'
    yield f"<p>{escape(in_short(difference))}</p>"
    counts = [(kind, difference.number(kind)) for kind in KINDS]
    numbers = [("messages before", difference.messages_before), ("messages after", difference.messages_after), *counts]
    yield cards((name, f"{number:,}") for name, number in numbers)
    yield note(" ".join(f"{kind.capitalize()}: {says}" for kind, says in KINDS.items()))
    text = [line for change in changes for line in in_words(change)]
    if text:
        shown = escape("\n".join(text))
        yield f"<details><summary>What differs in the campaigns</summary><pre>{shown}</pre></details>"
    else:
        yield "<p>The two sets of campaigns are the same.</p>"
    if difference.weeks:
        days = [f"{from_ms(week.start):%Y-%m-%d}" for week in difference.weeks]
        yield "<h2>Messages by week</h2>"
        yield lines(
            "Messages by week",
            (BEFORE, AFTER),
            days,
            [[week.before for week in difference.weeks], [week.after for week in difference.weeks]],
        )
        rows = [(day, week.before, week.after) for day, week in zip(days, difference.weeks, strict=True)]
        yield folded("Weeks", ("week of", "before", "after"), rows)


def _groups(difference: Difference, dimension: str) -> Iterable[str]:
    def changed(group: Group) -> int:
        return group.added + group.removed + group.moved

    groups = largest(difference.groups, dimension, changed)
    yield f"<h2>By {dimension}</h2>"
    if dimension in ("segment", "stage"):
        yield note(f"Each customer's {dimension} as of the end, under the rules of the first set.")
    shown = [(group.value, (group.added, group.removed, group.moved)) for group in groups if changed(group)]
    yield bars(f"Decisions that differ, by {dimension}", CHANGES, shown[:BARS_MAX])
    columns = (
        dimension,
        "before",
        "after",
        "added",
        "removed",
        "moved",
        "reworded",
        "messages before",
        "messages after",
    )
    yield folded(
        f"All by {dimension}",
        columns,
        [
            (
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
            for group in groups
        ],
    )


def _gates(difference: Difference) -> Iterable[str]:
    gates = sorted(difference.gates, key=lambda gate: -(gate.gone + gate.come))
    yield "<h2>By gate</h2>"
    named = [(status_text((gate.outcome, gate.reason)), gate) for gate in gates]
    yield bars(
        "Decisions by outcome and reason",
        (BEFORE, AFTER),
        [(name, (gate.before, gate.after)) for name, gate in named if gate.gone or gate.come][:BARS_MAX],
    )
    rows: list[Row] = [(name, gate.before, gate.after, gate.gone, gate.come) for name, gate in named]
    yield folded("All outcomes and reasons", ("outcome (reason)", "before", "after", "gone", "come"), rows)
    transitions = sorted(difference.transitions, key=lambda row: -row.decisions)
    rows = [(row.campaign, transition_text(row), row.decisions) for row in transitions]
    yield folded("What became of the decisions that differ", ("campaign", "before -> after", "decisions"), rows)


def _pressure(difference: Difference) -> Iterable[str]:
    before, after = difference.pressure
    yield "<h2>Pressure per customer and week</h2>"
    yield note(
        "Weeks from Monday to Sunday, UTC; weeks without a message are not counted; all brands and channels count "
        f"together. Most messages of a customer in a week: {before.most} before, {after.most} after."
    )
    numbers = sorted(before.weeks.keys() | after.weeks.keys())
    yield bars(
        "Customers' weeks by number of messages",
        (BEFORE, AFTER),
        [(f"{number} in the week", (before.weeks.get(number, 0), after.weeks.get(number, 0))) for number in numbers],
    )
    rows: list[Row] = [("with a message", before.customers, after.customers)]
    rows += [(f"more than {limit} in some week", before.over[limit], after.over[limit]) for limit in LIMITS]
    yield table(("customers", "before", "after"), rows)


def _collisions(difference: Difference) -> Iterable[str]:
    found = sorted(difference.collisions, key=lambda row: -max(row.before, row.after))
    yield "<h2>Collisions</h2>"
    yield note(
        "Messages that came less than 24 hours after the customer's message before: "
        f"{sum(row.before for row in found):,} before, {sum(row.after for row in found):,} after."
    )
    shown = [(f"{row.earlier}, {row.later}", (row.before, row.after)) for row in found]
    yield bars("Collisions by campaigns, the earlier first", (BEFORE, AFTER), shown[:BARS_MAX])
    rows: list[Row] = [(row.earlier, row.later, row.before, row.after) for row in found]
    yield folded("All collisions", ("earlier campaign", "later campaign", "before", "after"), rows)


def _revenue(difference: Difference) -> Iterable[str]:
    yield "<h2>Revenue touched</h2>"
    yield note(
        f"What was bought of the brand, in any channel, within {difference.attribution_ms // DAY_MS} days after "
        "messages that only one set sends; of several such messages the latest before a purchase counts; net of "
        "discounts, returns and cancellations. The same orders are in both runs: this is what the change lies next to, "
        "not what it earns."
    )
    rows: list[Row] = [
        (row.change, row.campaign, row.messages, row.orders, money(row.value, row.currency), row.currency)
        for row in difference.revenue
    ]
    yield table(("messages", "campaign", "number", "orders", "net value", "currency"), rows, ("net value",))
