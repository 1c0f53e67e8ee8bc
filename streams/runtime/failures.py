"""What the Kafka client raises, as the sentence that a user needs: whether to wait, to look, or to do nothing."""

from __future__ import annotations

from aiokafka.errors import (
    AuthenticationFailedError,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    InvalidProducerEpoch,
    KafkaError,
    KafkaTimeoutError,
    ProducerFenced,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)

from streams.errors import BrokerError, BrokerUnavailableError, CuepointError, FencedError
from streams.settings import Settings

_FENCED = (ProducerFenced, InvalidProducerEpoch)
_NOT_ALLOWED = (
    AuthenticationFailedError,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)


def as_sentence(error: BaseException, settings: Settings, stage: str) -> BaseException:
    """The error as a CuepointError where it comes from the broker; any other is given back as it is."""
    sentence: CuepointError
    cause = _root(error)
    if isinstance(error, _FENCED):
        sentence = FencedError(
            f"Another worker of {stage} has taken over a partition of this one, which was not heard of for longer than "
            f"session_timeout_s = {settings.session_timeout_s:g}, or which held a transaction open for too long. What "
            "it had not committed is the other's to do. Start it again: it joins as a new worker."
        )
    elif isinstance(error, _NOT_ALLOWED):
        sentence = BrokerError(
            f"The broker at {settings.bootstrap_servers} does not allow {stage} what it needs ({cause!r}). Give its "
            "user the rights, then start it again."
        )
    elif _broker_is_away(error):
        sentence = BrokerUnavailableError(
            f"The broker at {settings.bootstrap_servers} went away while {stage} was at work ({cause!r}). What was not "
            "committed is done again by the next start: start it when the broker is back."
        )
    else:
        return error
    sentence.__cause__ = error
    return sentence


def _root(error: BaseException) -> BaseException:
    """What the client met, without the errors it has wrapped it in."""
    while isinstance(error, KafkaError) and error.__cause__ is not None:
        error = error.__cause__
    return error


def _broker_is_away(error: BaseException | None) -> bool:
    """Connection lost, no answer, no leader, no coordinator: what another attempt may get over.

    The client wraps what ended one of its own tasks in a plain KafkaError, with the cause.
    """
    if error is not None and type(error) is KafkaError:
        return error.__cause__ is None or _broker_is_away(error.__cause__)
    return isinstance(error, KafkaError) and (bool(error.retriable) or isinstance(error, KafkaTimeoutError))
