"""Two plots as SVG text: bars for counts by name, lines for counts over time. Text is escaped; nothing is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

WIDTH = 860
LABEL = 250
"""Room for the names of bars, and on the right for their counts."""
VALUE = 70
BAR = 14
GAP = 12
LEGEND = 26
LINES_HEIGHT = 260
MARGIN = 46
LABEL_LETTERS_MAX = 38
TICKS = 4


class Series(NamedTuple):
    """What one colour stands for. ``color``: a class of the page's style sheet."""

    name: str
    color: str


def bars(title: str, series: Sequence[Series], rows: Sequence[tuple[str, Sequence[int]]]) -> str:
    """Horizontal bars, one for each series below each other, for every row (name, counts)."""
    group = BAR * len(series) + GAP
    height = LEGEND + group * len(rows) + GAP
    most = max((value for _, values in rows for value in values), default=0) or 1
    scale = (WIDTH - LABEL - VALUE) / most
    parts = list(_legend(series))
    for number, (name, values) in enumerate(rows):
        top = LEGEND + GAP + number * group
        middle = top + BAR * len(series) / 2
        shown = name if len(name) <= LABEL_LETTERS_MAX else f"{name[: LABEL_LETTERS_MAX - 1]}…"
        parts.append(f'<text x="{LABEL - 10}" y="{middle:.1f}" class="name">{escape(shown)}</text>')
        for place, (each, value) in enumerate(zip(series, values, strict=True)):
            y, length = top + place * BAR, value * scale
            label = escape(f"{name}, {each.name}: {value:,}")
            parts.append(
                f'<rect x="{LABEL}" y="{y}" width="{length:.1f}" height="{BAR - 2}" class="{each.color}">'
                f"<title>{label}</title></rect>"
                f'<text x="{LABEL + length + 6:.1f}" y="{y + BAR / 2 - 1:.1f}" class="value">{value:,}</text>'
            )
    return _svg(title, height, parts)


def lines(title: str, series: Sequence[Series], places: Sequence[str], values: Sequence[Sequence[int]]) -> str:
    """A line for each series over the same places, such as weeks. ``values``: for each series one count a place."""
    most = max((value for each in values for value in each), default=0) or 1
    left, right, top, bottom = MARGIN + 14, WIDTH - 16, LEGEND + 12, LINES_HEIGHT - 30
    step = (right - left) / max(1, len(places) - 1)

    def y_of(value: float) -> float:
        return bottom - (bottom - top) * value / most

    parts = list(_legend(series))
    for tick in sorted({round(most * number / TICKS) for number in range(TICKS + 1)}):
        y = y_of(tick)
        parts.append(f'<line x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        parts.append(f'<text x="{left - 8}" y="{y:.1f}" class="name">{tick:,}</text>')
    every = max(1, -(-len(places) // 8))
    for number in range(0, len(places), every):
        x = left + number * step
        parts.append(f'<text x="{x:.1f}" y="{bottom + 18}" class="tick">{escape(places[number])}</text>')
    for each, counts in zip(series, values, strict=True):
        points = " ".join(f"{left + number * step:.1f},{y_of(value):.1f}" for number, value in enumerate(counts))
        parts.append(f'<polyline points="{points}" class="line {each.color}"/>')
    return _svg(title, LINES_HEIGHT, parts)


def _legend(series: Sequence[Series]) -> Iterator[str]:
    for number, each in enumerate(series):
        x = LABEL + number * 150
        yield f'<rect x="{x}" y="4" width="12" height="12" class="{each.color}"/>'
        yield f'<text x="{x + 18}" y="10" class="value">{escape(each.name)}</text>'


def _svg(title: str, height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(title, quote=True)}" '
        f'xmlns="http://www.w3.org/2000/svg"><title>{escape(title)}</title>{"".join(parts)}</svg>'
    )
