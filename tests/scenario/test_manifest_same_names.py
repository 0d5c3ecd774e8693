"""Metrics of one name in a manifest are metrics of their own, each with its own values."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from simcost.errors import InputError
from simcost.plan.autoscaling import Hpa, Keda
from simcost.scenario.manifests import read_manifest


def read(path: Path, kind: str, api: str, spec: dict[str, Any]) -> Any:
    file = path / "manifest.yaml"
    named = {"scaleTargetRef": {"name": "chat", "kind": "Deployment", "apiVersion": "apps/v1"}}
    file.write_text(
        yaml.safe_dump({"apiVersion": api, "kind": kind, "metadata": {"name": "chat"}, "spec": named | spec})
    )
    return read_manifest(file)


def hpa(path: Path, *metrics: dict[str, Any]) -> Hpa:
    policy = read(path, "HorizontalPodAutoscaler", "autoscaling/v2", {"maxReplicas": 9, "metrics": [*metrics]}).policy
    assert isinstance(policy, Hpa)
    return policy


def cpu(container: str) -> dict[str, Any]:
    target = {"type": "Utilization", "averageUtilization": 60}
    return {
        "type": "ContainerResource",
        "containerResource": {"name": "cpu", "container": container, "target": target},
    }


def lag(**labels: str) -> dict[str, Any]:
    metric = {"name": "lag", "selector": {"matchLabels": labels}} if labels else {"name": "lag"}
    return {"type": "External", "external": {"metric": metric, "target": {"type": "Value", "value": "10"}}}


def hits(name: str) -> dict[str, Any]:
    described = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": name}
    target = {"type": "Value", "value": "10"}
    return {"type": "Object", "object": {"metric": {"name": "hits"}, "describedObject": described, "target": target}}


def test_each_of_several_has_its_own_name(tmp_path: Path) -> None:
    assert list(hpa(tmp_path, cpu("engine"), cpu("proxy")).reads()) == ["cpu of engine", "cpu of proxy"]
    assert list(hpa(tmp_path, lag(queue="a"), lag(queue="b"), lag()).reads()) == [
        "lag of queue a",
        "lag of queue b",
        "lag",
    ]
    assert list(hpa(tmp_path, hits("x"), hits("y")).reads()) == ["hits of Ingress x", "hits of Ingress y"]


def test_one_alone_keeps_the_name_that_it_has(tmp_path: Path) -> None:
    assert list(hpa(tmp_path, cpu("engine"), lag(queue="a")).reads()) == ["cpu", "lag"]
    assert list(hpa(tmp_path, lag(queue="a"), lag(queue="a")).reads()) == ["lag"]


def triggers(path: Path, **named: str) -> Keda:
    def one(query: str) -> dict[str, Any]:
        metadata = {"serverAddress": "http://p", "query": query, "threshold": "10"}
        own = {key: value for key, value in named.items() if key == "name"}
        older = {key: value for key, value in named.items() if key == "metricName"}
        return {"type": "prometheus", **own, "metadata": metadata | older}

    queries = "sum(vllm:num_requests_waiting)", "sum(vllm:num_requests_running)"
    policy = read(path, "ScaledObject", "keda.sh/v1alpha1", {"triggers": [*map(one, queries)]}).policy
    assert isinstance(policy, Keda)
    return policy


def test_triggers_with_the_same_metric_name_keep_their_queries(tmp_path: Path) -> None:
    reads = triggers(tmp_path, metricName="vllm").reads()
    assert {name: source[0].name for name, source in reads.items()} == {"vllm": "waiting", "s1-vllm": "running"}


def test_triggers_with_the_same_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'vllm' is the name of another trigger too, which KEDA refuses"):
        triggers(tmp_path, name="vllm")
