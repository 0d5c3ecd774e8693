"""`check` finds whatever `run` would refuse: it passes a scenario if and only if its run starts to simulate."""

import itertools
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from support.scenarios import SERVICES, SMALL

from simcost.errors import SimcostError
from simcost.execution.workers import Workers
from simcost.scenario.checks.load import find_faults, load_with_services
from simcost.scenario.runs.check import check
from simcost.scenario.runs.run import run

SCENARIOS = Path(__file__).parents[2] / "scenarios"
BUNDLED = [path.name for path in sorted(SCENARIOS.glob("*.yaml"))]
CHANGES = {
    "nothing": ("", ""),
    "a year": (r"(?m)^horizon: \S+", "horizon: 12mo"),
    "three years": (r"(?m)^horizon: \S+", "horizon: 36mo"),
    "a lifetime": (r"(?m)^horizon: \S+", "horizon: 100y"),
    "no time": (r"(?m)^horizon: \S+", "horizon: 0s"),
    "a model that does not fit": (r"(?m)^( *(?:- )?|.*[{,] *)model: [\w.-]+", r"\1model: llama-3.1-405b"),
    "an unknown model": (r"\bmodel: [\w.-]+", "model: nothing-8b"),
    "no price": (r"\boffer: [\w./-]+", "offer: aws/none.xlarge"),
    "a price of elsewhere": (r"\boffer: [\w./-]+", "offer: aws/p5.48xlarge"),
    "steps in milliseconds": (r"\breplica: \{", "replica: {step: {a: 6000s, b: 30s, c: 20s, d: 1s}, "),
    "steps of nothing": (r"\breplica: \{", "replica: {step: {a: 0s, b: 0s, c: 0s, d: 0s}, "),
    "steps below a tick": (r"\breplica: \{", "replica: {step: {a: 1e-13, b: 1e-15, c: 1e-15, d: 1e-15}, "),
    "tiny coefficients": (r"\breplica: \{", "replica: {step: {a: 6e-3, b: 1e-13, c: 1e-13, d: 2e-14}, "),
    "endless steps": (r"\breplica: \{", "replica: {kv_tokens: 100000000, step: {a: 6e-3, b: 30us, c: 20us, d: 1ns}, "),
    "no memory left": (r"\breplica: \{", "replica: {gpu_memory_utilization: 0.05, "),
    "a missing file": (r"(?m)^(workload|demand|jobs):.*\n", r"\g<0>  trace: nothing.parquet\n"),
    "a wrong zone": (r"(?m)^seeds: .*", "seeds: 2\nstarts: 2026-13-40T00:00:00Z"),
    "a cache tier": (
        r"\breplica: \{",
        "prefix_cache: {tiers: [{name: disk, capacity: 1TB, bandwidth: 1}]}\n    replica: {",
    ),
    "a slow link": (
        r"\bscaling: ",
        "disaggregation: {scaling: {kind: fixed, replicas: 1}, link: {bandwidth: 25}}\n    scaling: ",
    ),
}


class Started(BaseException):
    """The run has come to its first simulation."""


def starts(path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    """True if a run comes to its first simulation; False if it is refused with a message."""

    def execute(*_values: Any, **_options: Any) -> None:
        raise Started

    monkeypatch.setattr(Workers, "execute", execute)
    try:
        run(load_with_services(path), out)
    except Started:
        return True
    except SimcostError:
        return False
    raise AssertionError("a run without a simulation")


def changed(path: Path, names: tuple[str, ...]) -> bool:
    """Change a scenario; False where it has nothing of the kind."""
    text = path.read_text(encoding="utf-8")
    for name in names:
        pattern, new = CHANGES[name]
        text, count = re.subn(pattern, new, text) if pattern else (text, 1)
        if not count:
            return False
    path.write_text(text, encoding="utf-8")
    return True


@pytest.mark.parametrize("text", [SMALL, SERVICES], ids=["one", "services"])
@pytest.mark.parametrize("names", [*itertools.combinations(CHANGES, 1), *itertools.combinations([*CHANGES][1:4], 2)])
def test_check_passes_what_run_starts(
    text: str, names: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "small.yaml"
    file.write_text(text, encoding="utf-8")
    changed(file, names)
    faults = check(file)["faults"]
    assert starts(file, tmp_path / "out", monkeypatch) == (not faults), faults


@pytest.mark.parametrize("coefficient", ["a", "b", "c", "d"])
@pytest.mark.parametrize("power", [-15, -12, -9, -6, -3, 0, 3])
@pytest.mark.parametrize("horizon", ["10min", "12mo", "36mo"])
def test_check_passes_the_coefficients_that_run_takes(
    coefficient: str, power: int, horizon: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the short run to its end."""
    values = {"a": "6e-3", "b": "3e-5", "c": "2e-5", "d": "2e-8"} | {coefficient: f"1e{power}"}
    step = ", ".join(f"{name}: {value}" for name, value in values.items())
    file = tmp_path / "small.yaml"
    text = SMALL.replace("{accelerator: l4}", f"{{accelerator: l4, step: {{{step}}}}}").replace("10min", horizon)
    file.write_text(text, encoding="utf-8")
    faults = check(file)["faults"]
    if horizon == "10min" and not faults:
        run(load_with_services(file), tmp_path / "out")
        return
    assert starts(file, tmp_path / "out", monkeypatch) == (not faults), faults


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", BUNDLED)
def test_check_passes_what_run_starts_of_the_bundled_scenarios(
    name: str, change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(SCENARIOS, tmp_path / "scenarios", ignore=shutil.ignore_patterns("traces", ".*"))
    file = tmp_path / "scenarios" / name
    monkeypatch.chdir(tmp_path)
    if any("get it by" in fault.message for fault in find_faults(file)):
        pytest.skip("needs a download")
    if not changed(file, (change,)):
        pytest.skip("has nothing of the kind")
    faults = check(file)["faults"]
    if not faults and change == "nothing" and "sweep:" in file.read_text(encoding="utf-8"):
        pytest.skip("is for another verb")
    assert starts(file, tmp_path / "out", monkeypatch) == (not faults), faults
