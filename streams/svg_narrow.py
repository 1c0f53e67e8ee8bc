"""Plots that read on a phone and in print: names stand above their marks, so the whole width is the scale."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

from streams.svg import Series

WIDTH = 400
VALUE = 96
"""Room on the right of a bar for its figure."""
BAR = 14
NAME = 17
GAP = 7
LEGEND = 24
ROW = 38
"""Height of one interval."""


class Bar(NamedTuple):
    """One bar: its length, and how it is written beside it. None: there is nothing to show."""

    value: float | None
    text: str


class Interval(NamedTuple):
    """A figure with its uncertainty. ``is_sure``: drawn full, else hollow."""

    name: str
    value: float
    low: float
    high: float
    is_sure: bool
    text: str


def named_bars(title: str, series: Sequence[Series], rows: Sequence[tuple[str, Sequence[Bar]]]) -> str:
    """For each row its name, and below it a bar for each series."""
    most = max((bar.value or 0 for _, bars in rows for bar in bars), default=0) or 1
    scale = (WIDTH - VALUE) / most
    top = LEGEND if len(series) > 1 else 0
    parts = list(_legend(series)) if len(series) > 1 else []
    for name, bars in rows:
        parts.append(f'<text x="0" y="{top + NAME / 2}">{escape(name)}</text>')
        top += NAME
        for each, bar in zip(series, bars, strict=True):
            length = max(0.0, (bar.value or 0) * scale)
            label = escape(f"{name}, {each.name}: {bar.text}")
            parts.append(
                f'<rect x="0" y="{top}" width="{length:.1f}" height="{BAR - 3}" class="{each.color}">'
                f"<title>{label}</title></rect>"
                f'<text x="{length + 5:.1f}" y="{top + BAR / 2 - 1}" class="value">{escape(bar.text)}</text>'
            )
            top += BAR
        top += GAP
    return _svg(title, top, parts)


def intervals(title: str, rows: Sequence[Interval]) -> str:
    """For each row its name and figure, and below it a point with its interval, on one scale with a line at zero."""
    low = min((0.0, *(row.low for row in rows)))
    high = max((0.0, *(row.high for row in rows)))
    scale = (WIDTH - 16) / ((high - low) or 1)

    def x_of(value: float) -> float:
        return 8 + (value - low) * scale

    height = ROW * len(rows) + 6
    parts = [f'<line x1="{x_of(0):.1f}" x2="{x_of(0):.1f}" y1="0" y2="{height}" class="zero"/>']
    for number, row in enumerate(rows):
        top = number * ROW
        y = top + NAME + 9
        kind = "after" if row.is_sure else "before"
        parts.append(
            f'<text x="0" y="{top + NAME / 2 + 1}">{escape(row.name)}</text>'
            f'<text x="{WIDTH}" y="{top + NAME / 2 + 1}" class="value" text-anchor="end">{escape(row.text)}</text>'
            f'<line x1="{x_of(row.low):.1f}" x2="{x_of(row.high):.1f}" y1="{y}" y2="{y}" class="whisker"/>'
            f'<circle cx="{x_of(row.value):.1f}" cy="{y}" r="5" class="{kind}">'
            f"<title>{escape(row.text)}</title></circle>"
        )
    return _svg(title, height, parts)


def _legend(series: Sequence[Series]) -> Iterator[str]:
    for number, each in enumerate(series):
        x = number * 130
        yield f'<rect x="{x}" y="3" width="11" height="11" class="{each.color}"/>'
        yield f'<text x="{x + 16}" y="9" class="value">{escape(each.name)}</text>'


def _svg(title: str, height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" class="plot" role="img" aria-label="{escape(title, quote=True)}" '
        f'xmlns="http://www.w3.org/2000/svg"><title>{escape(title)}</title>{"".join(parts)}</svg>'
    )
