"""Condition: what the campaign's ``when`` asks holds now. What is not known is a no."""

from __future__ import annotations

from streams.decide.conditions import Condition
from streams.decide.conditions.operators import Unknown
from streams.decide.conditions.types import Moment
from streams.decide.gates.base import Answer


def condition(asked: Condition, moment: Moment) -> Answer:
    """Reasons: condition_not_met, condition_unknown."""
    try:
        reason, why = ("" if asked.holds(moment) else "condition_not_met"), ""
    except Unknown as unknown:
        reason, why = "condition_unknown", f"; {unknown}"
    return Answer("condition", reason, asked.values(moment) + why)
