"""The month's report as one HTML page: what marketing, sales and IT look at together. It loads nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from streams.html_page import cards, folded, html, note, table
from streams.monthly.figures import Figures, Rows
from streams.monthly.words import amount, duration, figure, percent, place, points
from streams.svg import Series
from streams.svg_narrow import Bar, Interval, intervals, named_bars

ROWS_MAX = 16
"""Rows of a plot; the table below it has all."""
DUE, SENT = Series("came due", "before"), Series("sent", "after")
FORECAST, ACTUAL = Series("forecast", "before"), Series("actual", "after")
MEDIAN, P95 = Series("half wait at most", "after"), Series("95% wait at most", "before")
STOPPED, WEEKS = Series("stopped", "removed"), Series("customers", "after")
SECTIONS = {
    "sales": "Sales against forecast",
    "campaigns": "What campaigns did",
    "it": "IT: freshness, outages, quarantine, fields",
    "content": "Content backlog, by decisions lost",
}


def page(figures: Figures) -> str:
    """The page as text."""
    parts = (_head, _forecast, _funnel, _uplift, _pressure, _timeliness, _false_positives, _alignment)
    title = f"Cuepoint report {figures.month:%B %Y}"
    return html(title, (line for part in parts for line in part(figures)))


def _head(figures: Figures) -> Iterator[str]:
    rows = figures.rows
    yield f"<h1>Report {figures.month:%B %Y}</h1>"
    until = "" if figures.data_until is None else f", data complete until {figures.data_until:%Y-%m-%d %H:%M} UTC"
    yield note(f"From the snapshot of {figures.published_at:%Y-%m-%d %H:%M} UTC{until}. Months and days are of UTC.")
    ((decisions, sent, undone),) = rows["totals"]
    shown = [(f"net sales, {currency}", amount(net)) for currency, net in rows["sales"][:2]]
    for market, channel, category, currency, _, _, gap, share, *_ in rows["forecast"][:1]:
        where = place(market, channel, category)
        said = f"gap to forecast of {where} ({amount(gap, signed=True)} {currency})"
        shown.append((said, percent(share, signed=True)))
    shown += [("decisions", f"{int(decisions):,}"), ("messages sent", f"{int(sent):,}")]
    shown.append(("taken back or regretted", f"{int(undone):,}"))
    yield cards(shown)


def _forecast(figures: Figures) -> Iterator[str]:
    rows = figures.rows["forecast"]
    yield "<h2>Net sales against forecast</h2>"
    if not rows:
        yield note("There is no forecast for this month; load one with: cuepoint forecasts load FILE.")
        return
    if not all(row[9] for row in rows):
        yield note("The month is not over: the gap will change.")
    currencies = list(dict.fromkeys(row[3] for row in rows))
    for currency in currencies:
        shown = [row for row in rows if row[3] == currency]
        yield named_bars(
            f"Forecast and actual net sales in {currency}",
            (FORECAST, ACTUAL),
            [
                (
                    f"{place(*row[:3])}: {percent(row[7], signed=True)}",
                    (Bar(float(row[4]), amount(row[4])), Bar(float(row[5]), amount(row[5]))),
                )
                for row in shown[:ROWS_MAX]
            ],
        )
    columns = ("where", "forecast", "actual", "gap", "after messages", "currency")
    cells = [
        (place(*row[:3]), amount(row[4]), amount(row[5]), amount(row[6], signed=True), amount(row[8]), row[3])
        for row in rows
    ]
    yield table(columns, cells, columns[1:5])
    yield note(
        "After messages: net sales of purchases within 14 days after a message to the customer, part of the actual."
    )


def _funnel(figures: Figures) -> Iterator[str]:
    rows = figures.rows["funnel"]
    yield "<h2>Funnel: what came due, what was sent, and why not</h2>"
    if not rows:
        yield note("No decision was made in this month.")
        return
    yield named_bars(
        "Decisions that came due and messages sent, by campaign",
        (DUE, SENT),
        [
            (campaign, (Bar(due, f"{due:,}"), Bar(sent, f"{sent:,} ({percent(sent / due)})")))
            for campaign, due, sent, _ in rows[:ROWS_MAX]
        ],
    )
    yield "<h3>Gates that stopped messages</h3>"
    gates = [(gate, (Bar(stopped, f"{stopped:,}"),)) for gate, stopped in figures.rows["gates"] if stopped]
    yield named_bars("Messages stopped, by gate", (STOPPED,), gates[:ROWS_MAX])
    yield folded("All reasons", ("campaign", "gate", "reason", "outcome", "decisions"), figures.rows["reasons"])
    columns = ("campaign", "messages", "followed by a purchase", "share", "net sales", "per message", "currency")
    cells = [
        (campaign, messages, converted, percent(rate), amount(net), amount(each, 2), currency)
        for campaign, messages, converted, rate, currency, net, each in figures.rows["results"]
    ]
    yield "<h3>What followed the messages</h3>"
    yield table(columns, cells, columns[1:6])
    yield note(
        "Within 14 days, net of returns; each purchase counts for the latest message before it. Not all of it was "
        "caused by messages: for that, see the uplift."
    )
    if figures.rows["channels"]:
        mix = [(name, number, percent(share), out) for name, number, share, out in figures.rows["channels"]]
        yield table(("channel", "messages", "share", "opted out"), mix, ("share",))


def _uplift(figures: Figures) -> Iterator[str]:
    rows = figures.rows["uplift"]
    yield "<h2>Uplift: what messages cause</h2>"
    if not rows:
        yield note(
            "No campaign holds customers out, or none of them has come due in this month: what messages cause cannot "
            "be told. A holdout is set in the campaign's or brand's file (holdout: {percent: 10})."
        )
        return
    yield intervals("Uplift in buyers, percentage points, with 95% intervals", [_interval(row) for row in rows])
    yield note(
        "Buyers within 14 days among those who got the message, less buyers among those held out; percentage points "
        "with 95% interval (Newcombe). Hollow: zero is within the interval, or a group is small."
    )
    columns = ("campaign", "customers", "buyers", "held out", "their buyers", "uplift", "95% interval", "warning")
    cells = [
        (
            row[0],
            row[2],
            row[3],
            row[4],
            row[5],
            points(row[8]),
            f"{points(row[9])} to {points(row[10])}",
            row[12] or "",
        )
        for row in rows
    ]
    yield table(columns, cells, ("uplift", "95% interval"))


def _interval(row: Sequence[Any]) -> Interval:
    campaign, uplift, low, high, excludes_zero, warning = row[0], *row[8:13]
    text = f"{points(uplift)} ({points(low)} to {points(high)})"
    return Interval(campaign, uplift, low, high, bool(excludes_zero) and warning is None, text)


def _pressure(figures: Figures) -> Iterator[str]:
    rows = figures.rows["pressure"]
    yield "<h2>Pressure: messages per customer and week</h2>"
    if not rows:
        yield note("No message went in this month.")
        return
    yield named_bars(
        "Customers by number of messages in a week",
        (WEEKS,),
        [
            (f"{messages} message{'s' if messages > 1 else ''} in the week", (Bar(number, f"{number:,}"),))
            for messages, number in rows[:ROWS_MAX]
        ],
    )
    yield note("A customer counts in each week in which he got a message. Messages taken back do not count.")


def _timeliness(figures: Figures) -> Iterator[str]:
    rows = figures.rows["timeliness"]
    yield "<h2>Timeliness: from due to decided</h2>"
    if not rows:
        yield note("No message went in this month.")
        return
    yield named_bars(
        "Wait of messages from due to decided, by campaign",
        (MEDIAN, P95),
        [(row[0], (Bar(row[3], duration(row[3])), Bar(row[4], duration(row[4])))) for row in rows[:ROWS_MAX]],
    )
    yield note("Messages wait for quiet hours to end, for late sources, and for others of the same slot.")
    columns = ("campaign", "messages", "at once", "answered by the channel", "after (median)", "late corrections")
    cells = [(row[0], row[1], row[2], row[5], duration(row[6]), row[7]) for row in rows]
    yield folded("Channels' answers", columns, cells, ("after (median)",))


def _false_positives(figures: Figures) -> Iterator[str]:
    rows = [row for row in figures.rows["false_positives"] if any(row[2:])]
    yield "<h2>False positives, of the whole history</h2>"
    if not rows:
        yield note("No message was taken back or regretted, and none would have been without store and return data.")
        return
    columns = ("campaign", "sent", "taken back", "regretted", "without tills", "without returns", "without both")
    yield table(columns, rows)
    yield note(
        "Regretted: should not have gone, and could not be taken back. Without: how many there would have been had "
        "Cuepoint not known the tills, or the returns."
    )


def _alignment(figures: Figures) -> Iterator[str]:
    yield "<h2>Alignment report</h2>"
    yield note("What marketing, sales and IT settle together each period; the same lines as mart.alignment.")
    for section, title in SECTIONS.items():
        rows = [row for row in figures.rows["alignment"] if row[0] == section]
        yield f"<h3>{escape(title)}</h3>"
        yield from _section(rows)


def _section(rows: Rows) -> Iterator[str]:
    if not rows:
        yield note("Nothing to report.")
        return
    cells = [(subject, name, figure(value, unit), said) for _, subject, name, value, unit, said in rows]
    columns = ("about", "figure", "value", "note")
    yield table(columns, cells[:ROWS_MAX], ("value",))
    if len(cells) > ROWS_MAX:
        yield folded("The others", columns, cells[ROWS_MAX:], ("value",))
