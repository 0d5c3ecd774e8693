"""Triggers of ScaledObjects: names, defaults and what no value means, as KEDA's scalers have them."""

import re
from pathlib import Path
from typing import Any

import pytest

from simcost.errors import FaultsError
from simcost.scenario.manifests import Manifest, read_manifest


def read(folder: Path, kind: str, **metadata: object) -> Manifest:
    written = ", ".join(f"{key}: '{value}'" for key, value in metadata.items())
    path = folder / "scaled.yaml"
    path.write_text(
        "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: chat}\n"
        f"spec:\n  scaleTargetRef: {{name: chat}}\n  triggers:\n    - {{type: {kind}, metadata: {{{written}}}}}\n"
    )
    return read_manifest(path)


def trigger(folder: Path, kind: str, **metadata: object) -> Any:
    [found] = read(folder, kind, **metadata).policy.triggers  # type: ignore[union-attr]
    return found


@pytest.mark.parametrize(
    ("kind", "default"),
    [
        ("azure-queue", 5),
        ("azure-eventhub", 64),
        ("gcp-pubsub", 10),
        ("gcp-stackdriver", 5),
        ("nats-jetstream", 10),
        ("redis-sentinel", 5),
    ],
)
def test_defaults_of_thresholds(tmp_path: Path, kind: str, default: float) -> None:
    assert trigger(tmp_path, kind, a="b").threshold == default


@pytest.mark.parametrize(
    ("kind", "older"), [("rabbitmq", "queueLength"), ("gcp-pubsub", "subscriptionSize"), ("datadog", "queryValue")]
)
def test_older_names_of_thresholds(tmp_path: Path, kind: str, older: str) -> None:
    assert trigger(tmp_path, kind, **{older: 7}).threshold == 7


def test_a_type_of_datadog_in_the_metadata(tmp_path: Path) -> None:
    assert trigger(tmp_path, "datadog", targetValue=7, type="global").target_type == "Value"
    assert trigger(tmp_path, "datadog", targetValue=7, type="average").target_type == "AverageValue"
    with pytest.raises(FaultsError, match="type: 'mean' is not one of average, global"):
        read(tmp_path, "datadog", targetValue=7, type="mean")


def test_activation_by_the_cluster_agent_of_datadog(tmp_path: Path) -> None:
    both = {"activationQueryValue": 1, "activationTargetValue": 2, "targetValue": 7}
    assert trigger(tmp_path, "datadog", **both).activation_threshold == 1
    assert trigger(tmp_path, "datadog", **both, useClusterAgentProxy="true").activation_threshold == 2


def test_no_value_is_an_error_where_keda_takes_it_as_one(tmp_path: Path) -> None:
    assert trigger(tmp_path, "loki", threshold=1).ignore_null
    assert not trigger(tmp_path, "datadog", targetValue=7).ignore_null
    assert trigger(tmp_path, "datadog", targetValue=7, metricUnavailableValue=0).ignore_null
    assert not trigger(tmp_path, "elasticsearch", targetValue=7).ignore_null
    assert trigger(tmp_path, "elasticsearch", targetValue=7, ignoreNullValues="true").ignore_null
    other = read(tmp_path, "datadog", targetValue=7, metricUnavailableValue=3)
    assert any("metricUnavailableValue 3" in one for one in other.not_simulated)


@pytest.mark.parametrize("kind", ["external", "external-push"])
def test_a_target_that_keda_asks_a_server_for_is_asked_for(tmp_path: Path, kind: str) -> None:
    with pytest.raises(FaultsError, match=r"metadata\.threshold: is not in the file: KEDA asks the server"):
        read(tmp_path, kind, scalerAddress="scaler:80")
    assert trigger(tmp_path, kind, scalerAddress="scaler:80", threshold=3).threshold == 3


@pytest.mark.parametrize("kind", ["redis-streams", "temporal", "apache-pulsar"])
def test_a_trigger_of_keda_is_not_taken_for_a_misspelt_one(tmp_path: Path, kind: str) -> None:
    with pytest.raises(FaultsError, match=f"'{kind}' is a trigger of KEDA whose threshold is not read") as caught:
        read(tmp_path, kind, a="b")
    assert "did you mean" not in str(caught.value)
    with pytest.raises(FaultsError, match="did you mean"):
        read(tmp_path, f"{kind}x", a="b")


@pytest.mark.parametrize(
    ("query", "near"),
    [
        ("max(llm_d_epp_flow_control_pool_saturation)", r"\{from: \.\.\.\}\}, of running, "),
        ("sum(llm_d_epp_inflight_tokens)", r"\{from: queued_prompt_tokens\}"),
    ],
)
def test_a_metric_of_another_meaning_is_not_suggested(tmp_path: Path, query: str, near: str) -> None:
    [one] = read(tmp_path, "prometheus", query=query, threshold=1).unmapped
    assert "did you mean" not in one.fault.message
    assert re.search(near, one.fault.message)
    [misspelt] = read(tmp_path, "prometheus", query="sum(llm_d_epp_flow_control_queue_sizes)", threshold=1).unmapped
    assert "did you mean 'llm_d_epp_flow_control_queue_size'" in misspelt.fault.message
    [known] = read(tmp_path, "prometheus", query="sum(llm_d_epp_request_running)", threshold=1).policy.triggers  # type: ignore[union-attr]
    assert known.source[0].name == "dispatched"
