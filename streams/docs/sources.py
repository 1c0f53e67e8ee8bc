"""The vendors' fields as tables: what each becomes, and what is left out and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from streams.docs.markdown import code, table
from streams.ingest import segment_fields, shopify_fields, square_fields
from streams.ingest.shape import Shape


def shopify() -> str:
    """Shopify's fields."""
    return _shapes(shopify_fields.SHAPES)


def segment() -> str:
    """Segment's fields."""
    return _shapes(segment_fields.SHAPES)


def square() -> str:
    """Square's fields."""
    return _shapes(square_fields.SHAPES)


def _shapes(shapes: Iterable[Shape]) -> str:
    return "\n\n".join(_shape(shape) for shape in shapes)


def _shape(shape: Shape) -> str:
    """One kind of object: a table of mapped fields, then the others by reason."""
    rows = ((code(theirs), ours) for theirs, ours in shape.rows())
    reasons: dict[str, list[str]] = defaultdict(list)
    for reason, field in shape.reasons():
        reasons[reason].append(field)
    left = "\n".join(f"- {reason}: {', '.join(map(code, fields))}" for reason, fields in reasons.items())
    mapped = table(("their field", "becomes"), rows)
    return f"#### {shape.title}\n\n{mapped}\n\nLeft out:\n\n{left}"
