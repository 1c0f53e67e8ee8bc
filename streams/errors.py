"""Every failure that a user can cause: one class, one sentence with the cause and the way out.

::

    CuepointError
    ├── SettingsError        a setting is not valid
    ├── BrokerError          a topic is missing or wrong, or the broker refused something
    │   └── BrokerUnavailableError  no broker answers (exit code 3)
    ├── FencedError          another worker has taken a partition over (exit code 3)
    ├── PlatformError        Java, a port, a disk: something outside is missing or taken
    ├── InputError           a file or a record that a user gave cannot be used
    ├── CampaignError        a campaign or brand file is not valid
    ├── FeedError            too many bad records: a feed is broken, the worker stops
    ├── ChannelError         a channel service gives up one message after the other
    ├── SinkError            the DuckDB file is taken, too new, or cannot be written
    └── StateError           state cannot be restored (an unknown version, a hole)

Exit code 2 asks for a person; 3 says that the same start may succeed in a moment, so a supervisor tries again.
"""

from __future__ import annotations

EXIT_TRY_AGAIN = 3


class CuepointError(Exception):
    """Base of all; the command line prints the sentence and exits with ``exit_code``."""

    exit_code = 2


class SettingsError(CuepointError):
    """A setting is not valid."""


class BrokerError(CuepointError):
    """A topic is missing or has the wrong shape, or the broker refused a request."""


class BrokerUnavailableError(BrokerError):
    """No broker answers, or the one that did went away: a restart, a network, an address that is wrong."""

    exit_code = EXIT_TRY_AGAIN


class FencedError(CuepointError):
    """Another worker has taken over a partition of this one; what this one had not committed is the other's to do."""

    exit_code = EXIT_TRY_AGAIN


class PlatformError(CuepointError):
    """Something outside Cuepoint is missing or taken: Java, Maven, a port, disk space."""


class InputError(CuepointError):
    """A file or a record that a user gave cannot be used."""


class CampaignError(CuepointError):
    """A campaign or brand file is not valid."""


class FeedError(CuepointError):
    """Too many bad records in a feed: the worker stops with the quarantine committed."""


class ChannelError(CuepointError):
    """A channel service had to give up one message after the other: it stops, since the service is what is broken."""


class SinkError(CuepointError):
    """The DuckDB file is in use, too new, or cannot be written."""


class StateError(CuepointError):
    """State cannot be restored: an unknown version, or a hole in the changelog."""
