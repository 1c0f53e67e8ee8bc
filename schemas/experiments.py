"""Holdouts and arms: who hears nothing so that it can be measured, and who gets which variant."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from schemas.base import Closed

Salt = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\s|]+$")]
"""Experiments with the same salt draw alike, with different ones independently."""


ARMS_MAX = 20
"""Most arms of an experiment."""


class Holdout(Closed):
    """A share of customers who get nothing, drawn by a hash of customer id and salt: a larger share keeps those who
    are in it, a smaller one takes in nobody new."""

    percent: Annotated[Decimal, Field(ge=0, le=100, decimal_places=2)]
    salt: Salt | None = Field(None, description="None: of the brand's its name, of a campaign's its id.")
