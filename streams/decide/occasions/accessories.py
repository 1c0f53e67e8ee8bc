"""What fits a purchase: the catalogue's accessories of what was kept of it."""

from __future__ import annotations

from streams.decide.state import Purchase
from streams.decide.view import View


def fitting(view: View, brand: str, purchase: Purchase) -> str | None:
    """The best accessory: of the kept lines by value, the first that is available and that the customer lacks."""
    matched = view.matched(brand)
    worth: dict[str, int] = {}
    for line in purchase.lines:
        kept = line.qty - matched.get((purchase.id, line.line), 0)
        if kept > 0:
            worth[line.product] = worth.get(line.product, 0) + kept * line.price
    known = [(-value, product, item) for product, value in worth.items() if (item := view.item(brand, product))]
    for _, _, item in sorted(row for row in known if row[2].accessories):
        for accessory in item.accessories:
            fits = view.item(brand, accessory)
            if fits is not None and fits.available and accessory not in view.products_bought(brand):
                return accessory
    return None
