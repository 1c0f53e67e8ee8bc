"""What HTML pages share: the style sheet, the frame, tables. A page loads nothing, and every text in it is escaped.

Dark text on white, one column, tables that scroll in themselves: it reads on a phone and in print.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from streams.errors import InputError

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2733; background: #fff; max-width: 900px; margin: 2em auto;
  padding: 0 1em }
h1 { font-size: 1.6em; line-height: 1.25 }
h2 { font-size: 1.2em; margin-top: 2.2em; border-bottom: 1px solid #d5dce3; padding-bottom: .2em }
h3 { font-size: 1em; margin: 1.4em 0 .2em }
p.note { color: #55636f; margin: .4em 0 } pre { background: #f3f6f8; padding: .8em; overflow-x: auto; font-size: 13px }
.cards { display: flex; flex-wrap: wrap; gap: 10px; margin: 1em 0 }
.card { border: 1px solid #d5dce3; border-radius: 6px; padding: .5em .9em; min-width: 100px }
.card b { display: block; font-size: 1.35em }
.wide { overflow-x: auto; max-width: 100% }
table { border-collapse: collapse; font-size: 13px; margin: .6em 0; width: 100% }
th, td { padding: 3px 8px; border-bottom: 1px solid #e6ebef; text-align: left; vertical-align: top }
th { background: #f3f6f8 }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
details summary { cursor: pointer; color: #1f5f8b; margin-top: .4em }
svg { width: 100%; height: auto; font: 12px system-ui, sans-serif; display: block }
svg text { fill: #1c2733; dominant-baseline: middle }
svg .name { text-anchor: end }
svg .tick { text-anchor: middle; fill: #55636f }
svg .value { fill: #55636f } svg .grid { stroke: #e1e7ec; stroke-width: 1 } svg .line { fill: none; stroke-width: 2 }
rect.before { fill: #8795a3 } rect.after { fill: #1f77b4 } rect.added { fill: #2a9d5c }
rect.removed { fill: #d1495b } rect.moved { fill: #e6a532 }
polyline.before { stroke: #8795a3 } polyline.after { stroke: #1f77b4 }
svg.plot { max-width: 500px; margin: .6em 0 }
svg .whisker { stroke: #1c2733; stroke-width: 1.5 }
svg .zero { stroke: #8795a3; stroke-width: 1; stroke-dasharray: 3 3 }
circle.after { fill: #1f77b4 } circle.before { fill: #fff; stroke: #55636f; stroke-width: 1.5 }
@media print { body { margin: 0; max-width: none; font-size: 11pt } details > * { display: block }
  h2, h3 { break-after: avoid } svg, tr, .card { break-inside: avoid } }
@media (max-width: 480px) { body { margin: 1em auto; padding: 0 .8em } h1 { font-size: 1.35em }
  .card { flex: 1 1 40%; min-width: 0 } th, td { white-space: nowrap }
  td:last-child { white-space: normal; min-width: 20ch } td.number:last-child { min-width: 0 } }
"""

Row = Sequence[object]


def html(title: str, body: Iterable[str]) -> str:
    """A whole page. ``body``: its parts, as HTML."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def write_html(path: Path, text: str, option: str) -> None:
    """Write a page; one that was there is replaced in one step. Raises InputError when it cannot be written."""
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error}); name another file with {option}.") from error


def cards(figures: Iterable[tuple[str, str]]) -> str:
    """The figures that matter most: (name, figure)."""
    found = "".join(f'<div class="card"><b>{escape(figure)}</b>{escape(name)}</div>' for name, figure in figures)
    return f'<div class="cards">{found}</div>'


def note(text: str) -> str:
    """A line of explanation."""
    return f'<p class="note">{escape(text)}</p>'


def folded(title: str, columns: Sequence[str], rows: Sequence[Row], right: Sequence[str] = ()) -> str:
    """A table that opens on a click."""
    return f"<details><summary>{escape(title)} ({len(rows):,})</summary>{table(columns, rows, right)}</details>"


def table(columns: Sequence[str], rows: Sequence[Row], right: Sequence[str] = ()) -> str:
    """A table. Columns of whole numbers are aligned to the right, and those named in ``right``."""
    aligned = [name in right or (bool(rows) and isinstance(rows[0][place], int)) for place, name in enumerate(columns)]
    head = "".join(
        f"<th{_number(is_right)}>{escape(name)}</th>" for name, is_right in zip(columns, aligned, strict=True)
    )
    lines = ("".join(_cell(value, is_right) for value, is_right in zip(row, aligned, strict=True)) for row in rows)
    body = "".join(f"<tr>{cells}</tr>" for cells in lines)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(value: object, is_right: bool) -> str:
    text = f"{value:,}" if isinstance(value, int) else escape(str(value))
    return f"<td{_number(is_right)}>{text}</td>"


def _number(is_right: bool) -> str:
    return ' class="number"' if is_right else ""
