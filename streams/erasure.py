"""What is kept of somebody who was erased: a keyed hash of each of his names, and when.

Without the key nobody can tell from a hash whose it is; with a name at hand Cuepoint can tell that it was erased, and
leaves late and repeated records of it out.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable

HASH_BYTES = 16

Hasher = Callable[[str], str]


def hasher(key: str) -> Hasher:
    """Name of a customer (``c1``, ``anon:…``) -> 32 hex digits: the first of HMAC-SHA256 under ``key``."""
    secret = key.encode()

    def name_hash(name: str) -> str:
        return hmac.digest(secret, name.encode(), "sha256")[:HASH_BYTES].hex()

    return name_hash


def is_known(name: str) -> bool:
    """Whether it is an id of the CRM, which stays erased for good. An identifier (``anon:…``) is only left out with
    what happened until the erasure: a device or an address may be somebody else's by then."""
    return ":" not in name
