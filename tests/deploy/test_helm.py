"""The chart, rendered and checked against the schemas of Kubernetes without a cluster."""

from __future__ import annotations

import functools
import importlib.util
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.topics import STAGES
from streams.settings import ENV_PREFIX, Settings

CHART = Path(__file__).parents[2] / "deploy/helm/cuepoint"
KUBERNETES = "1.31"
EVERYTHING = (
    "autoscaling.enabled=true,podMonitor.enabled=true,kafka.authentication=scram-sha-512,kafka.tls=true,"
    "kafka.authoritySecretName=authority,settings.partitions=6"
)
FOREIGN = ("PodMonitor", "ScaledObject")
"""Kinds of other projects, of which Kubernetes has no schema."""
SETTINGS = {ENV_PREFIX + name.upper() for name in Settings.model_fields} | {"CUEPOINT_INSTANCE_ID"}
VALUES = {"default": "", "everything": EVERYTHING, "mutual TLS": "kafka.authentication=tls"}

pytestmark = pytest.mark.skipif(shutil.which("helm") is None, reason="NOT RUN: helm is not on PATH")


@functools.cache
def rendered(values: str) -> list[dict[str, Any]]:
    """What Helm makes of the chart."""
    command = ["helm", "template", "shop", str(CHART), "--kube-version", KUBERNETES]
    command += ["--set", values] if values else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def of_kind(values: str, *kinds: str) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in rendered(values) if one["kind"] in kinds}


def pods(values: str) -> dict[str, dict[str, Any]]:
    found = of_kind(values, "Deployment", "StatefulSet")
    return {name.removeprefix("shop-"): one["spec"]["template"]["spec"] for name, one in found.items()}


@pytest.mark.skipif(
    importlib.util.find_spec("kubernetes_validate") is None,
    reason="NOT RUN: the Python package kubernetes-validate, which holds the schemas, is not installed",
)
@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_every_resource_is_what_kubernetes_takes(values: str) -> None:
    from kubernetes_validate import ValidationError, validate

    checked = [one for one in rendered(values) if one["kind"] not in FOREIGN]
    for one in checked:
        validate(one, KUBERNETES, strict=True)
    wrong = {**checked[0], "metadata": {**checked[0]["metadata"], "labels": "none"}}
    with pytest.raises(ValidationError):
        validate(wrong, KUBERNETES, strict=True)


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_every_process_is_there_and_may_do_nothing_to_its_node(values: str) -> None:
    assert set(pods(values)) == {*STAGES, "sink"}
    for name, pod in pods(values).items():
        (container,) = pod["containers"]
        assert container["args"] == (["sink"] if name == "sink" else ["worker", name])
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert {container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("liveness", "readiness")} == {
            "/healthz",
            "/readyz",
        }
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        claimed = {"state"} if name in ("decide", "sink") else set()
        assert mounted == {volume["name"] for volume in pod["volumes"]} | claimed


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_workers_are_static_members_by_the_name_of_their_pod_and_settings_exist(values: str) -> None:
    (config,) = of_kind(values, "ConfigMap").values()
    for pod in pods(values).values():
        environment = {one["name"]: one for one in pod["containers"][0]["env"]}
        assert set(environment) | set(config["data"]) <= SETTINGS
        named = environment["CUEPOINT_INSTANCE_ID"]["valueFrom"]["fieldRef"]["fieldPath"]
        assert named == "metadata.name"
        given = {name: one["value"] for name, one in environment.items() if "value" in one}
        fields = {name.removeprefix(ENV_PREFIX).lower(): value for name, value in {**config["data"], **given}.items()}
        Settings.model_validate(fields)
    assert config["data"]["CUEPOINT_PARTITIONS"] == ("6" if values == EVERYTHING else "8")


def test_each_stage_has_a_user_a_secret_and_a_volume_of_its_own() -> None:
    for name, pod in pods(EVERYTHING).items():
        secrets = {volume["name"]: volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume}
        assert secrets == {"hash-key": "cuepoint-hash-key", "user": f"cuepoint-{name}", "authority": "authority"}
    claims = {
        name: one["spec"]["volumeClaimTemplates"][0]["metadata"]["name"]
        for name, one in of_kind("", "StatefulSet").items()
    }
    assert claims == {"shop-decide": "state", "shop-sink": "state"}


def test_budgets_scaling_and_policies_choose_pods_that_exist() -> None:
    labels = [one["spec"]["template"]["metadata"]["labels"] for one in of_kind(EVERYTHING, "Deployment").values()]
    labels += [one["spec"]["template"]["metadata"]["labels"] for one in of_kind(EVERYTHING, "StatefulSet").values()]
    for budget in of_kind(EVERYTHING, "PodDisruptionBudget").values():
        chosen = budget["spec"]["selector"]["matchLabels"].items()
        assert len([own for own in labels if chosen <= own.items()]) == 1
    (monitor,) = of_kind(EVERYTHING, "PodMonitor").values()
    (policy,) = of_kind(EVERYTHING, "NetworkPolicy").values()
    for chosen in (monitor["spec"]["selector"], policy["spec"]["podSelector"]):
        assert all(chosen["matchLabels"].items() <= own.items() for own in labels)
    scaled = of_kind(EVERYTHING, "ScaledObject")
    assert set(scaled) == {"shop-intake", "shop-identity"}
    assert all(one["spec"]["maxReplicaCount"] == 6 for one in scaled.values()), "not more workers than partitions"
    assert all("replicas" not in of_kind(EVERYTHING, "Deployment")[name]["spec"] for name in scaled)
