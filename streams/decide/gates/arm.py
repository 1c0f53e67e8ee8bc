"""Arm: which variant of the campaign the customer gets. It stops nothing."""

from __future__ import annotations

from schemas.campaigns import Arm
from streams.decide.experiments import arm_of
from streams.decide.gates.base import Answer
from streams.decide.rules import Compiled
from streams.decide.view import View


def arm(view: View, campaign: Compiled) -> tuple[Answer | None, Arm | None]:
    """The answer and the arm; none of a campaign without experiment."""
    experiment = campaign.campaign.experiment
    if experiment is None:
        return None, None
    chosen = arm_of(experiment, campaign.id, view.state)
    return Answer("arm", "", f"{chosen.id} of {', '.join(each.id for each in experiment.arms)}"), chosen
