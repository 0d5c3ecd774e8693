"""Services on nodes of their own within limits of all together: the cheapest plans that hold, as enumeration finds."""

from itertools import product
from math import fsum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from support.commands import call
from support.scenarios import write

from simcost.compare.limited_choice import fits, taken_by
from simcost.scenario.checks.load import load_with_services
from simcost.scenario.runs.execution import workers_of
from simcost.scenario.runs.services_apart import services_apart
from simcost.scenario.schema.loaded_scenario import LoadedServices
from simcost.studies.optimizing.search import PlanSearch
from simcost.studies.optimizing.settings import SearchSettings
from simcost.studies.optimizing.study import optimize

pytestmark = pytest.mark.slow

SCARCE = """\
scenario: scarce
horizon: 5min
seeds: 2
services:
  - name: chat
    model: llama-3.1-8b
    workload: {kind: synthetic, rate: 3/s, lengths: {prompt_median: 300, output_median: 100}}
    slo: {ttft: 2s, tpot: 120ms, attainment: 90%}
  - name: search
    model: llama-3.1-8b
    workload: {kind: synthetic, rate: 3/s, lengths: {prompt_median: 600, output_median: 40}}
    slo: {ttft: 2s, attainment: 90%}
defaults: {replica: {accelerator: l4, precision: fp8}, buy: {offer: aws/g6.xlarge}}
plans:
  - name: own
    services:
      chat: {buy: {offer: aws/g6.xlarge}, scaling: {kind: fixed, replicas: 1}}
      search: {buy: {offer: aws/g6.xlarge}, scaling: {kind: fixed, replicas: 1}}
vary:
  - - {replica: {accelerator: l4}}
    - {replica: {accelerator: l40s}, buy: {offer: aws/g6e.xlarge}}
  - - {scaling: {kind: fixed, replicas: 1}}
    - {scaling: {kind: fixed, replicas: 2}}
    - {scaling: {kind: fixed, replicas: 3}}
    - {scaling: {kind: target-concurrency, target: 12, min: 1, max: 3, window: 1min}}
"""


@pytest.fixture(autouse=True)
def _day_of_the_prices(monkeypatch: pytest.MonkeyPatch) -> None:
    """On it no price is old, which verdicts would name."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1785542400")  # 2026-08-01


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("scarce"), text=SCARCE)


def asked(file: Path, *words: object) -> dict[str, Any]:
    return call("optimize", file, *words, "--json", "--quiet", "--out", file.parent / "out").document()


def taken(document: dict[str, Any]) -> dict[str, int]:
    """Accelerators of the plan at most, by name."""
    found: dict[str, int] = {}
    for part in document["best"]["plan"]["services"].values():
        most = part["scaling"].get("replicas") or part["scaling"]["max"]
        found[part["replica"]["accelerator"]] = found.get(part["replica"]["accelerator"], 0) + most
    return found


def test_best_plans_that_are_within_limits_together_are_the_answer(file: Path) -> None:
    free, wide = asked(file), asked(file, "--quota", "l4=3")
    assert wide["best"] == free["best"]
    assert wide["bound_usd_per_month"] == free["bound_usd_per_month"]
    for service, other in zip(wide["services"], wide["services"][::-1], strict=True):
        second = service["runner_up"]["plan"]
        l4 = second["scaling"].get("replicas", 3) if second["replica"]["accelerator"] == "l4" else 0
        other_l4 = other["best"]["plan"]["scaling"].get("replicas", 3)
        assert l4 + other_l4 <= 3, "a runner-up that leaves the other service its plan"


def test_a_service_gives_way_where_it_costs_least(file: Path) -> None:
    free, scarce = asked(file), asked(file, "--quota", "l4=2")
    assert taken(free)["l4"] == 3
    assert taken(scarce) == {"l4": 1, "l40s": 1}
    usd = scarce["best"]["cost_usd"]["per_month"]
    assert free["best"]["cost_usd"]["per_month"] < scarce["bound_usd_per_month"] <= usd
    assert scarce["gap"] < 0.01
    assert "2 services cost least together within the limits at $" in scarce["verdict"]
    points = {point["name"] for point in scarce["frontier"]}
    assert scarce["best"]["name"] in points
    assert free["best"]["name"] in {point["name"] for point in free["frontier"]} - points
    [_, search] = scarce["services"]
    assert search["within_others"]
    assert "meets the SLO with what the other services leave of the limits" in search["verdict"]


def test_what_is_too_little_for_all_is_named(file: Path) -> None:
    words = ("--quota", "l4=2", "--available", "aws/g6e.xlarge=0", "--available", "aws/g6.xlarge@us-east-1=9")
    document = asked(file, *words)
    assert document["best"] is None
    assert document["bound_usd_per_month"] is None
    assert document["short"]["limits"] == {"l4": 2, "aws/g6e.xlarge": 0, "aws/g6.xlarge@us-east-1": 9}
    l4 = {"l4": 1, "aws/g6.xlarge@us-east-1": 1}
    assert document["short"]["least"] == {"chat": [l4], "search": [dict.fromkeys(l4, 2)]}
    assert document["verdict"] == (
        "No plans of the services are within the limits together. There are 2 x l4, 0 x aws/g6e.xlarge and 9 x "
        "aws/g6.xlarge@us-east-1. Plans that may meet the SLO take at least: chat 1 x l4 and 1 x "
        "aws/g6.xlarge@us-east-1; search 2 x l4 and 2 x aws/g6.xlarge@us-east-1."
    )
    assert all(service["best"] for service in document["services"])


def test_a_service_for_which_there_is_too_little_alone_is_named_with_what_it_takes(file: Path) -> None:
    document = asked(file, "--quota", "l4=1", "--quota", "l40s=0")
    assert [service["best"] is None for service in document["services"]] == [False, True]
    assert document["short"]["least"] == {"chat": [{"l4": 1}], "search": [{"l40s": 1}, {"l4": 2}]}
    assert document["verdict"].startswith("search: No plan of 8 meets the SLO")
    assert document["verdict"].endswith("take at least: chat 1 x l4; search 1 x l40s or 2 x l4.")


def enumerated(file: Path, settings: SearchSettings) -> float | None:
    """Cost a month of the cheapest plans that hold, in the search and on fresh seeds, and are within the limits."""
    loaded = load_with_services(file)
    assert isinstance(loaded, LoadedServices)
    limits = settings.limits(loaded.first.catalog)
    groups = []
    runs = file.parent / "out" / "runs"
    with workers_of(runs, jobs=1) as workers:
        for scenario, seed in services_apart(loaded, None).values():
            every = SearchSettings(seed=seed, quota=settings.quota, available=settings.available)
            found = PlanSearch.ended(scenario, runs, workers, every, lambda _share, _what: None)
            for option in found.options():
                found.prove(option.name)
            groups.append([option for option in found.options() if found.is_proved(option.name)])
    within = [some for some in product(*groups) if fits(taken_by(some, len(limits.most)), limits.most)]
    return min((fsum(option.usd for option in some) for some in within), default=None)


@pytest.mark.parametrize("seed", range(8))
def test_the_answer_costs_what_enumeration_finds(file: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    text = yaml.safe_load(SCARCE)
    for service, rate in zip(text["services"], rng.integers(2, 7, 2), strict=True):
        service["workload"]["rate"] = f"{rate}/s"
    text["scenario"] = f"scarce-{seed}"
    made = write(file.parent, text=yaml.safe_dump(text), name=f"scarce{seed}.yaml")
    quota = {"l4": int(rng.integers(0, 6)), "l40s": int(rng.integers(0, 4))}
    settings = SearchSettings(quota=quota, available={"aws/g6.xlarge": int(rng.integers(1, 6))})
    document = optimize(load_with_services(made), file.parent / "out" / "runs", settings, lambda _share, _what: None)
    usd = enumerated(made, settings)
    if usd is None:
        assert document["best"] is None
        return
    assert document["best"] is not None
    assert all(count <= quota[name] for name, count in taken(document).items())
    assert taken(document).get("l4", 0) <= dict(settings.available)["aws/g6.xlarge"]
    assert document["best"]["cost_usd"]["per_month"] == pytest.approx(usd, rel=0.03), "on fresh seeds"
    assert document["bound_usd_per_month"] <= usd * (1 + 1e-9)


def test_workers_change_nothing(file: Path, tmp_path: Path) -> None:
    words = ("--quota", "l4=2")
    assert asked(file, *words, "--out", tmp_path / "one", "--jobs", 1) == asked(
        file, *words, "--out", tmp_path / "two", "--jobs", 2
    )
