"""The catalogue: names, prices, availability, and accessories mined from what was bought together."""

from __future__ import annotations

from collections import Counter
from itertools import chain

from streams.replay.history import Order, Product
from streams.simulate import rates
from streams.simulate.feed import Event, Feed
from streams.simulate.rates import DAY_MS
from streams.simulate.world import HOME_MARKET, World

SOURCE = "catalog"
BEFORE_START_MS = 30 * DAY_MS
"""The catalogue is there this long before the first order."""
CATEGORIES: tuple[tuple[str, str], ...] = (
    ("CHRISTMAS", "christmas"), ("BAG", "bags"), ("BOX", "storage"), ("TIN", "storage"), ("CANDLE", "candles"),
    ("T-LIGHT", "candles"), ("LIGHT", "lighting"), ("LANTERN", "lighting"), ("CARD", "stationery"),
    ("WRAP", "stationery"), ("PAPER", "stationery"), ("MUG", "kitchen"), ("CUP", "kitchen"), ("CAKE", "kitchen"),
    ("BOTTLE", "kitchen"), ("JAM", "kitchen"), ("GARDEN", "garden"), ("NECKLACE", "jewellery"),
    ("EARRING", "jewellery"), ("BRACELET", "jewellery"), ("TOY", "toys"), ("CHILD", "toys"), ("DOLL", "toys"),
)  # fmt: skip
"""The first word that the name holds gives the category."""
CATEGORY_OTHER = "home"


def write_catalog(world: World, feed: Feed) -> None:
    """Every product before the first order; some with later news of price or availability."""
    random = world.random("catalog")
    accessories = mine_accessories(world.history.orders)
    before = world.start - BEFORE_START_MS
    for product in world.history.products.values():
        available = random.random() >= rates.UNAVAILABLE
        price = product.price or 100
        item = _item(world, product, price, available, accessories.get(product.product_id, []))
        feed.add(SOURCE, f"item-{product.product_id}-1", "catalog.item", before, item)
        if random.random() < rates.UPDATED_ITEM:
            at = random.randrange(world.start, world.end)
            price = max(1, price * random.choice((80, 90, 110, 120)) // 100)
            news = _item(world, product, price, available != (random.random() < 0.3), item["accessories"])
            feed.add(SOURCE, f"item-{product.product_id}-2", "catalog.item", at, news)


def _item(world: World, product: Product, price: int, available: bool, accessories: list[str]) -> Event:
    """The fields of a catalogue item."""
    return {
        "market": HOME_MARKET,
        "product_id": product.product_id,
        "name": product.name,
        "category": next((category for word, category in CATEGORIES if word in product.name.upper()), CATEGORY_OTHER),
        "available": available,
        "prices": [{"market": HOME_MARKET, "currency": world.currency, "amount": world.amount(price)}],
        "accessories": accessories,
    }


def mine_accessories(orders: list[Order]) -> dict[str, list[str]]:
    """Product -> products bought with it more often than chance, highest lift first.

    lift(a, b) = P(a and b) / (P(a) P(b)) over orders (Brin et al. 1997, "Dynamic itemset counting and implication
    rules"), for pairs with the least support. One product's neighbours are counted at a time, so
    memory grows with products, not with pairs.
    """
    baskets, holding, support = _baskets(orders)
    accessories: dict[str, list[str]] = {}
    for code, places in holding.items():
        together = Counter(chain.from_iterable(baskets[place] for place in places))
        del together[code]
        scored = [
            (-count * len(baskets) / (len(places) * len(holding[other])), other)
            for other, count in together.items()
            if count >= support
        ]
        best = [other for lift, other in sorted(scored) if lift < -1]
        if best:
            accessories[code] = best[: rates.ACCESSORIES_MAX]
    return accessories


def _baskets(orders: list[Order]) -> tuple[list[list[str]], dict[str, list[int]], int]:
    """Baskets of frequent products, of each product the baskets that hold it, and the least support of a pair."""
    raw = [dict.fromkeys(line.product_id for line in order.lines) for order in orders]
    raw = [basket for basket in raw if 2 <= len(basket) <= rates.BASKET_PRODUCTS_MAX]
    least, most = rates.ACCESSORY_SUPPORT
    support = max(least, min(most, len(raw) // 1_000))
    counts = Counter(chain.from_iterable(raw))
    frequent = {code for code, count in counts.items() if count >= 2 * support}
    baskets = [[code for code in basket if code in frequent] for basket in raw]
    holding: dict[str, list[int]] = {code: [] for code in sorted(frequent)}
    for place, basket in enumerate(baskets):
        for code in basket:
            holding[code].append(place)
    return baskets, holding, support
