"""Routers in scenario files: what they take, what they refuse and where, and the picker of a manifest."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from support.scenarios import SMALL, write
from support.shown import on_terminal

from simcost.plan import Admission
from simcost.plan.routing import EndpointPicker
from simcost.plan.routing.routers import RayPowerOfTwo
from simcost.plan.serving import Saturation
from simcost.scenario.checks.load import find_faults, load
from simcost.scenario.runs.resolve import ResolvedPlan, settle
from simcost.scenario.runs.run import run
from simcost.studies.plans.sections import parts
from simcost.trace.requests.writer import TraceWriter

pytestmark = pytest.mark.slow

ROUTERS = [
    "vllm-data-parallel",
    "lowest-rate",
    "session",
    "{kind: vllm-data-parallel, refresh: 500ms}",
    "{kind: ray-power-of-two, max_ongoing_requests: 20, refresh: 1s, backoff: 50ms}",
    "{kind: endpoint-picker, scorers: {scorer: queue}}",
    "{kind: endpoint-picker, picker: weighted-random, scorers: {scorer: {kind: load-aware, threshold: 9}, weight: 2}}",
]
FIXED = "scaling: {kind: fixed, replicas: 2}"
EPP = """\
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins: [{type: prefix-cache-scorer}, {type: queue-scorer}, {type: max-score-picker}]
schedulingProfiles:
  - name: default
    plugins: [{pluginRef: prefix-cache-scorer, weight: 2}, {pluginRef: queue-scorer}, {pluginRef: max-score-picker}]
"""


def with_router(folder: Path, text: str) -> Path:
    return write(folder, ("scaling: {kind: fixed, replicas: 2}", "scaling: {kind: fixed, replicas: 2}\n    " + text))


@pytest.mark.parametrize("router", ROUTERS)
def test_routers_are_taken(router: str, tmp_path: Path) -> None:
    assert find_faults(with_router(tmp_path, f"router: {router}")) == []


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        ("router: prefix-aware", "plans.1.router", "prefix cache"),
        ("router: {kind: dynamo-kv}", "plans.1.router.kind", "prefix cache"),
        (
            "router: {kind: endpoint-picker, scorers: [{scorer: queue}, {scorer: prefix-cache}]}",
            "plans.1.router.scorers.1.scorer",
            "prefix_hashes",
        ),
        ("router: {kind: endpoint-picker, scorers: []}", "plans.1.router.scorers", "at least 1"),
        ("router: {kind: vllm-data-parallel, refresh: -1s}", "plans.1.router.refresh", "at least 0"),
        ("admission: {saturation: {then: hold}}", "plans.1.admission.saturation", "endpoint-picker"),
        ("admission: {max_ongoing: 0}", "plans.1.admission.max_ongoing", "at least 1"),
        (
            "nodes: {kind: karpenter, instance_types: [n], budgets: [{nodes: 0, schedule: 0 8 * * *, duration: 1h}]}",
            "plans.1.nodes",
            "starts: 2026",
        ),
        (
            "nodes: {kind: karpenter, instance_types: [n], budgets: [{nodes: 0, schedule: 0 8 * * *}]}",
            "plans.1.nodes.budgets.0",
            "write both or neither",
        ),
        (
            "nodes: {kind: karpenter, instance_types: [n], budgets: [{nodes: 0, schedule: 8h, duration: 1h}]}",
            "plans.1.nodes.budgets.0",
            "has 1 fields",
        ),
        (
            "nodes: {kind: karpenter, instance_types: [n], budgets: [{}]}",
            "plans.1.nodes.budgets.0",
            "either nodes or share",
        ),
        ("retries: {attempts: 1}", "plans.1.retries.attempts", "at least 2"),
        ("retries: {on: [refused]}", "plans.1.retries.on.0", "rejected"),
        ("retries: {budget: 0%}", "plans.1.retries.budget", "above 0"),
        ("retries: {on: [timeout]}", "plans.1.retries.on", "admission: {timeout: 60s}"),
    ],
)
def test_faults_say_where_and_why(text: str, path: str, words: str, tmp_path: Path) -> None:
    faults = find_faults(with_router(tmp_path, text))
    assert [fault.path for fault in faults] == [path]
    assert words in faults[0].message
    assert faults[0].line > SMALL.count("\n") - 1


def test_the_picker_of_a_manifest_goes_without_what_is_not_simulated(tmp_path: Path) -> None:
    (tmp_path / "epp.yaml").write_text(EPP, encoding="utf-8")
    found = settle(load(with_router(tmp_path, "router: {from: epp.yaml}")), seed=None, seeds=None)
    plan = found.plans[1]
    assert isinstance(plan.pool.router, EndpointPicker)
    assert [scorer.scorer.kind for scorer in plan.pool.router.scorers] == ["queue"]
    assert any("prefix-cache: not simulated" in note for note in plan.notes)


def with_trace(folder: Path, blocks: int = 512, hashes: bool = True, name: str = "talks.parquet") -> None:
    """Forty conversations of three turns, a second apart; each turn has one more block of the same beginning."""
    turns = [(talk, turn) for turn in range(3) for talk in range(40)]
    columns = {
        "arrival_ns": np.arange(len(turns)) * 10**9,
        "prompt_tokens": np.array([blocks * (turn + 1) for _, turn in turns], np.int32),
        "output_tokens": np.full(len(turns), 5, np.int32),
    }
    if hashes:
        chains = [[1000 * talk + k for k in range(turn + 1)] for talk, turn in turns]
        columns["prefix_hashes"] = pa.array(chains, pa.list_(pa.int64()))
    optional = ["prefix_hashes"] if hashes else []
    with TraceWriter(folder / name, source="test", optional=optional, block_tokens=blocks if hashes else None) as out:
        out.write(pa.table(columns))


def with_talks(folder: Path, router: str, workload: str = "{kind: trace, path: talks.parquet}") -> Path:
    drawn = SMALL[SMALL.index("workload:") : SMALL.index("slo:")]
    return write(folder, (drawn, f"workload: {workload}\n"), (FIXED, f"{FIXED}\n    router: {router}"))


BY_PREFIX = "{kind: endpoint-picker, scorers: [{scorer: prefix-cache, weight: 9}, {scorer: queue}]}"


def test_turns_of_a_conversation_go_where_their_beginning_is(tmp_path: Path) -> None:
    """Two of three turns are looked up with 1 + 2 of 1 + 2 + 3 blocks there already: half of all."""
    with_trace(tmp_path)
    document = run(load(with_talks(tmp_path, BY_PREFIX)), tmp_path / "out", jobs=1)
    plain, picker = document["plans"]
    assert "prefix" not in plain
    assert picker["prefix"] == {"blocks": 240, "blocks_hit": 120, "hit_share": 0.5}
    assert "50.0 % of 240 blocks" in " ".join(on_terminal(parts)(document).split())
    assert any("hits save nothing" in said for said in document["assumptions"])


@pytest.mark.parametrize("scale", ["rate_scale: 2", "repeat: true"])
def test_copies_of_a_trace_share_no_prefixes(scale: str, tmp_path: Path) -> None:
    """A second copy that hit the first would find three of four blocks; one of two stretches lacks beginnings."""
    with_trace(tmp_path)
    file = with_talks(tmp_path, BY_PREFIX, f"{{kind: trace, path: talks.parquet, {scale}}}")
    found = run(load(file), tmp_path / "out", seeds=1, jobs=1)["plans"][1]["prefix"]
    assert found["blocks"] > 300
    assert 0.35 < found["hit_share"] < 0.51


def test_the_picker_of_a_manifest_looks_at_prefixes_where_requests_have_them(tmp_path: Path) -> None:
    with_trace(tmp_path)
    (tmp_path / "epp.yaml").write_text(EPP, encoding="utf-8")
    plan = settle(load(with_talks(tmp_path, "{from: epp.yaml}")), seed=None, seeds=None).plans[1]
    assert [scorer.scorer.kind for scorer in plan.pool.router.scorers] == ["prefix-cache", "queue"]
    assert plan.pool.prefix_block_tokens == 512
    assert not any("goes without" in note for note in plan.notes)


def test_prefixes_that_are_not_there_are_said_at_the_scorer(tmp_path: Path) -> None:
    with_trace(tmp_path, hashes=False)
    faults = find_faults(with_talks(tmp_path, BY_PREFIX))
    assert [fault.path for fault in faults] == ["plans.1.router.scorers.0.scorer"]
    with_trace(tmp_path)
    with_trace(tmp_path, blocks=16, name="other.parquet")
    both = "[{kind: trace, path: talks.parquet}, {kind: trace, path: other.parquet}]"
    assert "blocks of [16, 512] tokens" in find_faults(with_talks(tmp_path, BY_PREFIX, both))[0].message
    twice = BY_PREFIX.replace("{scorer: queue}", "{scorer: prefix-cache}")
    assert "two scorers by prefix" in find_faults(with_talks(tmp_path, twice))[0].message


def test_a_manifest_without_a_scorer_that_is_simulated_is_refused(tmp_path: Path) -> None:
    text = EPP.replace(", {pluginRef: queue-scorer}", "")
    (tmp_path / "epp.yaml").write_text(text, encoding="utf-8")
    faults = find_faults(with_router(tmp_path, "router: {from: epp.yaml}"))
    assert "none of its scorers is simulated" in faults[0].message


RAY = """\
applications:
  - name: chat
    deployments:
      - {name: Engine, num_replicas: 2, max_ongoing_requests: 64, max_queued_requests: 9,
         ray_actor_options: {num_gpus: 2}}
"""


def settled(folder: Path, text: str) -> ResolvedPlan:
    return settle(load(write(folder, (FIXED, text))), seed=None, seeds=None).plans[1]


def test_limits_of_a_manifest_are_those_of_the_plan_unless_it_says_otherwise(tmp_path: Path) -> None:
    (tmp_path / "ray.yaml").write_text(RAY, encoding="utf-8")
    plan = settled(tmp_path, "scaling: {from: ray.yaml}")
    assert plan.pool.admission == Admission(max_ongoing=64, max_queued=9)
    assert "ray.yaml: admission: max_ongoing 64, max_queued 9." in plan.notes
    assert "ray.yaml: its replicas have 2 accelerators, those of the plan 1." in plan.notes
    own = settled(tmp_path, "scaling: {from: ray.yaml}\n    admission: {max_queued: 3, timeout: 9s}")
    assert own.pool.admission == Admission(max_ongoing=64, max_queued=3, timeout=9)


def test_ray_s_own_router_has_the_limit_of_its_deployment(tmp_path: Path) -> None:
    (tmp_path / "ray.yaml").write_text(RAY, encoding="utf-8")
    plan = settled(tmp_path, "scaling: {from: ray.yaml}\n    router: ray-power-of-two")
    assert plan.pool.router == RayPowerOfTwo(max_ongoing_requests=64)
    assert plan.pool.admission == Admission(max_queued=9)
    said = "scaling: {from: ray.yaml}\n    router: {kind: ray-power-of-two, max_ongoing_requests: 7}"
    assert settled(tmp_path, said).pool.router == RayPowerOfTwo(max_ongoing_requests=7)


def test_flow_control_of_a_picker_is_the_door_of_the_plan(tmp_path: Path) -> None:
    flow = "featureGates: [flowControl]\nflowControl: {maxRequests: 40}\n"
    (tmp_path / "epp.yaml").write_text(EPP + flow, encoding="utf-8")
    plan = settled(tmp_path, FIXED + "\n    router: {from: epp.yaml}")
    assert plan.pool.admission == Admission(max_queued=40, saturation=Saturation())
    assert any("saturation from 5 waiting or 80% of the KV cache: hold" in note for note in plan.notes)


def test_retries_are_counted_in_the_document_and_the_report(tmp_path: Path) -> None:
    """Plan `two` is overloaded, and its clients come again; a request is counted once."""
    text = (
        FIXED + "\n    admission: {timeout: 5s, max_ongoing: 1, max_queued: 2}\n    retries: {attempts: 3, budget: 50%}"
    )
    file = write(tmp_path, (FIXED, text), ("rate: 0.5/s", "rate: 6/s"))
    document = run(load(file), tmp_path / "out", jobs=1)
    plain, persistent = document["plans"]
    said, asked = persistent["retries"], persistent["requests"]
    assert "retries" not in plain
    assert asked["arrived"] == plain["requests"]["arrived"]
    assert asked["arrived"] == sum(asked[name] for name in ("completed", "rejected", "timed_out", "lost", "in_system"))
    assert said["sendings"]["arrived"] == asked["arrived"] + said["retries"]
    assert said["retries"] > 100
    assert said["refused_by_budget"] > 100
    assert said["gave_up"] == asked["rejected"] + asked["timed_out"]
    assert 0 <= said["undelivered_share"] < 1
    assert on_terminal(parts)(document).count("Retries of clients, first of 2 replications") == 1


def test_workloads_of_several_priorities_are_told_apart_in_document_and_report(tmp_path: Path) -> None:
    lines = "  kind: synthetic\n  rate: 0.5/s\n  lengths: {prompt_median: 100, output_median: 20}\n"
    streams = "".join(
        f"  - {{kind: synthetic, rate: 3/s, priority: {rank}, lengths: {{prompt_median: 100, output_median: 20}}}}\n"
        for rank in (5, -1)
    )
    door = "\n    admission: {timeout: 5s, max_ongoing: 1}"
    file = write(tmp_path, (lines, streams), (FIXED, FIXED + door))
    document = run(load(file), tmp_path / "out", jobs=1)
    plan = document["plans"][1]
    high, low = plan["priorities"]
    assert (high["priority"], low["priority"]) == (5, -1)
    assert high["arrived"] + low["arrived"] == plan["requests"]["arrived"]
    assert high["timed_out"] / high["arrived"] < low["timed_out"] / low["arrived"] / 2
    assert "By priority" in on_terminal(parts)(document)


def test_a_manifest_that_routes_nothing_is_refused_where_it_is_named(tmp_path: Path) -> None:
    text = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: chat}
spec:
  maxReplicas: 4
  scaleTargetRef: {name: chat}
  metrics:
    - type: Pods
      pods: {metric: {name: "vllm:num_requests_waiting"}, target: {type: AverageValue, averageValue: "5"}}
"""
    (tmp_path / "hpa.yaml").write_text(text, encoding="utf-8")
    faults = find_faults(with_router(tmp_path, "router: {from: hpa.yaml}"))
    assert [fault.path for fault in faults] == ["plans.1.router"]
    assert "routes nothing" in faults[0].message
