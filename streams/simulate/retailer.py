"""A made-up retailer's orders and returns, at about the shape of UCI Online Retail."""

from __future__ import annotations

from random import Random

from streams.errors import InputError
from streams.replay.history import History, Line, Order, Product, Return
from streams.simulate.rates import DAY_MS, HOUR_MS, MINUTE_MS
from streams.simulate.world import weighted

CUSTOMERS_MAX = 200_000
DAYS_MAX = 3_660
START_MS = 1_735_689_600_000
"""2025-01-01: a simulation needs a date that does not depend on the day it runs."""
CURRENCY = "GBP"
PRODUCTS_PER_ROOT_OF_CUSTOMERS = 58
"""3,835 products at 4,372 customers."""
THEME_PRODUCTS = 12
"""Products of one theme are bought together."""
ORDERS_PER_CUSTOMER = {
    "1": 0.34, "2": 0.19, "3": 0.12, "4": 0.09, "5": 0.06, "6": 0.04, "8": 0.055, "11": 0.05, "16": 0.035, "26": 0.017,
    "70": 0.003,
}  # fmt: skip
"""Shares of customers by orders a year, as in Online Retail."""
LINES = {"1": 0.06, "3": 0.14, "7": 0.20, "14": 0.22, "20": 0.14, "30": 0.12, "45": 0.08, "80": 0.04}
GUESTS_PER_ORDER = 0.075
RETURNS_PER_ORDER = 0.19
RETURN_WITHOUT_PURCHASE = 0.05
MARKETS = {
    "GB": 0.90, "DE": 0.022, "FR": 0.02, "IE": 0.012, "ES": 0.008, "NL": 0.006, "BE": 0.006, "CH": 0.005, "PT": 0.005,
    "IT": 0.004, "SE": 0.003, "NO": 0.003, "AT": 0.003, "US": 0.002, "AU": 0.001,
}  # fmt: skip
LOOKS = (
    "RED",
    "BLUE",
    "PINK",
    "GREEN",
    "WHITE",
    "RETROSPOT",
    "VINTAGE",
    "WOODEN",
    "HEART",
    "PAISLEY",
    "STRIPED",
    "MINI",
)
THINGS = (
    "LUNCH BAG", "CAKE STAND", "T-LIGHT HOLDER", "MUG", "STORAGE BOX", "LANTERN", "CUSHION", "DOORMAT", "GIFT CARD",
    "WRAPPING PAPER", "PHOTO FRAME", "TEA TOWEL", "JAM JAR", "NECKLACE", "TOY TRAIN", "GARDEN SIGN", "WATER BOTTLE",
)  # fmt: skip


def make_history(customers: int, days: int, seed: int) -> History:
    """Orders and returns of that many customers over that many days.

    Raises InputError when a number is out of bounds.
    """
    _check("customers", customers, 1, CUSTOMERS_MAX)
    _check("days", days, 2, DAYS_MAX)
    products = _products(customers, seed)
    maker = _Maker(list(products.values()), days, seed)
    orders: list[Order] = []
    for number in range(customers):
        orders += maker.customer_orders(number)
    guests = Random(f"{seed}/retailer/guests")
    orders += [
        Order(
            "",
            maker.moment(guests),
            None,
            weighted(guests, MARKETS),
            maker.lines(guests, guests.choices(maker.themes, k=3)),
        )
        for _ in range(round(len(orders) * GUESTS_PER_ORDER))
    ]
    orders.sort(key=lambda order: (order.at, order.customer_id or "", order.lines))
    orders = [
        Order(str(600_001 + number), order.at, order.customer_id, order.market, order.lines)
        for number, order in enumerate(orders)
    ]
    returns = _returns(orders, Random(f"{seed}/retailer/returns"))
    return History(CURRENCY, orders, returns, products, {"orders": len(orders), "returns": len(returns)})


def _check(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise InputError(f"{name} is {value:,}; choose a number from {least:,} to {most:,}")


def _products(customers: int, seed: int) -> dict[str, Product]:
    """An assortment that grows with the root of the number of customers."""
    random = Random(f"{seed}/retailer/products")
    products = {}
    for number in range(max(60, round(PRODUCTS_PER_ROOT_OF_CUSTOMERS * customers**0.5))):
        code = str(20_001 + number)
        name = f"{LOOKS[number % len(LOOKS)]} {THINGS[number // THEME_PRODUCTS % len(THINGS)]} {number // 204 + 1}"
        price = max(19, min(9_999, round(random.lognormvariate(5.4, 0.9))))
        products[code] = Product(code, name, price)
    return products


class _Maker:
    """Draws orders."""

    def __init__(self, products: list[Product], days: int, seed: int) -> None:
        self.products = products
        self.days = days
        self.seed = seed
        self.themes = range((len(products) + THEME_PRODUCTS - 1) // THEME_PRODUCTS)

    def customer_orders(self, number: int) -> list[Order]:
        """A customer's orders: in a rhythm of his own, for the time that he stays."""
        random = Random(f"{self.seed}/retailer/customer/{number}")
        per_year = int(weighted(random, ORDERS_PER_CUSTOMER))
        count = max(1, round(per_year * self.days / 374 * random.uniform(0.8, 1.2)))
        market, customer = weighted(random, MARKETS), str(10_001 + number)
        favourites = random.choices(self.themes, weights=[1 / (theme + 3) for theme in self.themes], k=4)
        first = random.random() ** 1.4 * self.days
        stays = (self.days - first) * random.choice((0.4, 0.7, 1.0))
        days = sorted(first + stays * (turn + random.uniform(-0.3, 0.3)) / count for turn in range(count))
        return [
            Order("", self.moment(random, max(0, int(day))), customer, market, self.lines(random, favourites))
            for day in days
        ]

    def moment(self, random: Random, day: int | None = None) -> int:
        """A time in shop hours of that day, or of any."""
        if day is None:
            day = random.randrange(self.days)
        return START_MS + min(day, self.days - 1) * DAY_MS + 8 * HOUR_MS + random.randrange(12 * 60) * MINUTE_MS

    def lines(self, random: Random, themes: list[int]) -> tuple[Line, ...]:
        """Lines mostly from a few themes, most often their first products."""
        size = max(1, round(int(weighted(random, LINES)) * random.uniform(0.6, 1.4)))
        codes: dict[str, int] = {}
        for _ in range(size):
            theme = random.choice(themes) if random.random() < 0.8 else random.choice(self.themes)
            place = theme * THEME_PRODUCTS + int(random.random() ** 2 * THEME_PRODUCTS)
            product = self.products[min(place, len(self.products) - 1)]
            codes.setdefault(product.product_id, product.price)
        quantities = (1, 1, 2, 2, 3, 4, 6, 6, 12, 12, 24)
        return tuple(Line(code, random.choice(quantities), price) for code, price in codes.items())


def _returns(orders: list[Order], random: Random) -> list[Return]:
    """Returns of a line or two within weeks; a few of things that the customer never ordered here."""
    returns = []
    for order in orders:
        if order.customer_id is None or random.random() >= RETURNS_PER_ORDER:
            continue
        kept = [line for line in order.lines if line.unit_price > 0]
        lines = tuple(
            line._replace(quantity=random.randint(1, line.quantity))
            for line in random.sample(kept, min(len(kept), random.choice((1, 1, 2, 3))))
        )
        if random.random() < RETURN_WITHOUT_PURCHASE:
            lines = random.choice(orders).lines[:1]
        at = order.at + random.randrange(3 * DAY_MS, 40 * DAY_MS)
        returns.append(Return(f"C{order.order_id}", at, order.customer_id, order.market, lines))
    return sorted(returns, key=lambda back: (back.at, back.return_id))
