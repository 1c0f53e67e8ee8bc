"""All occasions by name."""

from __future__ import annotations

from tests.oracle.occasions import OCCASIONS as FIRST
from tests.oracle.occasions import Occasion
from tests.oracle.of_dates import Anniversary, Calendar
from tests.oracle.of_events import AfterReturn, ChannelShift, DeliveryLate
from tests.oracle.of_visits import CheckoutAbandoned, ProductBrowsed, ReturningSession

OCCASIONS: dict[str, type[Occasion]] = FIRST | {
    "product_browsed": ProductBrowsed,
    "checkout_abandoned": CheckoutAbandoned,
    "after_return": AfterReturn,
    "delivery_late": DeliveryLate,
    "anniversary": Anniversary,
    "channel_shift": ChannelShift,
    "returning_session": ReturningSession,
    "calendar": Calendar,
}
