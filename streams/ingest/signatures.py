"""Whether a webhook is the vendor's: the signatures as the vendors document them, compared in constant time.

Shopify signs the raw body (header ``X-Shopify-Hmac-Sha256``, base64), Square the notification URL followed by the raw
body (``x-square-hmacsha256-signature``, base64), Segment the raw body (``X-Signature``, SHA-1, hexadecimal). Rows from
programs of your own carry a token (``Authorization: Bearer <token>``).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping

HEADERS = {
    "shopify": "X-Shopify-Hmac-Sha256",
    "square": "x-square-hmacsha256-signature",
    "segment": "X-Signature",
    "generic": "Authorization",
}
"""Vendor -> the header with its signature."""


def signed(vendor: str, secrets: tuple[bytes, ...], headers: Mapping[str, str], body: bytes, url: str = "") -> bool:
    """Whether one of the secrets made the signature. ``url``: Square's notification URL."""
    given = headers.get(HEADERS[vendor], "").encode("utf-8", "replace")
    return any(hmac.compare_digest(given, signature(vendor, secret, body, url)) for secret in secrets)


def signature(vendor: str, secret: bytes, body: bytes, url: str = "") -> bytes:
    """What the header of a vendor has to hold."""
    if vendor == "shopify":
        return base64.b64encode(hmac.new(secret, body, hashlib.sha256).digest())
    if vendor == "square":
        return base64.b64encode(hmac.new(secret, url.encode() + body, hashlib.sha256).digest())
    if vendor == "segment":
        return hmac.new(secret, body, hashlib.sha1).hexdigest().encode()
    return b"Bearer " + secret
