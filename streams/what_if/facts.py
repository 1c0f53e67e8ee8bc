"""What is known of the customers whose decisions are compared: who they are now, their segments, what they bought."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from streams.decide.facts import kept_value
from streams.decide.lifecycle import segments_of, stage, trade
from streams.decide.rules import Rules
from streams.decide.state import CustomerState
from streams.decide.view import View

NO_SEGMENT = "(none)"
NO_STAGE = "prospect"
"""Of customers without a kept purchase."""


class Bought(NamedTuple):
    """A kept purchase of any channel: when, and its value net of discounts and returns, minor units of a currency."""

    at: int
    currency: str
    value: int


@dataclass
class Facts:
    """By customer as he is now, and brand; as of the end, under the rules of the first set."""

    survivors: dict[str, str] = field(default_factory=dict)
    """Customers who were merged -> who they are now."""
    segments: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    stages: dict[tuple[str, str], str] = field(default_factory=dict)
    bought: dict[tuple[str, str], list[Bought]] = field(default_factory=dict)
    """Oldest first."""

    def now(self, customer: str) -> str:
        """Who the customer is now."""
        return self.survivors.get(customer, customer)

    def segments_of(self, customer: str, brand: str) -> tuple[str, ...]:
        """The brand's segments that he is in; ``(none)`` when there are none."""
        return self.segments.get((self.now(customer), brand), ()) or (NO_SEGMENT,)

    def stage_of(self, customer: str, brand: str) -> str:
        """His stage of life with the brand."""
        return self.stages.get((self.now(customer), brand), NO_STAGE)


def facts_of(states: Iterable[CustomerState], rules: Rules, now: int) -> Facts:
    """The facts at ``now`` (milliseconds) of these customers, as their states have them.

    A state holds at most ``PURCHASES_MAX`` purchases (``streams.decide.state``); older ones count nowhere.
    """
    facts, moved = Facts(), dict[str, str]()
    in_force = rules.at(now)
    for state in states:
        if state.moved_to is not None:
            moved[state.customer] = state.moved_to
            continue
        view = View(state, now, in_force, rules)
        for name, brand in in_force.brands.items():
            place = (state.customer, name)
            if segments := segments_of(view, brand):
                facts.segments[place] = tuple(segments)
            if not (kept := view.kept(name)):
                continue
            matched = view.matched(name)
            facts.stages[place] = stage(trade(view, brand).days, brand.rules.lifecycle, now)
            facts.bought[place] = [
                Bought(each.at, each.currency or brand.rules.currency, kept_value(each, matched)) for each in kept
            ]
    facts.survivors = {customer: _last(customer, moved) for customer in moved}
    return facts


def _last(customer: str, moved: Mapping[str, str]) -> str:
    seen = {customer}
    while (target := moved.get(customer)) is not None and target not in seen:
        seen.add(target)
        customer = target
    return customer
