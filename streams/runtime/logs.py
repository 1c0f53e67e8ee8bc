"""Structured logs: one JSON object a line, on stderr."""

from __future__ import annotations

import json
import logging
import sys
from collections import Counter
from datetime import UTC, datetime

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "data"}
OWN_LOGGERS = ("streams", "sinks", "deploy")
SERVICE_LOGGERS = ("streams.runtime.app", "streams.runtime.transport")
"""Subclasses of Faust's services log its chatter under the name of their module: a library's level for them."""


REPEAT_AFTER_S = 10.0
"""A library's warning is logged once in this time: while a broker is away, its client gives 500 a second."""
TEMPLATES_MAX = 1_000


class LessRepetition(logging.Filter):
    """Drops what a library repeats, and says how often with the next one. Our own lines all pass."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[tuple[str, str], float] = {}
        self._dropped: Counter[tuple[str, str]] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        """See ``logging``. Messages are the same when their templates are."""
        if record.name.startswith(OWN_LOGGERS) or record.levelno < logging.WARNING:
            return True
        what = (record.name, str(record.msg))
        if record.created - self._last.get(what, 0.0) < REPEAT_AFTER_S:
            self._dropped[what] += 1
            return False
        if len(self._last) >= TEMPLATES_MAX:
            self._last.clear()
            self._dropped.clear()
        self._last[what] = record.created
        if self._dropped[what]:
            record.repeated = self._dropped.pop(what)
        return True


class JsonFormatter(logging.Formatter):
    """``time`` (UTC), ``level``, ``logger``, ``message``, whatever was passed as ``extra``, and ``traceback``."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {key: value for key, value in vars(record).items() if key not in _STANDARD}
        if record.exc_info and record.exc_info[0] is not None:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def configure_logging(level: str) -> None:
    """Log to stderr as JSON: Cuepoint at ``level``, libraries at WARNING (all at DEBUG when ``level`` is that)."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(LessRepetition())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level if level in ("DEBUG", "ERROR") else "WARNING")
    for name in OWN_LOGGERS:
        logging.getLogger(name).setLevel(level)
    for name in SERVICE_LOGGERS:
        logging.getLogger(name).setLevel(root.level)
