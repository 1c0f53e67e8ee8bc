"""Conditions of campaigns: the field ``when``, an expression in CEL (the Common Expression Language).

The library cel-python parses it (``syntax``); ``compiler`` checks names and types against ``vocabulary`` and makes
closures, which tests hold equal to the library's own interpreter; ``truth`` finds those that can never be true.
"""

from __future__ import annotations

from streams.decide.conditions.compiler import compile_condition, condition_or_refusal
from streams.decide.conditions.syntax import ConditionError
from streams.decide.conditions.types import Condition

__all__ = ["Condition", "ConditionError", "compile_condition", "condition_or_refusal"]
