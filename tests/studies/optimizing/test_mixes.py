"""`simcost optimize --mixes`: a fleet of two kinds that costs less than any of one, proved by simulation."""

from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml
from support.commands import call

from simcost.studies.optimizing import mixes
from simcost.studies.optimizing.mixes import MixSearch

pytestmark = pytest.mark.slow

SPACE = """\
scenario: mixed
model: llama-3.2-1b
horizon: 4min
seeds: 2
workload: {kind: synthetic, rate: 70/s, lengths: {prompt_median: 400, output_median: 60}}
slo: {ttft: 1s, tpot: 40ms, attainment: 95%}
plans:
  - name: small
    replica: {accelerator: l4}
    buy: {offer: aws/g6.xlarge}
    scaling: {kind: fixed, replicas: 1}
vary:
  - - {replica: {accelerator: l4}}
    - {replica: {accelerator: l40s}, buy: {offer: aws/g6e.xlarge}}
  - {path: scaling.replicas, values: [1, 2, 4]}
"""
SCARCE = SPACE.replace("replicas: 1}", "replicas: 2}").replace("[1, 2, 4]", "[2, 4]")
"""Each plan of a kind alone takes two replicas or more."""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], dict[str, Any]]:
    """The answers without and with mixes."""
    folder = tmp_path_factory.mktemp("mixes")
    file = folder / "mixed.yaml"
    file.write_text(SPACE, encoding="utf-8")
    words = ("optimize", file, "--json", "--quiet", "--out", folder / "out")
    return folder, call(*words).document(), call(*words, "--mixes").document()


def test_a_mix_wins_where_one_kind_is_too_small_and_two_of_it_too_many(
    answers: tuple[Path, dict[str, Any], dict[str, Any]],
) -> None:
    _, alone, mixed = answers
    assert "mixes" not in alone
    assert [pool["scaling"]["replicas"] for pool in mixed["best"]["plan"]["pools"]] == [1, 1]
    assert mixed["best"]["cost_usd"]["per_month"] < alone["best"]["cost_usd"]["per_month"]
    assert mixed["runner_up"]["cost_usd"] == alone["best"]["cost_usd"]
    assert mixed["mixes"]["proved"]
    assert mixed["bound_usd_per_month"] <= mixed["best"]["cost_usd"]["per_month"]
    assert "mix 2 kinds" in mixed["verdict"]


def test_the_mix_is_a_plan_that_can_be_run(answers: tuple[Path, dict[str, Any], dict[str, Any]]) -> None:
    folder, _, mixed = answers
    text = yaml.safe_load(SPACE)
    text["plans"] = [mixed["best"]["plan"]]
    del text["vary"]
    file = folder / "best.yaml"
    file.write_text(yaml.safe_dump(text), encoding="utf-8")
    seed = mixed["provenance"]["confirmation_seed"]
    said = call("run", file, "--seed", seed, "--out", folder / "ran", "--quiet", "--json").document()
    assert said["plans"][0]["cost_usd"] == mixed["best"]["cost_usd"]
    assert said["plans"][0]["slo"]["met"]


@pytest.mark.parametrize(
    ("words", "most"),
    [(("--quota", "l4=0"), (0, 9)), (("--quota", "l40s=0"), (9, 0)), (("--available", "aws/g6.xlarge=1"), (1, 9))],
)
def test_fleets_stay_within_limits_and_cost_no_less(
    answers: tuple[Path, dict[str, Any], dict[str, Any]], words: tuple[str, str], most: tuple[int, int]
) -> None:
    folder, _, free = answers
    said = call("optimize", folder / "mixed.yaml", *words, "--mixes", "--json", "--quiet", "--out", folder / "out")
    document = said.document()
    best = document["best"]
    pools = best["plan"].get("pools") or [best["plan"]]
    counts = {pool["replica"]["accelerator"]: pool["scaling"]["replicas"] for pool in pools}
    assert all(counts.get(name, 0) <= count for name, count in zip(("l4", "l40s"), most, strict=True))
    assert best["cost_usd"]["per_month"] >= free["best"]["cost_usd"]["per_month"]
    assert document["bound_usd_per_month"] <= best["cost_usd"]["per_month"]
    same = counts == {
        pool["replica"]["accelerator"]: pool["scaling"]["replicas"] for pool in free["best"]["plan"]["pools"]
    }
    assert same == (words == ("--available", "aws/g6.xlarge=1")), "a limit that the best is within changes nothing"


# Within limits of the supply ---------------------------------------------------------------------------------------


def test_where_no_fleet_holds_the_mixes_that_were_tried_are_told(tmp_path: Path) -> None:
    file = tmp_path / "mixed.yaml"
    file.write_text(SPACE, encoding="utf-8")
    words = ("optimize", file, "--json", "--quiet", "--out", tmp_path / "out", "--mixes")
    assert call(*words, "--quota", "l4=0", "--quota", "l40s=0").document()["best"] is None
    found = call(*words, "--quota", "l4=1", "--quota", "l40s=0").document()
    assert found["best"] is None
    assert "fixed fleets that mix 2 kinds of replicas were simulated: by the bound of the fleet" in found["verdict"]


def test_a_mix_within_limits_where_no_plan_of_one_kind_is(tmp_path: Path) -> None:
    file = tmp_path / "mixed.yaml"
    file.write_text(SCARCE, encoding="utf-8")
    words = ("--available", "aws/g6.xlarge=1", "--quota", "l40s=1", "--json", "--quiet", "--out", tmp_path / "out")
    alone, mixed = (call("optimize", file, *words, *more).document() for more in ((), ("--mixes",)))
    assert alone["best"] is None
    assert alone["simulated"] == 0
    assert [pool["scaling"]["replicas"] for pool in mixed["best"]["plan"]["pools"]] == [1, 1]
    assert mixed["mixes"]["proved"]
    assert {row["count"] for row in mixed["excluded"]} == {2}


@pytest.mark.parametrize("rules", ["{kind: at-once, spare: 1}", "{kind: cluster-autoscaler, min: 2, max: 9}"])
def test_nodes_beyond_those_of_replicas_count(tmp_path: Path, rules: str) -> None:
    file = tmp_path / "mixed.yaml"
    file.write_text(SCARCE.replace("    scaling: {kind", f"    nodes: {rules}\n    scaling: {{kind"), encoding="utf-8")
    words = ("--available", "aws/g6.xlarge=1", "--mixes", "--json", "--quiet", "--out", tmp_path / "out")
    best = call("optimize", file, *words).document()["best"]
    pools = best["plan"].get("pools") or [best["plan"]]
    assert {pool["replica"]["accelerator"] for pool in pools} == {"l40s"}


@pytest.mark.parametrize(("l4", "l40s"), [(3, 2), (2, 1), (3, 0), (1, 1)])
def test_the_answer_costs_what_all_fleets_within_limits_do_at_least(tmp_path: Path, l4: int, l40s: int) -> None:
    """All fleets of up to so many, each a plan of pools that is simulated as a whole."""
    text = yaml.safe_load(SCARCE)
    file = tmp_path / "mixed.yaml"
    text["vary"][1]["values"] = [1, 2, 3]
    file.write_text(yaml.safe_dump(text), encoding="utf-8")
    words = ("--quota", f"l4={l4}", "--available", f"aws/g6e.xlarge@us-east-1={l40s}", "--json", "--quiet")
    mixed = call("optimize", file, *words, "--mixes", "--out", tmp_path / "mixed").document()
    kinds = [
        {"replica": {"accelerator": "l4"}, "buy": {"offer": "aws/g6.xlarge"}},
        {"replica": {"accelerator": "l40s"}, "buy": {"offer": "aws/g6e.xlarge"}},
    ]
    fleets = [
        [
            {**kind, "name": kind["replica"]["accelerator"], "scaling": {"kind": "fixed", "replicas": count}}
            for kind, count in zip(kinds, counts, strict=True)
            if count
        ]
        for counts in product(range(l4 + 1), range(l40s + 1))
        if any(counts)
    ]
    text["plans"] = [{"name": "small", "pools": fleets[0]}]
    text["vary"] = [[{"pools": pools} for pools in fleets]]
    file.write_text(yaml.safe_dump(text), encoding="utf-8")
    every = call("optimize", file, *words, "--out", tmp_path / "every").document()
    assert every["whole"]
    assert not [row for row in every["excluded"] if "may take more" in row["reason"]]
    costs = [one["best"] and one["best"]["cost_usd"]["per_month"] for one in (mixed, every)]
    assert costs[0] == pytest.approx(costs[1])


def test_a_fleet_that_holds_but_costs_too_much_cuts_off_no_smaller_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound of a fleet leaves traffic out, and the first fleets are those of a larger demand."""
    large, small = {("a", "fixed"): 2, ("b", "fixed"): 2}, {("a", "fixed"): 1, ("b", "fixed"): 2}
    usd = {"a": 10.0, "b": 10.0}

    def proposed(_shapes: object, scale: float, too_small: list[dict[tuple[str, str], int]]) -> tuple[Any, float]:
        return (large, 40.0) if scale > 1 or small in too_small else (small, 30.0)

    search = MixSearch.__new__(MixSearch)
    for name, value in {
        "_shapes": [1, 2],
        "_small": [],
        "_tried": 0,
        "_bound": None,
        "_demand": SimpleNamespace(span_h=730.0, rates=np.ones((1, 4))),
        "_found": SimpleNamespace(limits=SimpleNamespace(over=lambda _: None), taken_by=lambda _: ()),
    }.items():
        setattr(search, name, value)
    monkeypatch.setattr(mixes, "least_fleet", proposed)
    monkeypatch.setattr(search, "_scaled", lambda scale: scale)
    monkeypatch.setattr(search, "_aim", lambda: list(search._small))
    monkeypatch.setattr(search, "_cost", lambda counts: sum(usd[kind] * n for (kind, _), n in counts.items()))
    monkeypatch.setattr(search, "_plan", lambda counts: SimpleNamespace(plan=None, counts=counts))
    outcome = search.run(42.0, lambda plan: search._cost(plan.counts) + 5.0)
    assert outcome.best is not None
    assert outcome.best.counts == small


def test_mixes_that_the_checks_refuse_are_not_called_simulated(tmp_path: Path) -> None:
    """A prefix cache is of replicas that are alike; the verdict spoke of 16 fleets that were simulated."""
    file = tmp_path / "cached.yaml"
    cached = SPACE.replace("    scaling: {kind: fixed", "    prefix_cache: {hit_share: 1%}\n    scaling: {kind: fixed")
    file.write_text(cached, encoding="utf-8")
    found = call("optimize", file, "--mixes", "--json", "--quiet", "--out", tmp_path / "out").document()
    assert found["mixes"]["tried"] == 0
    assert "No fleet that mixes kinds of replicas was simulated: not a plan: pools cannot be" in found["verdict"]
