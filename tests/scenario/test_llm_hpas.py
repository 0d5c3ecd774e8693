"""Autoscalers as public guides to serving language models write them: eight of ten run as they are written."""

import re
from pathlib import Path

import pytest
from support.scenarios import SMALL, write

from simcost.scenario.checks.load import find_faults, load
from simcost.scenario.runs.resolve import settle
from simcost.scenario.runs.run import run

HEAD = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: chat}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: chat}
  minReplicas: 1
  maxReplicas: 6
  metrics:
"""
BEHAVIOR = """\
  behavior:
    scaleUp: {stabilizationWindowSeconds: 0, policies: [{type: Pods, value: 2, periodSeconds: 60}]}
    scaleDown: {policies: [{type: Percent, value: 50, periodSeconds: 60}], selectPolicy: Min}
"""
SCALING = "scaling: {kind: fixed, replicas: 1}"
ONE = SMALL[: SMALL.index("  - name: two")]


def pods(name: str, value: str) -> str:
    return (
        f'    - {{type: Pods, pods: {{metric: {{name: "{name}"}}, '
        f'target: {{type: AverageValue, averageValue: "{value}"}}}}}}\n'
    )


def external(name: str, value: str, kind: str = "AverageValue") -> str:
    return (
        f'    - {{type: External, external: {{metric: {{name: "{name}", selector: {{matchLabels: {{app: chat}}}}}}, '
        f'target: {{type: {kind}, averageValue: "{value}"}}}}}}\n'
    )


RUN = {
    "vLLM, requests that run": (pods("vllm:num_requests_running", "4"), ["running"]),
    "GKE, vLLM on TPU": (pods("prometheus.googleapis.com|vllm:num_requests_waiting|gauge", "5"), ["waiting"]),
    "GKE, TGI": (pods("prometheus.googleapis.com|tgi_queue_size|gauge", "4") + BEHAVIOR, ["waiting"]),
    "GKE, accelerator": (external("kubernetes.io|container|accelerator|duty_cycle", "60"), ["busy_fraction"]),
    "NIM, KV cache": (pods("gpu_cache_usage_perc", "500m"), ["kv_utilisation"]),
    "adapter, queue and KV cache": (
        pods("vllm_num_requests_waiting", "5") + pods("vllm_gpu_cache_usage_perc", "0.8"),
        ["waiting", "kv_utilisation"],
    ),
    "DCGM, in lower case": (pods("dcgm_fi_dev_gpu_util", "80") + BEHAVIOR, ["busy_fraction"]),
    "llm-d gateway": (
        external("igw_queue_depth", "1") + external("igw_running_requests", "8"),
        ["gateway_waiting", "dispatched"],
    ),
}
REFUSED = {
    "Triton, time in the queue": (
        pods("avg_time_queue_us", "50000"),
        r"9:\d+: .*'avg_time_queue_us' is not a metric .*\{from: next_ttft_s, scale: 1e6\}",
    ),
    "CPU": (
        "    - {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}}\n",
        "'cpu' of the hosts is not simulated.*type: Pods with vllm:num_requests_running",
    ),
}


def scenario(tmp_path: Path, metrics: str, more: str = "") -> Path:
    (tmp_path / "hpa.yaml").write_text(HEAD + metrics, encoding="utf-8")
    return write(tmp_path, text=ONE.replace(SCALING, f"scaling: {{from: hpa.yaml{more}}}"))


@pytest.mark.parametrize("name", RUN)
def test_it_runs_as_it_is_written(tmp_path: Path, name: str) -> None:
    metrics, signals = RUN[name]
    [plan] = settle(load(scenario(tmp_path, metrics)), seed=None, seeds=None).plans
    assert [source[0].name for source in plan.pool.scaling.reads().values()] == signals


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_for_what_the_simulator_has_not(tmp_path: Path, name: str) -> None:
    metrics, message = REFUSED[name]
    [fault] = find_faults(scenario(tmp_path, metrics))
    assert re.search(message, str(fault))


def test_what_another_publishes_is_followed_in_a_chain(tmp_path: Path) -> None:
    [fault] = find_faults(scenario(tmp_path, external("wva_desired_replicas", "1")))
    assert "then: {from: hpa.yaml}" in fault.message
    chain = "scaling: {kind: chain, first: {kind: wva, max: 6}, then: {from: hpa.yaml, start: 2}}"
    [plan] = settle(load(write(tmp_path, text=ONE.replace(SCALING, chain))), seed=None, seeds=None).plans
    assert (plan.pool.scaling.kind, plan.pool.scaling.initial()) == ("chain", 2)


@pytest.mark.parametrize(
    ("bounds", "told"), [("max: 99", True), ("min: 1, max: 2", False), ("max: 99, rules: TOKENS", False)]
)
def test_a_recommender_that_its_follower_cannot_follow_is_told(tmp_path: Path, bounds: str, told: bool) -> None:
    (tmp_path / "hpa.yaml").write_text(HEAD + external("wva_desired_replicas", "1"), encoding="utf-8")
    bounds = bounds.replace("TOKENS", "{kind: tokens, kv_capacity_tokens: 9e4, prompt_tokens: 9}")
    chain = f"scaling: {{kind: chain, first: {{kind: wva, {bounds}}}, then: {{from: hpa.yaml}}}}"
    [plan] = settle(load(write(tmp_path, text=ONE.replace(SCALING, chain))), seed=None, seeds=None).plans
    assert any("decides nothing more" in note for note in plan.notes) == told


def test_series_of_the_replicas_are_added_up_for_an_average(tmp_path: Path) -> None:
    """HPA adds up the series of an External metric; with their mean the average would be divided twice."""
    [plan] = settle(load(scenario(tmp_path, external("dcgm_fi_dev_gpu_util", "80"))), seed=None, seeds=None).plans
    [source] = plan.pool.scaling.reads().values()
    assert (source[0].over, source[0].scale) == ("sum", 100)


def test_the_field_that_is_set_counts_as_in_kubernetes(tmp_path: Path) -> None:
    [plan] = settle(
        load(scenario(tmp_path, external("vllm:num_requests_waiting", "8", "Value"))), seed=None, seeds=None
    ).plans
    assert plan.pool.scaling.metrics[0].target_type == "AverageValue"
    assert "target type Value: averageValue is what Kubernetes reads" in plan.notes[0]


@pytest.mark.parametrize(("metric", "instead"), [("ttft", "next_ttft_s"), ("tpot", "next_itl_s")])
def test_a_percentile_of_the_pool_is_no_metric_of_pods(tmp_path: Path, metric: str, instead: str) -> None:
    signals = f", signals: {{{metric}: {{from: {metric}_p95_s, window: 60s}}}}"
    [fault] = find_faults(scenario(tmp_path, pods(metric, "500m"), signals))
    assert fault.path == f"plans.0.scaling.signals.{metric}"
    assert "would never scale" in fault.message
    assert instead in fault.message
    assert not find_faults(scenario(tmp_path, external(metric, "500m"), signals))
    assert not find_faults(scenario(tmp_path, pods(metric, "500m"), signals.replace(f"{metric}_p95_s", instead)))


def test_a_metric_without_a_value_is_a_finding(tmp_path: Path) -> None:
    """Without a gateway that counts, a metric of it has no value in the whole run."""
    path = scenario(tmp_path, external("igw_queue_depth", "1"))
    quiet = path.read_text(encoding="utf-8").replace("scaling: {from", "metrics: {gateway: false}\n    scaling: {from")
    path.write_text(quiet, encoding="utf-8")
    found = run(load(path), tmp_path / "out", seeds=1)
    [finding] = found["findings"]
    assert (finding["kind"], finding["metric"]) == ("unread-metric", "igw_queue_depth")
    assert "had no value at any decision" in finding["message"]
    assert run(load(scenario(tmp_path, RUN["NIM, KV cache"][0])), tmp_path / "other", seeds=1)["findings"] == []
