"""The vendors as the settings want them: frames by shop, secrets from files, translated product ids."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

from schemas.iso import COUNTRIES, CURRENCY_DIGITS
from streams.errors import SettingsError
from streams.ingest.common import VENDORS, Frame, Vendor
from streams.ingest.generic import Generic
from streams.ingest.mapping import load_mapping
from streams.ingest.segment import Segment
from streams.ingest.shopify import Shopify
from streams.ingest.square import Square
from streams.settings import Settings

SHOPS_MAX = 10_000
"""Shops whose frames are kept."""


def vendors(settings: Settings, names: list[str]) -> dict[str, Vendor]:
    """The mappings of these vendors. Raises SettingsError when a setting is missing or wrong."""
    check_frame(settings)
    products = product_ids(settings.ingest_product_ids)
    made: dict[str, Vendor] = {}
    for name in names:
        frames = frames_of(settings, name, products)
        if name == "shopify":
            made[name] = Shopify(frames)
        elif name == "segment":
            made[name] = Segment(frames)
        elif name == "square":
            made[name] = Square(frames)
        else:
            if settings.ingest_mapping is None:
                raise SettingsError("Setting ingest_mapping is empty; name the mapping file of the rows that come.")
            made[name] = Generic(frames, load_mapping(settings.ingest_mapping))
    return made


def frames_of(settings: Settings, vendor: str, products: Mapping[str, str]) -> Callable[[str], Frame]:
    """Shop -> its frame, for one vendor."""

    @lru_cache(SHOPS_MAX)
    def frame(shop: str) -> Frame:
        return Frame(
            brand=settings.ingest_brands.get(shop, settings.ingest_brand),
            market=settings.ingest_markets.get(shop, settings.ingest_market),
            currency=settings.ingest_currency,
            product_id=settings.ingest_product_id,
            hash_key=settings.hash_key,
            crm=vendor in settings.ingest_crm,
            products=products,
        )

    return frame


def check_frame(settings: Settings) -> None:
    """Raises SettingsError with the first of the settings about shops that is missing or wrong."""
    if not settings.ingest_brand:
        raise SettingsError("Setting ingest_brand is empty; set CUEPOINT_INGEST_BRAND to the brand of your shop.")
    for market in (settings.ingest_market, *settings.ingest_markets.values()):
        if market not in COUNTRIES:
            raise SettingsError(f"Setting ingest_market = {market!r} is no ISO 3166 country code; set it to one as GB.")
    if settings.ingest_currency and settings.ingest_currency not in CURRENCY_DIGITS:
        raise SettingsError(
            f"Setting ingest_currency = {settings.ingest_currency!r} is no ISO 4217 code; set it to one such as GBP."
        )
    if unknown := sorted(set(settings.ingest_crm) - set(VENDORS)):
        raise SettingsError(f"Setting ingest_crm names {unknown[0]!r}; vendors are {', '.join(VENDORS)}.")


def product_ids(path: Path | None) -> dict[str, str]:
    """Their product ids -> ours. Raises SettingsError when the file is not as it has to be."""
    if path is None:
        return {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(f"Setting ingest_product_ids = {path}: it cannot be read ({error}).") from error
    if rows and not {"theirs", "ours"} <= rows[0].keys():
        raise SettingsError(f"Setting ingest_product_ids = {path}: its first line has to be theirs,ours.")
    return {row["theirs"]: row["ours"] for row in rows}


def read_secret(path: Path | None, setting: str) -> tuple[bytes, ...]:
    """The secrets in a file, one a line. Raises SettingsError, which never shows them."""
    if path is None:
        raise SettingsError(f"Setting {setting} names no file; write the secret into a file and name it there.")
    try:
        lines = tuple(line.strip() for line in path.read_bytes().splitlines() if line.strip())
    except OSError as error:
        raise SettingsError(f"Setting {setting} = {path}: the file cannot be read ({error.strerror}).") from error
    if not lines:
        raise SettingsError(f"Setting {setting} = {path}: the file is empty; write the secret into it.")
    return lines
