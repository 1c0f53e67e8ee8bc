"""Names of customers who are not yet known: by their identifier, and after how many unlinkings of it they came."""

from __future__ import annotations


def unknown_name(identifier: str, times: int) -> str:
    """Whose the events of an unclaimed identifier are: ``anon:v``, after the first unlinking ``anon~1:v``, …

    The number goes with the kind, since an identifier may hold any sign but white space and ``|``.
    """
    if not times:
        return identifier
    kind, _, value = identifier.partition(":")
    return f"{kind}~{times}:{value}"


def identifier_of(name: str) -> str:
    """The identifier behind such a name; a CRM id as it is."""
    kind, colon, value = name.partition(":")
    return f"{kind.partition('~')[0]}:{value}" if colon else name


def untimed(name: str) -> str:
    """``anon~:v`` for whoever came after any unlinking (``anon~2:v``); other names as they are.

    Under it an erasure is remembered too, for those who cannot tell the times of an identifier apart.
    """
    kind, tilde, _ = name.partition(":")[0].partition("~")
    return f"{kind}~:{name.partition(':')[2]}" if tilde and ":" in name else name
