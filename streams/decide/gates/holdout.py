"""Holdout: who is held out hears nothing, so that what messages do can be measured.

The gate stops nothing by itself. A message that passes all other gates ends as a ghost: the record of what would have
been sent. Rules: docs/semantics.md, "Holdouts and arms".
"""

from __future__ import annotations

from streams.decide.experiments import held_out
from streams.decide.gates.base import Answer
from streams.decide.rules import Compiled
from streams.decide.view import View


def holdout(view: View, campaign: Compiled, brand: str) -> Answer | None:
    """Reasons: global_holdout, campaign_holdout. None: there is no holdout to be in."""
    customer, asked = view.state.customer, campaign.campaign
    rules = view.brand(brand)
    of_brand = rules.rules.holdout if rules is not None and asked.purpose != "service" else None
    if of_brand is None and asked.holdout is None:
        return None
    if of_brand is not None and held_out(of_brand, brand, customer):
        return Answer("holdout", "global_holdout", f"in the {of_brand.percent}% of {brand}")
    if asked.holdout is not None and held_out(asked.holdout, campaign.id, customer):
        return Answer("holdout", "campaign_holdout", f"in the {asked.holdout.percent}% of {campaign.id}")
    return Answer("holdout", "", "not in it")
