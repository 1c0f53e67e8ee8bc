"""Frequency caps: how many messages a customer may have, of what, in which window."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from schemas.base import Closed
from schemas.customers import Channel
from schemas.durations import parse_duration

Period = Literal["day", "week", "month"]
"""A window of the calendar, in the customer's zone. Weeks begin on Monday (ISO 8601)."""
PERIODS: tuple[Period, ...] = ("day", "week", "month")
CAP_WINDOW_MS_MAX = 92 * 86_400_000
"""Longest rolling window."""
CAPS_MAX = 50
"""Most caps of a brand."""
CampaignId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9-]*$")]
Category = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9-]*$")]
"""A kind of message, as marketing names it: newsletter, reminder."""


def parse_window(value: object) -> Any:
    """A period of the calendar, or milliseconds of a duration."""
    if value in PERIODS:
        return value
    try:
        milliseconds = parse_duration(value)
    except ValueError as error:
        raise ValueError(f"{error}; or day, week or month for a window of the calendar") from error
    if milliseconds > CAP_WINDOW_MS_MAX:
        raise ValueError(f"{value!r} is longer than {CAP_WINDOW_MS_MAX // 86_400_000}d, the longest window of a cap")
    return milliseconds


Window = Annotated[int | Period, BeforeValidator(parse_window)]
"""A rolling window in milliseconds, written as ``7d``, or a window of the calendar."""


class Cap(Closed):
    """At most ``max`` messages in the window ``per``. Each of ``channel``, ``category`` and ``campaign`` that is named
    narrows it: to the messages it stops and to those it counts alike."""

    channel: Channel | Literal["*"] = "*"
    max: int = Field(ge=0, le=10_000)
    per: Window
    category: Category | None = None
    campaign: CampaignId | None = None
    all_brands: bool = Field(False, description="Messages of all brands count, not of this one only.")
