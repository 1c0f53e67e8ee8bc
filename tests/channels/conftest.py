"""The topics of a channel service."""

from __future__ import annotations

import pytest

from streams.settings import Settings
from streams.topics_admin import ensure_topics
from tests.channels.kit import TOPICS


@pytest.fixture
def topics(settings: Settings) -> Settings:
    """Settings with the topics of the e-mail channel, and short waits between tries."""
    ensure_topics(settings, TOPICS)
    return settings.model_copy(update={"channel_backoff_s": 0.05, "session_timeout_s": 6.0})
