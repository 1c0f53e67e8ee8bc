"""What a benchmark's process does first."""

from __future__ import annotations

import logging
import signal
import sys

EXIT_TERMINATED = 143


def begin() -> None:
    """Clean up when asked to end, and say nothing of the client's retries: new topics have no leader for a moment."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_TERMINATED))
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
