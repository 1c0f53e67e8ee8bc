"""State that this release did not write: what is refused, and in which words.

A customer state says its version itself (``streams.decide.state``); everything else that a stage keeps (links, rules,
counts) has the version of the stage's position record.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from streams.errors import StateError

POSITION_VERSION = 2
"""Version of position records, and of what lies beside them in a changelog. Version 2 has links that were unlinked."""
_ANEW = "start with another topic prefix and replay the history into it"

T = TypeVar("T")


class _Versioned(msgspec.Struct):
    """A position record of any version; the first ones say none."""

    version: int = 1


_version_decoder = msgspec.msgpack.Decoder(_Versioned)


def read_position(raw: bytes, decoder: msgspec.msgpack.Decoder[T], of: str) -> T:
    """A position record; ``of`` names whose it is. Raises StateError when a later release wrote it, or nobody did."""
    what = f"The position record of {of}"
    try:
        version = _version_decoder.decode(raw).version
        if version > POSITION_VERSION:
            raise other_version(what, version, POSITION_VERSION)
        return decoder.decode(raw)
    except msgspec.DecodeError as error:
        raise unreadable(what, error) from error


def other_version(what: str, version: int, known: int) -> StateError:
    """The error for a version that this release does not read."""
    return StateError(
        f"{what} has version {version}, this release reads version {known}: run the release that wrote it, or a newer "
        f"one; or {_ANEW}."
    )


def unreadable(what: str, error: Exception | None) -> StateError:
    """The error for bytes that are no record of ours."""
    return StateError(f"{what} cannot be read ({error}): the changelog is damaged, or not Cuepoint's; {_ANEW}.")
