"""What sales are expected: the topic ``forecasts``, against which marts hold what was sold."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field, model_validator

from schemas.base import Amount, Brand, Closed, Currency, Market, MoneyError, to_minor

SalesChannel = Literal["*", "web", "app", "phone", "fax", "email", "sales_rep", "marketplace", "store", "unknown"]


class Forecast(Closed):
    """Net sales that are expected of one month, market, channel and category. Of the same ones, the last made holds."""

    brand: Brand = Field(description="Brand.")
    month: str = Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$", description="Month, such as 2011-11; months are of UTC.")
    market: Literal["*"] | Market = Field("*", description="Market, ISO 3166 alpha-2; * for all together.")
    channel: SalesChannel = Field("*", description="Channel of the purchase, store for tills; * for all together.")
    category: str = Field(
        "*", min_length=1, max_length=128, description="Category of the products; * for all together."
    )
    currency: Currency = Field(description="Currency of the amount, ISO 4217.")
    net_sales: Amount = Field(description="Net sales: less discounts and returns, without tax. In major units.")
    made_at: AwareDatetime = Field(description="When the forecast was made.")

    @model_validator(mode="after")
    def _amount_fits_the_currency(self) -> Forecast:
        try:
            to_minor(self.net_sales, self.currency)
        except MoneyError as error:
            raise ValueError(str(error)) from error
        return self

    @property
    def key(self) -> str:
        """What it is a forecast of: the record key."""
        return ":".join((self.brand, self.month, self.market, self.channel, self.category, self.currency))
