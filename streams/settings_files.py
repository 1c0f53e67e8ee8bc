"""Secrets in files: read one, and say what is wrong with it without showing it."""

from __future__ import annotations

from pathlib import Path

from streams.errors import SettingsError


def read_secret(field: str, path: str) -> str:
    """The text of a secret file, white space at the end removed. Raises SettingsError naming ``field`` and the file."""
    try:
        text = Path(path).read_text(encoding="utf-8").rstrip()
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "it is not UTF-8 text"
        raise SettingsError(
            f"Setting {field} = {path}: the file cannot be read ({reason}); name a readable one."
        ) from None
    if not text:
        raise SettingsError(f"Setting {field} = {path}: the file is empty; write the secret into it.")
    return text
