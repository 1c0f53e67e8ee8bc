"""KafkaTopic and KafkaUser resources from the catalogue of topics and the table of rights."""

from __future__ import annotations

import re
from typing import Any

import yaml

from schemas.access import USERS, Right, User, rights
from schemas.topics import TOPICS, Topic
from streams.settings import Settings
from streams.topics_admin import configs, partitions

API = "kafka.strimzi.io/v1"
CLUSTER_LABEL = "strimzi.io/cluster"


def resources(settings: Settings, cluster: str) -> str:
    """All of them as one YAML document each; ``cluster`` is the name of the Kafka resource that they belong to."""
    made = [_topic(topic, settings, cluster) for topic in TOPICS.values()]
    made += [_user(user, settings, cluster) for user in USERS.values()]
    return yaml.safe_dump_all(made, sort_keys=False)


def _topic(topic: Topic, settings: Settings, cluster: str) -> dict[str, Any]:
    full = settings.topic(topic.name)
    spec = {
        "topicName": full,
        "partitions": partitions(topic, settings),
        "replicas": settings.replication,
        "config": configs(topic, settings),
    }
    return {"apiVersion": API, "kind": "KafkaTopic", "metadata": _metadata(full, cluster), "spec": spec}


def _user(user: User, settings: Settings, cluster: str) -> dict[str, Any]:
    name = f"{settings.topic_prefix}-{user.name}"
    spec = {
        "authentication": {"type": "tls" if settings.security_protocol == "SSL" else "scram-sha-512"},
        "authorization": {"type": "simple", "acls": [_acl(right) for right in rights(user, settings.topic_prefix)]},
    }
    return {"apiVersion": API, "kind": "KafkaUser", "metadata": _metadata(name, cluster), "spec": spec}


def _acl(right: Right) -> dict[str, Any]:
    resource: dict[str, Any] = {"type": right.resource}
    if right.resource != "cluster":
        resource |= {"name": right.name, "patternType": "prefix" if right.prefixed else "literal"}
    return {"resource": resource, "operations": list(right.operations), "host": "*"}


def _metadata(name: str, cluster: str) -> dict[str, Any]:
    """Kubernetes takes small letters, digits, dots and dashes. A topic's real name stands in its spec; a user's name is
    this one."""
    return {"name": re.sub(r"[^a-z0-9.-]", "-", name.lower()), "labels": {CLUSTER_LABEL: cluster}}
