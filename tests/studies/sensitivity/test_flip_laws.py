"""Laws of flip points: both ends as `simcost run` judges them, ties that do not flip, intervals of one flip alone."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from support.commands import TINY, call, scenario
from support.scenarios import write

from simcost.scenario.checks.load import load_with_services
from simcost.scenario.inputs.changes import with_value
from simcost.scenario.runs.assessment import assess
from simcost.scenario.runs.execution import RunOptions, workers_of
from simcost.studies.sensitivity.states import NONE
from simcost.studies.sensitivity.study import TOLERANCE

pytestmark = pytest.mark.slow

PLAN = """\
  - name: {name}
    replica: {{accelerator: {accelerator}}}
    buy: {{offer: aws/{offer}}}
    scaling: {scaling}
"""
FIXED = "{kind: fixed, replicas: %d}"
SCALED = "{kind: target-concurrency, target: 60, start: 2, min: 2, max: 3, window: 1min}"
RANGES = ("demand=.5..4", "engine=.5..4", "workload.0.lengths.output_median=50..300")
BUSY = TINY.replace("rate: 1/s", "rate: 4/s").replace("output_median: 20", "output_median: 100")
BUSY = BUSY.replace("10min", "5min").replace("seeds: 2", "seeds: 3").replace("ttft: 1s", "ttft: 1s, tpot: 20ms")


def of_plans(folder: Path, *plans: tuple[str, str, str], **changes: str) -> Path:
    """A scenario of some plans: name, offer, scaling."""
    folder.mkdir(exist_ok=True)
    text = BUSY[: BUSY.index("plans:")] + "plans:\n"
    for name, offer, scaling in plans:
        accelerator = "l4" if offer.startswith("g6.") else "l40s"
        text += PLAN.format(name=name, accelerator=accelerator, offer=offer, scaling=scaling)
    return scenario(folder, text=text + "".join(f"{key}: {value}\n" for key, value in changes.items()))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    plans = ("one", "g6.xlarge", FIXED % 1), ("scaled", "g6.xlarge", SCALED), ("large", "g6e.xlarge", FIXED % 2)
    return of_plans(tmp_path_factory.mktemp("three"), *plans)


def asked(file: Path, *words: str) -> dict[str, Any]:
    said = call("sensitivity", file, *words, "--out", file.parent / "out", "--json", "--quiet")
    assert said.code == 0, said.err
    return said.document()


@pytest.fixture(scope="module")
def document(file: Path) -> dict[str, Any]:
    return asked(file, *(f"--vary={one}" for one in RANGES), "--vary=price.aws/g6.xlarge=.4..6")


def judged(file: Path, path: str, value: float) -> str:
    """The best plan, all plans in all replications."""
    runs = file.parent / "direct"
    options = RunOptions(folder=runs, workers=workers_of(runs, jobs=1), fresh=False, progress=lambda *_: None)
    plans = assess(with_value(load_with_services(file), path, value), options).plans
    return (
        min((plan for plan in plans if plan.eligible), key=lambda plan: plan.per_month_usd.mean).name
        if any(plan.eligible for plan in plans)
        else NONE
    )


def test_both_ends_of_a_whole_number_are_whole_numbers_as_run_takes_them(tmp_path: Path) -> None:
    """Halving 1 to 6 meets 3.5 nodes: of fleets the flip is between two neighbouring counts."""
    file = of_plans(tmp_path / "whole", ("small", "g6.xlarge", FIXED % 1), ("large", "g6e.xlarge", FIXED % 2))
    document = asked(file, "--vary=plans.0.scaling.replicas=1..6")
    [row] = document["tornado"]
    assert all(type(row[key]) is int for key in ("lo", "base", "hi"))
    assert document["flips"]
    for flip in document["flips"]:
        assert (flip["below_at"], flip["above_at"]) == (flip["value"] - 1, flip["value"])
        assert all(type(flip[key]) is int for key in ("value", "below_at", "above_at", "first", "last"))
        found = [judged(file, flip["path"], flip[end]) for end in ("below_at", "above_at")]
        assert found == [flip["below"], flip["above"]]


def test_gpus_of_a_cluster_vary_by_whole_nodes(tmp_path: Path) -> None:
    """Jobs that ask for 20 GPUs at most: with 20 of three nodes of 8 no cluster can be, and none is looked at."""
    text = "job_id,submit_s,duration_s,gpus\n" + "".join(f"j{i},{600 * i},3600,4\n" for i in range(5))
    (tmp_path / "jobs.csv").write_text(text)
    own = "  - name: {}\n    training: {{kind: gpus, gpus: {}, disk: 0}}\n"
    file = write(
        tmp_path,
        text="scenario: queue\njobs: {path: jobs.csv}\nslo: {wait: {p95: 5min}}\n"
        "defaults: {buy: {offer: aws/p4d.24xlarge}}\nplans:\n" + own.format("small", 24) + own.format("large", 40),
    )
    words = "--vary=plans.small.training.gpus=8..56", "--vary=plans.large.training.gpus=16..48"
    document = asked(file, *words, "--grid=plans.small.training.gpus,plans.large.training.gpus")
    found = [(flip["below_at"], flip["above_at"], flip["value"]) for flip in document["flips"]]
    assert found == [(16, 24, 24), (40, 48, 48)]
    for flip in document["flips"]:
        ends = [judged(file, flip["path"], flip[end]) for end in ("below_at", "above_at")]
        assert ends == [flip["below"], flip["above"]]
    assert "large below 24 of plans.small.training.gpus; large from 48 of" in document["verdict"]
    assert {cell[axis] % 8 for cell in document["two_way"][0]["cells"] for axis in "xy"} == {0}
    said = call("sensitivity", file, "--vary", "plans.small.training.gpus=20..56", "--out", tmp_path / "out")
    assert said.code == 2
    assert "20 GPUs are not a multiple of the 8 of aws/p4d.24xlarge" in said.err


def test_both_ends_of_a_bracket_are_judged_as_by_run(file: Path, document: dict[str, Any]) -> None:
    assert len(document["flips"]) >= 4
    for flip in document["flips"]:
        found = [judged(file, flip["path"], flip[end]) for end in ("below_at", "above_at")]
        assert found == [flip["below"], flip["above"]], flip
        assert found[0] != found[1]


def test_a_flip_lies_in_its_bracket_and_its_intervals_in_its_part_of_the_range(document: dict[str, Any]) -> None:
    rows = {row["path"]: row for row in document["tornado"]}
    for path, row in rows.items():
        of_path = [flip for flip in document["flips"] if flip["path"] == path]
        for flip in of_path:
            assert flip["below_at"] <= flip["value"] <= flip["above_at"]
            assert flip["above_at"] - flip["below_at"] <= 2 * TOLERANCE * (row["hi"] - row["lo"])
            assert flip["first"] is None or flip["first"] <= flip["below_at"]
            assert flip["last"] is None or flip["last"] >= flip["above_at"]
            for lo, hi in (("lo", "hi"), ("first", "last")):
                ends = [row["lo"] if flip[lo] is None else flip[lo], row["hi"] if flip[hi] is None else flip[hi]]
                assert not ends[0] < row["base"] < ends[1], "the decision at the base is known"
                assert not any(ends[0] < other["value"] < ends[1] for other in of_path if other is not flip)
        for flip, after in pairwise(of_path):
            assert flip["above"] == after["below"]
    assert [one["path"] for one in document["settled"]] == list(dict.fromkeys(f["path"] for f in document["flips"]))


def test_demand_and_the_rate_flip_at_the_same_place(file: Path, document: dict[str, Any]) -> None:
    rate = load_with_services(file).first.scenario.open_workloads()[0].rate  # type: ignore[union-attr]
    other = asked(file, f"--vary=workload.0.rate={0.5 * rate:g}..{4 * rate:g}")["flips"]
    demand = [flip for flip in document["flips"] if flip["path"] == "demand"]
    assert [flip["above"] for flip in demand] == [flip["above"] for flip in other]
    for one, same in zip(demand, other, strict=True):
        assert same["value"] / rate == pytest.approx(one["value"])


def test_plans_that_cost_the_same_never_flip(tmp_path: Path) -> None:
    plans = [(name, "g6.xlarge", FIXED % 1) for name in ("own", "alike", "twin")]
    document = asked(of_plans(tmp_path, *plans), *(f"--vary={one}" for one in RANGES))
    assert document["plan"] == "own"
    assert {flip["below"] for flip in document["flips"]} == {"own"}
    assert {flip["above"] for flip in document["flips"]} <= {NONE}


def test_a_scaled_plan_that_stays_at_one_replica_is_a_tie_up_to_rounding(tmp_path: Path) -> None:
    still = "{kind: target-concurrency, target: 20, start: 1, min: 1, max: 1}"
    file = of_plans(tmp_path, ("still", "g6.xlarge", still), ("own", "g6.xlarge", FIXED % 1))
    document = asked(file, "--vary=engine=0.5..1.5", "--vary=price.aws/g6.xlarge=.4..3")
    assert document["plan"] == "still"
    assert {flip[side] for flip in document["flips"] for side in ("below", "above")} <= {"still", NONE}


def test_a_difference_within_the_margin_does_not_flip(tmp_path: Path) -> None:
    plans = ("small", "g6.xlarge", FIXED % 1), ("large", "g6e.xlarge", FIXED % 1)
    exact, wide = (of_plans(tmp_path / name, *plans, margin=margin) for name, margin in (("a", "0%"), ("b", "20%")))
    words = ("--vary=price.aws/g6.xlarge=.4..3",)
    [flip], [later] = (asked(file, *words)["flips"] for file in (exact, wide))
    plans_of_run = call("run", exact, "--out", tmp_path / "run", "--json", "--quiet").document()["plans"]
    large = next(plan["cost_usd"]["per_month"] for plan in plans_of_run if plan["name"] == "large")
    assert later["value"] - flip["value"] == pytest.approx(0.2 * large / 730, rel=0.02)
    assert later["below"] == "small"
    said = call("sensitivity", wide, *words, "--out", tmp_path / "said", "--quiet").out
    assert "By the margin of the scenario, 20.0 %, the best plan" in " ".join(said.split())


def test_a_swing_of_nothing_does_not_matter_most(tmp_path: Path) -> None:
    file = of_plans(tmp_path, ("small", "g6.xlarge", FIXED % 1))
    verdict = asked(file, "--vary=plans.0.batching.max_num_seqs=100..300")["verdict"]
    assert "matters most" not in verdict
    assert "no value within its range changes this cost" in verdict
