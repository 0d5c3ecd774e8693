"""Manifests and measured replicas as alternatives of `vary` and of `sweep`: as if each were written as a plan."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from support.commands import LOG, TINY, call, scenario

from simcost.errors import FaultsError
from simcost.scenario.checks.load import find_faults, load
from simcost.scenario.inputs.variations import variations
from simcost.scenario.schema.scaling import FromManifest
from simcost.scenario.sweeps.space import sweep_space

ALONE = TINY.partition("  - name: scaled")[0]
HPA = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: chat}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: chat}
  minReplicas: LEAST
  maxReplicas: 4
  metrics:
    - type: Pods
      pods: {metric: {name: METRIC}, target: {type: AverageValue, averageValue: "4"}}
"""
MEASURED = "replica: {accelerator: l4, tp: 1, step: {a: 0.02, b: 1e-5, c: 1e-5, d: 1e-8}}\n"
NODE_POOL = """\
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: gpu}
spec:
  template: {spec: {requirements: []}}
  disruption: {budgets: [{nodes: "0", schedule: 0 8 * * mon-fri, duration: 10h}]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for least in (1, 2):
        text = HPA.replace("LEAST", str(least)).replace("METRIC", "vllm:num_requests_waiting")
        (tmp_path / f"hpa-{least}.yaml").write_text(text)
    (tmp_path / "unknown.yaml").write_text(HPA.replace("LEAST", "1").replace("METRIC", "our_load"))
    (tmp_path / "measured.yaml").write_text(MEASURED)
    (tmp_path / "pool.yaml").write_text(NODE_POOL)
    return tmp_path


def varied(folder: Path, vary: str, text: str = ALONE) -> Any:
    return variations(load(scenario(folder, text=f"{text}vary:\n{vary}")))


def written(folder: Path, key: str, value: str) -> Any:
    """The plan with a key written in it."""
    lines = [f"    {key}: {value}" if line.lstrip().startswith(f"{key}:") else line for line in ALONE.splitlines()]
    assert f"    {key}: {value}" in lines
    return load(scenario(folder, text="\n".join(lines) + "\n")).scenario.plans[0]


def test_manifests_take_the_place_of_the_scaling_whatever_it_was(folder: Path) -> None:
    files = ("hpa-1.yaml", "hpa-2.yaml")
    vary = "".join(f"{'  - ' if i == 0 else '    '}- {{scaling: {{from: {f}}}}}\n" for i, f in enumerate(files))
    manifest = ALONE.replace("scaling: {kind: fixed, replicas: 1}", "scaling: {from: hpa-1.yaml}")
    assert manifest != ALONE
    for text in (ALONE, manifest):
        found = varied(folder, vary, text).variations
        assert [one.plan.scaling for one in found] == [
            written(folder, "scaling", f"{{from: {f}}}").scaling for f in files
        ]
        assert all(isinstance(one.plan.scaling, FromManifest) for one in found)
        assert [one.plan.name for one in found] == ["one, hpa-1.yaml", "one, hpa-2.yaml"]


def test_a_measured_replica_is_an_alternative_with_its_step_time(folder: Path) -> None:
    loaded = load(scenario(folder, text=f"{ALONE}vary:\n  - - {{replica: {{from: measured.yaml}}}}\n    - {{}}\n"))
    measured, catalog = variations(loaded).variations
    assert measured.plan.replica.step == written(folder, "replica", "{from: measured.yaml}").replica.step
    assert measured.plan.name == "one, measured.yaml"
    assert catalog.plan.replica.step is None
    assert "measured.yaml" in loaded.calibrations


def test_paths_and_sweeps_take_both_too(folder: Path) -> None:
    by_path = varied(folder, "  - {path: scaling, values: [{from: hpa-1.yaml}, {from: hpa-2.yaml}]}\n").variations
    assert [one.plan.scaling.path for one in by_path] == ["hpa-1.yaml", "hpa-2.yaml"]
    loaded = load(
        scenario(folder, text=f"{ALONE}sweep: {{matrix: {{scaling: [{{from: hpa-1.yaml}}, {{from: hpa-2.yaml}}]}}}}\n")
    )
    assert [one.plan.scaling.path for one in sweep_space(loaded).plans] == ["hpa-1.yaml", "hpa-2.yaml"]


@pytest.mark.parametrize("path", ["replica", "replica.from"])
def test_measured_replicas_of_a_path_are_inputs(folder: Path, path: str) -> None:
    """They were read, and their SHA-256 stood nowhere in the result."""
    value = "{from: measured.yaml}" if path == "replica" else "measured.yaml"
    loaded = load(scenario(folder, text=f"{ALONE}vary:\n  - {{path: {path}, values: [{value}]}}\n"))
    digest = {"measured.yaml": sha256((folder / "measured.yaml").read_bytes()).hexdigest()}
    assert loaded.calibrations == digest
    swept = load(scenario(folder, text=f"{ALONE}sweep: {{matrix: {{{path}: [{value}]}}}}\n"))
    assert sweep_space(swept).inputs.items() >= digest.items()


@pytest.mark.parametrize(
    ("vary", "message"),
    [
        ("  - {path: replica.from, values: [missing.yaml]}\n", "missing.yaml"),
        ("  - - {scaling: {from: unknown.yaml}}\n", "'our_load' is not a metric that the simulator has"),
        ("  - - {nodes: {from: pool.yaml}}\n", "follows a calendar, and time 0 has no date"),
        ("  - - {replica: {from: missing.yaml}}\n", "missing.yaml"),
        ("  - - {scaling: {from: hpa-1.yaml, min: 2}}\n", "remove min and max, and change them in the file"),
    ],
)
def test_what_is_wrong_with_an_alternative_is_a_fault_and_no_plan_that_misses_the_slo(
    folder: Path, vary: str, message: str
) -> None:
    file = scenario(folder, text=f"{ALONE}vary:\n{vary}")
    with pytest.raises(FaultsError, match=message):
        variations(load(file))
    checked = call("check", file)
    assert checked.code == 2
    assert message in checked.out + checked.err


def test_a_bound_of_a_manifest_that_is_varied_is_said_with_its_remedy(folder: Path) -> None:
    manifest = ALONE.replace("scaling: {kind: fixed, replicas: 1}", "scaling: {from: hpa-1.yaml}")
    assert not find_faults(scenario(folder, text=manifest))
    with pytest.raises(FaultsError, match="remove min and max, and change them in the file"):
        varied(folder, "  - {path: scaling.min, from: 1, to: 3}\n", manifest)


def test_the_date_to_write_is_that_of_the_recorded_trace(folder: Path) -> None:
    log = LOG.replace("\n0,", "\n2026-03-02T09:00:00.25Z,").partition("0.5,")[0]
    (folder / "log.csv").write_text(log)
    assert call("trace", "import", folder / "log.csv", "-o", folder / "log.parquet").code == 0
    cron = "{kind: keda, triggers: [{kind: cron, start: 0 8 * * *, end: 0 9 * * *, timezone: UTC, replicas: 2}]}"
    text = ALONE.replace("{kind: fixed, replicas: 1}", cron)
    start, _, rest = text.partition("workload:")
    recorded = f"{start}workload: {{kind: trace, path: log.parquet}}\n{rest.partition(chr(10))[2]}"
    [fault] = find_faults(scenario(folder, text=recorded))
    assert "write `starts: 2026-03-02T09:00:00Z` in the file, when the trace begins" in fault.message
    [fault] = find_faults(scenario(folder, text=text))
    assert "with the date of yours" in fault.message
