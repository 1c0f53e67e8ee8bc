"""Till receipts. Natural key: store, workstation, business date, sequence number."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Amount, Currency, CustomerEventBase, Identifier, Quantity, Wire, natural_key
from schemas.orders import LINES_MAX


class PosLine(Wire):
    """One receipt line: a sale, or a return at the till (positive quantity either way)."""

    kind: Literal["sale", "return"] = "sale"
    product_id: Identifier
    category: str | None = Field(None, max_length=128)
    quantity: Quantity
    unit_price: Amount
    discount: Amount = "0"
    tax: Amount = "0"


class Tender(Wire):
    """How a receipt was paid."""

    kind: str = Field(max_length=32)
    amount: Amount


class PosTransaction(CustomerEventBase):
    """A till receipt, with a loyalty card or without. Voided and training receipts are dropped and counted."""

    type: Literal["pos.receipt"]
    store_id: Identifier
    workstation_id: Identifier
    business_date: date
    sequence_number: Annotated[int, Field(ge=0, le=999_999_999)]
    status: Literal["completed", "voided", "training"] = "completed"
    currency: Currency
    lines: Annotated[list[PosLine], Field(min_length=1, max_length=LINES_MAX)]
    tenders: list[Tender] = Field(default_factory=list, max_length=50)

    @property
    def receipt_id(self) -> str:
        """The natural key as one text."""
        return natural_key(self.store_id, self.workstation_id, self.business_date, self.sequence_number)
