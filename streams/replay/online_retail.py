"""UCI "Online Retail" as a history: invoices become orders, cancellations returns, and all dirt is counted.

The data set (Chen, D., 2015, doi 10.24432/C5BW33, CC BY 4.0): every invoice of a UK online retailer from 2010-12-01
to 2011-12-09. What it does not say and is decided here: times are local to Europe/London; prices are in pounds.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from streams.errors import InputError
from streams.replay.history import History, Line, Order, Product, Return
from streams.replay.local_times import read_times
from streams.replay.memory import cycle_collection_paused
from streams.replay.online_retail_files import Row, read_rows

_Value = TypeVar("_Value", int, str)
BRAND = "online-retail"
CURRENCY = "GBP"
ZONE = ZoneInfo("Europe/London")
MARKET_FALLBACK = "GB"

MARKETS: dict[str, str] = {
    "Australia": "AU", "Austria": "AT", "Bahrain": "BH", "Belgium": "BE", "Brazil": "BR", "Canada": "CA",
    "Channel Islands": "JE", "Cyprus": "CY", "Czech Republic": "CZ", "Denmark": "DK", "EIRE": "IE", "Finland": "FI",
    "France": "FR", "Germany": "DE", "Greece": "GR", "Hong Kong": "HK", "Iceland": "IS", "Israel": "IL", "Italy": "IT",
    "Japan": "JP", "Korea": "KR", "Lebanon": "LB", "Lithuania": "LT", "Malta": "MT", "Netherlands": "NL",
    "Nigeria": "NG", "Norway": "NO", "Poland": "PL", "Portugal": "PT", "RSA": "ZA", "Saudi Arabia": "SA",
    "Singapore": "SG", "Spain": "ES", "Sweden": "SE", "Switzerland": "CH", "Thailand": "TH", "USA": "US",
    "United Arab Emirates": "AE", "United Kingdom": "GB", "West Indies": "BB",
}  # fmt: skip
"""Names of the column Country -> ISO 3166. Others, such as ``Unspecified``, count as MARKET_FALLBACK."""

NOT_PRODUCTS = re.compile(r"^(POST|DOT|D|M|S|B|C2|C3|BANK-CHARGES|AMAZONFEE|CRUK|ADJUST\d?|TEST\d*|GIFT)$")
"""Stock codes of postage, carriage, discounts, manual entries, samples, bad debt, fees, commission."""

REPORT: dict[str, str] = {
    "lines": "lines read",
    "invoices": "invoices read",
    "invoices_order": "invoices that are not cancellations",
    "invoices_order_without_customer": "of these without a customer",
    "invoices_cancellation": "invoices whose number begins with C",
    "customers": "customers named on any line",
    "unreadable_lines": "lines whose quantity, price or time cannot be read: dropped",
    "exact_duplicate_lines": "lines that repeat another line of the invoice in every field: dropped",
    "stock_adjustment_lines": "negative lines outside cancellations: stock adjustments, dropped",
    "positive_cancellation_lines": "positive lines on cancellations: dropped",
    "not_product_lines": "postage, discounts, fees and the like: dropped",
    "negative_price_lines": "lines with a price below zero: dropped",
    "zero_quantity_lines": "lines without a quantity: dropped",
    "zero_price_lines_kept": "free items on orders that have priced lines or a customer: kept at a price of 0",
    "zero_price_invoices_dropped": "invoices without customer and without any price: stock adjustments, dropped",
    "price_rounded_lines": "prices finer than a penny: rounded half up",
    "stock_code_cleaned_lines": "stock codes in lower case or with white space: cleaned",
    "market_fallback_invoices": f"invoices kept whose country is no ISO country: counted as {MARKET_FALLBACK}",
    "mixed_time_invoices": "invoices whose lines have several times: the earliest counts",
    "empty_orders_dropped": "invoices left without any line: dropped",
    "empty_returns_dropped": "cancellations left without any line: dropped",
    "orders": "orders kept",
    "orders_guest": "of these without a customer",
    "returns": "returns kept",
    "order_customers": "customers with an order",
}
"""What the report counts, in words."""


def read_online_retail(path: Path) -> History:
    """Read the data set at ``path`` (a file, an archive or a directory).

    Raises InputError when there is none, or when no line of it can be used.
    """
    with cycle_collection_paused():
        return _Reader().read(path)


def clean_code(code: str) -> str:
    """The stock code without white space, in capitals; ``15056bl`` and ``15056BL`` are one product."""
    return re.sub(r"\s+", "-", code.strip()).upper()


def minor_units(price: str) -> tuple[int, bool]:
    """``("2.55") -> (255, False)``; the flag tells that the price was finer than a penny and is rounded half up."""
    exact = Decimal(price.strip().replace(",", ".")) * 100
    whole = exact.quantize(Decimal(1), ROUND_HALF_UP)
    return int(whole), whole != exact


class _Reader:
    """One reading of the data set: rows by invoice first, then invoice by invoice."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter(dict.fromkeys(REPORT, 0))
        self.sightings: dict[tuple[str, str, int], int] = defaultdict(int)
        self.codes: dict[str, tuple[str, bool]] = {}
        self.times: dict[str, int] = {}
        self.price_texts: dict[str, tuple[int, bool]] = {}

    def read(self, path: Path) -> History:
        """All invoices of the file, oldest first."""
        invoices = self._group(path)
        self.times = read_times(dict.fromkeys(row.time for rows in invoices.values() for row in rows), ZONE)
        orders: list[Order] = []
        returns: list[Return] = []
        for number in list(invoices):  # emptied on the way: the rows are most of what is in memory
            rows = self._unique(invoices.pop(number))
            if _is_cancellation(number):
                returns += self._return(number.strip().upper(), rows)
            else:
                orders += self._order(number.strip().upper(), rows)
        if not orders:
            raise InputError(f"{path} has no usable invoice line; check Quantity, InvoiceDate and UnitPrice")
        orders.sort(key=lambda order: (order.at, order.order_id))
        returns.sort(key=lambda back: (back.at, back.return_id))
        known = {order.customer_id for order in orders} - {None}
        self.counts.update(orders=len(orders), returns=len(returns), order_customers=len(known))
        self.counts["orders_guest"] = sum(order.customer_id is None for order in orders)
        return History(CURRENCY, orders, returns, self._products(), dict(self.counts))

    def _group(self, path: Path) -> dict[str, list[Row]]:
        """Rows by invoice. Equal texts are kept once: the file repeats them hundreds of times."""
        invoices: dict[str, list[Row]] = defaultdict(list)
        memo: dict[str, str] = {}
        share = memo.setdefault
        for row in read_rows(path):
            shared = Row._make(map(share, row, row))
            invoices[shared.invoice].append(shared)
        self.counts["lines"] = sum(map(len, invoices.values()))
        self.counts["invoices"] = len(invoices)
        texts = {row.customer for rows in invoices.values() for row in rows}
        self.counts["customers"] = len({_customer(text) for text in texts} - {None})
        for number, rows in invoices.items():
            cancelled = _is_cancellation(number)
            self.counts["invoices_cancellation" if cancelled else "invoices_order"] += 1
            self.counts["invoices_order_without_customer"] += not cancelled and _customer(rows[0].customer) is None
        return invoices

    def _unique(self, rows: list[Row]) -> list[Row]:
        """Rows without exact duplicates, in their order."""
        unique = list(dict.fromkeys(rows))
        self.counts["exact_duplicate_lines"] += len(rows) - len(unique)
        return unique

    def _order(self, number: str, rows: list[Row]) -> list[Order]:
        """The order of an invoice, or nothing where no line of it is a sale."""
        lines = self._lines(rows, sign=1)
        if not lines:
            self.counts["empty_orders_dropped"] += 1
            return []
        free = sum(line.unit_price == 0 for line in lines)
        if free == len(lines) and _customer(rows[0].customer) is None:
            self.counts["zero_price_invoices_dropped"] += 1
            return []
        self.counts["zero_price_lines_kept"] += free
        return [Order(number, self._time(rows), _customer(rows[0].customer), self._market(rows), lines)]

    def _return(self, number: str, rows: list[Row]) -> list[Return]:
        """The return of a cancellation, or nothing where only charges were cancelled."""
        lines = self._lines(rows, sign=-1)
        if not lines:
            self.counts["empty_returns_dropped"] += 1
            return []
        return [Return(number, self._time(rows), _customer(rows[0].customer), self._market(rows), lines)]

    def _lines(self, rows: list[Row], sign: int) -> tuple[Line, ...]:
        """The rows that are goods sold (``sign`` 1) or taken back (-1)."""
        return tuple(line for row in rows if (line := self._line(row, sign)) is not None)

    def _line(self, row: Row, sign: int) -> Line | None:
        """One row as a line; None, and counted, when it is something else."""
        code, is_product = self._code(row.code)
        try:
            quantity = sign * int(row.quantity.removesuffix(".0"))
            price, rounded = self._price(row.price)
        except (ValueError, InvalidOperation):
            return self._dropped("unreadable_lines")
        if row.time not in self.times or not code:
            return self._dropped("unreadable_lines")
        if not is_product:
            return self._dropped("not_product_lines")
        if quantity == 0:
            return self._dropped("zero_quantity_lines")
        if quantity < 0:
            return self._dropped("stock_adjustment_lines" if sign > 0 else "positive_cancellation_lines")
        if price < 0:
            return self._dropped("negative_price_lines")
        if rounded:
            self.counts["price_rounded_lines"] += 1
        if code != row.code:
            self.counts["stock_code_cleaned_lines"] += 1
        self.sightings[code, row.description, price] += 1
        return Line(code, quantity, price)

    def _code(self, text: str) -> tuple[str, bool]:
        """The clean stock code, and whether it is a product's."""
        if text not in self.codes:
            code = clean_code(text)
            self.codes[text] = (code, NOT_PRODUCTS.match(code) is None)
        return self.codes[text]

    def _dropped(self, kind: str) -> Line | None:
        """No line, and one more of this kind of dirt."""
        self.counts[kind] += 1
        return None

    def _price(self, text: str) -> tuple[int, bool]:
        if text not in self.price_texts:
            self.price_texts[text] = minor_units(text)
        return self.price_texts[text]

    def _time(self, rows: list[Row]) -> int:
        """The invoice's time: the earliest of its lines."""
        times = {self.times[row.time] for row in rows if row.time in self.times}
        self.counts["mixed_time_invoices"] += len(times) > 1
        return min(times)

    def _market(self, rows: list[Row]) -> str:
        country = rows[0].country.strip()
        if country not in MARKETS:
            self.counts["market_fallback_invoices"] += 1
        return MARKETS.get(country, MARKET_FALLBACK)

    def _products(self) -> dict[str, Product]:
        """Every product sold or returned, with its most frequent name and price above zero."""
        names: dict[str, Counter[str]] = defaultdict(Counter)
        prices: dict[str, Counter[int]] = defaultdict(Counter)
        for (code, description, price), times in self.sightings.items():
            prices[code].update({price: times} if price > 0 else {})
            names[code].update({name: times} if (name := description.strip()) else {})
        return {code: Product(code, _usual(names[code], code), _usual(prices[code], 0)) for code in sorted(prices)}


def _is_cancellation(number: str) -> bool:
    return number.lstrip()[:1] in {"C", "c"}


def _customer(text: str) -> str | None:
    """The customer id; dumps of data frames write it as ``70001.0``."""
    return text.strip().removesuffix(".0") or None


def _usual(counts: dict[_Value, int], default: _Value) -> _Value:
    """The most frequent value; of several, the smallest."""
    return min(counts, key=lambda value: (-counts[value], value), default=default)
