"""The rights of ``schemas.access`` on a broker: what differs, and give what is missing."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
)
from kafka.errors import ClusterAuthorizationFailedError, KafkaError, SecurityDisabledError

from schemas.access import USERS, Resource, rights
from streams.admin_client import reason
from streams.errors import BrokerError
from streams.settings import Settings
from streams.topics_admin import administering

_TYPES: dict[Resource, Any] = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactionalId": ResourceType.TRANSACTIONAL_ID,
    "cluster": ResourceType.CLUSTER,
}
GRANT_TIMEOUT_S = 30.0
GRANT_WAIT_S = 0.5
_NAMES = {number: name for name, number in _TYPES.items()}


@dataclass(frozen=True, order=True)
class Rule:
    """One user may do one thing with one resource, or with all whose name begins so."""

    user: str
    resource: str
    name: str
    prefixed: bool
    operation: str
    """By the name that the broker has for it."""

    def __str__(self) -> str:
        name = f"{self.name}*" if self.prefixed else self.name
        return f"{self.user} {self.operation.lower()} {self.resource} {name}"


@dataclass(frozen=True)
class AccessPlan:
    """What the users of a prefix lack, and what they may do beyond the table."""

    missing: tuple[Rule, ...]
    beyond: tuple[Rule, ...]


def wanted(prefix: str) -> set[Rule]:
    """Every rule of the table."""
    return {
        Rule(f"{prefix}-{user.name}", right.resource, right.name, right.prefixed, _operation(operation).name)
        for user in USERS.values()
        for right in rights(user, prefix)
        for operation in right.operations
    }


def plan(settings: Settings) -> AccessPlan:
    """Compare the table with the broker. Raises BrokerError, too when it has no rights at all (no authorizer)."""
    expected = wanted(settings.topic_prefix)
    users = {rule.user for rule in expected}
    everything = ACLFilter(
        None,
        "*",
        ACLOperation.ANY,
        ACLPermissionType.ALLOW,
        ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY),
    )
    with administering(settings) as admin:
        try:
            found, _ = admin.describe_acls(everything)
        except SecurityDisabledError as error:
            raise BrokerError(
                f"The broker at {settings.bootstrap_servers} knows no rights, so everybody may do everything; give it "
                "an authorizer (authorizer.class.name) and users (security_protocol)."
            ) from error
        except ClusterAuthorizationFailedError as error:
            raise BrokerError(
                f"The broker at {settings.bootstrap_servers} does not tell user {settings.sasl_username!r} who may do "
                "what; use one that may describe the cluster, as its superuser."
            ) from error
    known = {_rule(acl) for acl in found}
    return AccessPlan(
        tuple(sorted(expected - known)), tuple(sorted(rule for rule in known - expected if rule.user in users))
    )


def grant(settings: Settings, missing: tuple[Rule, ...]) -> None:
    """Give the users what they lack, and wait until the broker has it; nothing is taken away. Raises BrokerError."""
    deadline = time.monotonic() + GRANT_TIMEOUT_S
    while missing:
        _create(settings, missing)
        missing = plan(settings).missing
        if missing and time.monotonic() > deadline:
            raise BrokerError(
                f"The broker at {settings.bootstrap_servers} took {len(missing)} rights and does not show them after "
                f"{GRANT_TIMEOUT_S:.0f} s ({missing[0]}); look into its log, and apply again."
            )
        time.sleep(GRANT_WAIT_S if missing else 0)


def _create(settings: Settings, missing: tuple[Rule, ...]) -> None:
    with administering(settings) as admin:
        try:
            answer = admin.create_acls([_acl(rule) for rule in missing])
        except KafkaError as error:
            raise BrokerError(
                f"The broker at {settings.bootstrap_servers} gives no rights ({reason(error)}); use a user that may "
                "alter the cluster, as its superuser."
            ) from error
    if answer["failed"]:
        raise BrokerError(
            f"The broker gave {len(answer['failed'])} of {len(missing)} rights not "
            f"({answer['failed'][0].__name__}); its log says why."
        )


def _operation(name: str) -> Any:
    words = {"DescribeConfigs": "DESCRIBE_CONFIGS", "AlterConfigs": "ALTER_CONFIGS"}
    return ACLOperation[words.get(name, name.upper())]


def _acl(rule: Rule) -> Any:
    pattern = ACLResourcePatternType.PREFIXED if rule.prefixed else ACLResourcePatternType.LITERAL
    return ACL(
        f"User:{rule.user}",
        "*",
        ACLOperation[rule.operation],
        ACLPermissionType.ALLOW,
        ResourcePattern(_TYPES[rule.resource], rule.name, pattern),  # type: ignore[index]
    )


def _rule(acl: Any) -> Rule:
    pattern = acl.resource_pattern
    return Rule(
        acl.principal.removeprefix("User:"),
        _NAMES.get(pattern.resource_type, pattern.resource_type.name.lower()),
        pattern.resource_name,
        pattern.pattern_type == ACLResourcePatternType.PREFIXED,
        acl.operation.name,
    )
