"""Plans that scale by manifests and forecasts, on nodes that come, go and fail."""

import json
from pathlib import Path

import pytest
from support.scenarios import SMALL, write

from simcost.errors import FaultsError, InputError
from simcost.plan.autoscaling import Hpa, Predictive
from simcost.plan.interruptions import SpotCapacity, SpotTrace
from simcost.plan.nodes import NodePool
from simcost.scenario.checks.load import find_faults, load
from simcost.scenario.files.json_schema import json_schema
from simcost.scenario.files.yaml import parse
from simcost.scenario.inputs.control import zone_capacity
from simcost.scenario.runs.resolve import settle
from simcost.scenario.runs.run import run

HPA = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: chat, namespace: serving}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: chat}
  minReplicas: 1
  maxReplicas: 4
  metrics:
    - type: Pods
      pods: {metric: {name: "vllm:num_requests_running"}, target: {type: AverageValue, averageValue: "2"}}
    - type: External
      external: {metric: {name: my_tokens}, target: {type: AverageValue, averageValue: "500"}}
"""
NODEPOOL = """\
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: gpu}
spec:
  template:
    spec:
      requirements:
        - {key: node.kubernetes.io/instance-type, operator: In, values: [g6.xlarge]}
  disruption: {consolidationPolicy: WhenEmpty, consolidateAfter: 60s}
"""
UPSIDE_DOWN = """scaling:
      {kind: hpa, min: 3, max: 2, metrics: [{type: Pods, name: running, target_type: AverageValue, target: 2}]}"""
ONE = "scaling: {kind: fixed, replicas: 1}"
BY_HPA = "scaling: {from: hpa.yaml, start: 2, signals: {my_tokens: {from: output_tokens_per_s, window: 60s}}}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hpa.yaml").write_text(HPA, encoding="utf-8")
    (tmp_path / "nodepool.yaml").write_text(NODEPOOL, encoding="utf-8")
    return tmp_path


def test_a_manifest_is_the_scaling_of_a_plan(folder: Path) -> None:
    question = settle(load(write(folder, (ONE, BY_HPA))), seed=None, seeds=None)
    policy = question.plans[0].pool.scaling
    assert isinstance(policy, Hpa)
    assert (policy.max, policy.initial()) == (4, 2)
    [tokens] = policy.metrics[1].source
    assert (tokens.name, tokens.window) == ("output_tokens_per_s", 60.0)
    assert question.plans[0].notes == ("hpa.yaml: not simulated: metadata.namespace.",)


def test_the_result_says_what_was_not_simulated_and_hashes_the_manifest(folder: Path) -> None:
    found = run(load(write(folder, (ONE, BY_HPA))), folder / "out", seeds=1)
    assert any("not simulated: metadata.namespace" in line for line in found["assumptions"])
    assert any(name.endswith("hpa.yaml") for name in found["provenance"]["inputs"])
    assert found["plans"][0]["requests"]["completed"] > 0


def test_karpenter_nodes_come_from_their_manifest(folder: Path) -> None:
    text = SMALL.replace(ONE, ONE + "\n    nodes: {from: nodepool.yaml}")
    nodes = settle(load(write(folder, text=text)), seed=None, seeds=None).plans[0].pool.nodes
    assert isinstance(nodes, NodePool)
    assert (nodes.consolidation, nodes.consolidate_after) == ("WhenEmpty", 60.0)


@pytest.mark.parametrize(
    ("scaling", "words"),
    [
        ("scaling: {from: hpa.yaml}", "'my_tokens' is not a metric that the simulator has"),
        (BY_HPA.replace("signals: {", "signals: {my_token: {from: running}, "), "no metric 'my_token'; did you mean"),
        ("scaling: {from: none.yaml}", "none.yaml"),
        ("scaling: {from: nodepool.yaml}", "a NodePool scales no replicas"),
        ("scaling: {from: ../hpa.yaml}", "outside"),
        (UPSIDE_DOWN, r"min \(3\) is above max \(2\)"),
        (ONE + "\n    interruptions: {zones: 2, outages: {at: 5min, zone: 2}}", "there is no zone 2"),
        (ONE + "\n    startup: {image_size: 10GB}", "image_size needs network"),
        (ONE + "\n    nodes: {kind: cluster-autoscaler, min: 3, max: 2}", r"min \(3\) is above max \(2\)"),
    ],
)
def test_bad_input_is_told_with_its_place(folder: Path, scaling: str, words: str) -> None:
    with pytest.raises(FaultsError, match=words):
        load(write(folder, text=SMALL.replace(ONE, scaling)))


SCALED = """\
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: chat}
spec:
  scaleTargetRef: {name: chat}
  minReplicaCount: 0
  maxReplicaCount: 3
  triggers:
    - {type: prometheus, metadata: {query: sum(vllm:num_requests_waiting), threshold: "5"}}
"""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("", "", True),
        ("minReplicaCount: 0", "minReplicaCount: 1", False),
        ("minReplicaCount: 0", "minReplicaCount: 1\n  idleReplicaCount: 0", True),
        ("vllm:num_requests_waiting", "llm_d_epp_flow_control_queue_size", False),
    ],
)
def test_a_pool_that_wakes_by_metrics_of_its_engines_is_told(folder: Path, old: str, new: str, told: bool) -> None:
    """vLLM reports nothing where there is no vLLM."""
    (folder / "so.yaml").write_text(SCALED.replace(old, new), encoding="utf-8")
    by_keda, blind = "scaling: {from: so.yaml, start: 1}", "\n    metrics: {gateway: false}"
    for words, expected in ((by_keda, told), (by_keda + blind, False)):
        plan = settle(load(write(folder, (ONE, words))), seed=None, seeds=None).plans[0]
        assert any("nothing wakes it" in note for note in plan.notes) == expected


TRACKING = "scaling: {{kind: aws, max: 3, policies: [{{kind: target-tracking, metric: m, target: 2, source: [{}]}}]}}"


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("{name: in_flight}", True),
        ("{name: in_flight, over: mean}", False),
        ("{name: gateway_waiting}", False),
        ("{name: e2e_p95_s}", False),
    ],
)
def test_target_tracking_of_what_more_replicas_do_not_lower_is_told(folder: Path, source: str, told: bool) -> None:
    plan = settle(load(write(folder, (ONE, TRACKING.format(source)))), seed=None, seeds=None).plans[0]
    assert any("Target tracking of m reads the sum over replicas" in note for note in plan.notes) == told


@pytest.mark.parametrize(
    ("more", "told"), [("", True), (", engine_rps: 2", False), (", load_scaling: true", False)], ids=str
)
def test_a_planner_that_never_scales_is_told(folder: Path, more: str, told: bool) -> None:
    planner = f"scaling: {{kind: dynamo, target: sla{more}}}"
    plan = settle(load(write(folder, (ONE, planner))), seed=None, seeds=None).plans[0]
    assert any("waits for engine_rps" in note for note in plan.notes) == told


KV = "scaling: {{kind: hpa, max: 3, metrics: [{{type: {}, name: m, target_type: {}, target: {}, source: [{}]}}]}}"


@pytest.mark.parametrize(
    ("kind", "target", "source", "told"),
    [
        ("Pods, AverageValue", 70, "{name: kv_utilisation}", True),
        ("Pods, AverageValue", 70, "{name: kv_utilisation, scale: 100}", False),
        ("Pods, AverageValue", 0.7, "{name: kv_utilisation}", False),
        ("Resource, Utilization", 70, "{name: busy_fraction}", False),
        ("Resource, Utilization", 170, "{name: busy_fraction}", True),
        ("Pods, AverageValue", 70, "{name: running}", False),
        ("Pods, AverageValue", 300, "{name: running}", True),
        ("Pods, AverageValue", 300, "{name: in_flight}", False),
        ("External, AverageValue", 2, "{name: kv_utilisation}", True),
        ("External, Value", 2, "{name: kv_utilisation}", False),
        ("External, Value", 2, "{name: kv_utilisation, over: max}", True),
    ],
)
def test_a_target_that_no_replica_reaches_is_told(
    folder: Path, kind: str, target: float, source: str, told: bool
) -> None:
    scaling = KV.format(*kind.split(", "), target, source)
    plan = settle(load(write(folder, (ONE, scaling))), seed=None, seeds=None).plans[0]
    assert any("the most that a replica has of it" in note for note in plan.notes) == told


def test_a_broken_manifest_is_told_at_its_own_place(folder: Path) -> None:
    (folder / "hpa.yaml").write_text(HPA.replace("maxReplicas: 4", "maxReplicas: many"), encoding="utf-8")
    faults = find_faults(write(folder, (ONE, BY_HPA)))
    assert any(fault.file.endswith("hpa.yaml") and fault.line == 7 for fault in faults)


def test_the_schema_takes_the_short_form(folder: Path) -> None:
    from jsonschema import Draft202012Validator

    schema = Draft202012Validator(json_schema())
    for text in (SMALL.replace(ONE, BY_HPA), SMALL.replace(ONE, ONE + "\n    nodes: {from: nodepool.yaml}")):
        root, _ = parse(text, "f")
        assert root is not None
        assert schema.is_valid(root.plain())


def test_a_forecast_knows_nothing_in_its_first_season_and_the_last_one_after(folder: Path) -> None:
    ahead = "scaling: {kind: forecast, per_replica: 0.5, max: 4, season: 5min, step: 60s, around: 60s, quantile: 50%}"
    question = settle(load(write(folder, (ONE, ahead))), seed=None, seeds=None)
    policy = question.plans[0].pool.scaling
    assert isinstance(policy, Predictive)
    assert len(policy.demand) == 10
    assert policy.demand[:5] == (0.0,) * 5
    assert all(0 < rate < 2 for rate in policy.demand[5:])


BY_TRACE = """scaling: {kind: fixed, replicas: 3}
    interruptions: {notice: 30s, spot: {kind: trace, path: spot.csv, zones: [zone-a, zone-b]}}"""
ON_SPOT = "buy: {offer: aws/g6.xlarge}", "buy: {kind: spot, offer: aws/g6.xlarge, price: $0.3/h}"
SPOT = "trace,gap_s,start_tick,ticks,nodes_available\nzone-a,60,0,5,2\nzone-a,60,5,5,0\nzone-b,60,0,10,1\n"


def test_interruptions_along_a_recorded_availability(folder: Path) -> None:
    (folder / "spot.csv").write_text(SPOT, encoding="utf-8")
    text = SMALL.replace(ONE, BY_TRACE).replace(*ON_SPOT)
    found = run(load(write(folder, text=text)), folder / "out", seeds=1)
    counts = found["plans"][0]["requests"]
    parts = ("completed", "rejected", "timed_out", "lost", "in_system")
    assert counts["arrived"] == sum(counts[name] for name in parts)
    assert json.loads((folder / "out" / "result.json").read_text())["plans"][0]["requests"] == counts


def test_zones_are_taken_over_the_time_that_all_are_recorded(tmp_path: Path) -> None:
    """Zone a has 2 nodes in its first hour, then 1; b is recorded from 00:30 to 03:00, and has 3 until 01:00."""
    rows = [("a", "00:00", 2), ("a", "01:00", 1), ("a", "02:00", 0), ("a", "02:30", 0)]
    rows += [("b", "00:30", 3), ("b", "01:00", 0), ("b", "02:00", 4), ("b", "03:30", 4)]
    lines = [f"{zone},2026-07-20T{at}:00Z,{nodes}" for zone, at, nodes in rows]
    (tmp_path / "spot.csv").write_text("\n".join(["trace,timestamp,available", *lines]), encoding="utf-8")
    found = zone_capacity(SpotTrace(path="spot.csv", zones=("a", "b")), tmp_path)
    a, b = found.zones
    assert (a.since, a.nodes) == ((0, 1800, 5400), (2, 1, 0))
    assert (b.since, b.nodes) == ((0, 1800, 5400), (3, 0, 4))
    assert 7200 <= found.span <= 9000
    later = [line.replace("b,2026-07-20", "b,2026-07-21") for line in lines]
    (tmp_path / "spot.csv").write_text("\n".join(["trace,timestamp,available", *later]), encoding="utf-8")
    with pytest.raises(InputError, match="a, b are not recorded at the same time"):
        zone_capacity(SpotTrace(path="spot.csv", zones=("a", "b")), tmp_path)


@pytest.mark.parametrize(
    "bought", [ON_SPOT, ("buy: {", "or_buy: [{kind: spot, offer: aws/g6.xlarge, price: $0.3/h}]\n    buy: {")]
)
def test_spot_interruptions_take_what_is_bought_on_spot(folder: Path, bought: tuple[str, str]) -> None:
    troubles = "zones: 2, spot: {kind: hazard, per_node_h: 9}, outages: [{at: 5min, zone: 1}]"
    hazard = f"{ONE}\n    interruptions: {{{troubles}}}"
    kept, *_ = settle(load(write(folder, (ONE, hazard))), seed=None, seeds=None).plans
    assert kept.pool.interruptions is not None
    assert (kept.pool.interruptions.spot, kept.pool.interruptions.zones) == (None, 2)
    assert any("none is bought on spot" in note for note in kept.notes)
    taken, *_ = settle(load(write(folder, (ONE, hazard), bought)), seed=None, seeds=None).plans
    assert taken.pool.interruptions is not None
    assert taken.pool.interruptions.spot is not None
    assert not any("bought on spot" in note for note in taken.notes)


def test_a_bid_goes_by_recorded_prices(folder: Path) -> None:
    rows = "zone-a,60,0,5,2,1.5\nzone-a,60,5,5,2,0.5\nzone-b,60,0,10,1,0.7\n"
    head = "trace,gap_s,start_tick,ticks,nodes_available,price_usd_h\n"
    (folder / "spot.csv").write_text(head + rows, encoding="utf-8")
    bid = ("zone-b]", "zone-b], bid: $1/h")
    changes = (ONE, BY_TRACE), ON_SPOT
    question = settle(load(write(folder, *changes, bid)), seed=None, seeds=None)
    troubles = question.plans[0].pool.interruptions
    assert troubles is not None
    assert isinstance(troubles.spot, SpotCapacity)
    assert [zone.nodes for zone in troubles.spot.zones] == [(0, 2), (1,)]
    assert any("what is paid is the price of `buy`" in note for note in question.plans[0].notes)
    (folder / "spot.csv").write_text(SPOT, encoding="utf-8")
    fault, *_ = find_faults(write(folder, *changes, bid))
    assert "'zone-a' has no prices for the bid; name a file of them in `prices`" in fault.message
    fault, *_ = find_faults(write(folder, *changes, ("zone-b]", "zone-b], prices: spot.csv")))
    assert "prices have no effect without a bid" in fault.message


def test_spot_that_a_node_pool_does_not_allow_takes_no_node_back(folder: Path) -> None:
    both = f"{ON_SPOT[1]}\n    or_buy: [{{offer: aws/g6.xlarge}}]"
    rules = "nodes: {kind: karpenter, instance_types: [g6.xlarge], capacity_types: [CAPACITY]}"
    hazard = f"{ONE}\n    {rules}\n    interruptions: {{spot: {{kind: hazard, per_node_h: 9}}}}"
    changes = (ONE, hazard), (ON_SPOT[0], both)
    steady, *_ = settle(load(write(folder, *changes, ("CAPACITY", "on-demand"))), seed=None, seeds=None).plans
    assert steady.pool.interruptions is not None
    assert steady.pool.interruptions.spot is None
    spot, *_ = settle(load(write(folder, *changes, ("CAPACITY", "spot"))), seed=None, seeds=None).plans
    assert spot.pool.interruptions is not None
    assert spot.pool.interruptions.spot is not None


def test_a_limit_of_what_is_not_known_of_a_node_is_not_met() -> None:
    pool = NodePool(instance_types=("n",), max_vcpus=64, max_accelerators=8)
    assert pool.exceeds(8, 64, None) == ""
    assert pool.exceeds(8, None, None) == "the catalog does not say its vCPUs, which are limited to 64"
    assert pool.exceeds(9, None, None) == "9 accelerators are above its limit of 8"


KNATIVE = """\
apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: chat}
spec: {template: {metadata: {annotations: {autoscaling.knative.dev/initial-scale: "2"}}, spec: {}}}
"""


def test_a_start_that_would_change_nothing_is_refused(folder: Path) -> None:
    (folder / "knative.yaml").write_text(KNATIVE, encoding="utf-8")
    [fault] = find_faults(write(folder, (ONE, "scaling: {from: knative.yaml, start: 4}")))
    assert "start (4) changes nothing" in fault.message
    assert "initial-scale" in fault.message
    assert not find_faults(write(folder, (ONE, "scaling: {from: knative.yaml, start: 2}")))
    assert not find_faults(write(folder, (ONE, "scaling: {from: knative.yaml}")))


@pytest.mark.parametrize(
    ("starts", "told"),
    [("2026-07-20T00:00:00+02:00", False), ("2026-07-20", False), ("2026-07-20T08:00:00Z", True)],
)
def test_a_timetable_that_begins_at_another_time_than_midnight_is_told(tmp_path: Path, starts: str, told: bool) -> None:
    timetable = "scaling: {kind: schedule, steps: [{at: '08:00', replicas: 2}]}"
    text = f"starts: {starts}\n" + SMALL.replace(ONE, timetable)
    question = settle(load(write(tmp_path, text=text)), seed=None, seeds=None)
    assert any("as midnight" in note for note in question.plans[0].notes) == told


@pytest.mark.parametrize(("season", "told"), [("5min", False), ("10min", True), ("1d", True)])
def test_a_run_that_ends_within_the_first_season_is_told_to_know_nothing_ahead(
    tmp_path: Path, season: str, told: bool
) -> None:
    ahead = f"scaling: {{kind: forecast, per_replica: 0.5, max: 4, season: {season}, step: 60s, around: 60s}}"
    [plan, *_] = settle(load(write(tmp_path, (ONE, ahead))), seed=None, seeds=None).plans
    assert any("knows nothing ahead" in note for note in plan.notes) == told


@pytest.mark.parametrize(
    ("scaling", "message"),
    [
        ("{kind: forecast, per_replica: 1, min: 5, max: 2}", r"min (5) is above max (2)"),
        (
            "{kind: predictive, demand: [1], step_length: 1h, per_replica: 1, lead: 5min, min: 5, max: 2}",
            r"min (5) is above max (2)",
        ),
        (
            "{kind: schedule, steps: [{at: '08:30', replicas: 1}, {at: 8.5h, replicas: 3}]}",
            "08:30 appears twice",
        ),
    ],
)
def test_bounds_and_timetables_that_contradict_themselves_are_refused(
    tmp_path: Path, scaling: str, message: str
) -> None:
    faults = find_faults(write(tmp_path, (ONE, f"scaling: {scaling}")))
    assert [fault for fault in faults if message in fault.message]


def test_an_unknown_key_of_a_trigger_is_a_fault_of_its_kind(tmp_path: Path) -> None:
    trigger = "{kind: metric, name: waiting, threshold: 5, target: 3}"
    path = write(tmp_path, (ONE, f"scaling: {{kind: keda, max: 3, triggers: [{trigger}]}}"))
    faults = find_faults(path)
    assert [(fault.path.rpartition(".")[2], "unknown key 'target'" in fault.message) for fault in faults] == [
        ("target", True)
    ]
