"""Conditions of campaign files: whether they can be read, and whether they can ever hold."""

from __future__ import annotations

from streams.campaign_yaml import YamlFile
from streams.decide.conditions import ConditionError, compile_condition

SHOWN_CHARACTERS = 80


def condition_faults(file: YamlFile) -> list[str]:
    """What is wrong with the condition of a campaign file: file, line, expression, and what was meant."""
    text = file.content.get("when")
    if not isinstance(text, str) or not text:
        return []
    try:
        compile_condition(text)
    except ConditionError as error:
        shown = " ".join(text.split())
        if len(shown) > SHOWN_CHARACTERS:
            shown = shown[:SHOWN_CHARACTERS] + "…"
        end = "" if str(error).endswith("?") else "."
        return [f"{file.where(('when',))}: condition {shown!r}, {error}{end}"]
    return []
