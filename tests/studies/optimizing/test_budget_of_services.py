"""Plans of several services within a budget: those of the highest attainment, as enumeration finds."""

from itertools import product
from math import fsum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.commands import call
from support.scenarios import write

from simcost.studies.optimizing.budget_of_services import most_attaining

TWO = """\
scenario: two
horizon: 5min
seeds: 3
services:
  - name: chat
    model: llama-3.2-1b
    workload: {kind: synthetic, rate: 20/s, lengths: {prompt_median: 300, output_median: 150}}
    slo: {ttft: 500ms, tpot: 30ms, attainment: 90%}
  - name: search
    model: llama-3.1-8b
    workload: {kind: synthetic, rate: 2/s, lengths: {prompt_median: 600, output_median: 60}}
    slo: {ttft: 1s, attainment: 90%}
plans:
  - name: own
    replica: {accelerator: l4}
    scaling: {kind: fixed, replicas: 1}
    services: {chat: {buy: {offer: aws/g6.xlarge}}, search: {buy: {offer: aws/g6.xlarge}}}
vary:
  - {path: scaling.replicas, from: 1, to: 4}
"""
Plan = tuple[int, int, int]
"""Cost, attainment in percent, and what it takes of one limit."""


def search(plans: list[Plan]) -> Any:
    """A search that has ended without a best plan, whose plans have one replication until they are completed."""
    true = {str(i): {"usd_per_month": float(usd), "attainment": good / 100} for i, (usd, good, _) in enumerate(plans)}
    done: set[str] = set()

    def complete(name: str) -> bool:
        news = name not in done
        done.add(name)
        return news

    def points() -> dict[str, Any]:
        """Those that are not complete seem to cost less, and to reach more."""
        seeming = {name: {"usd_per_month": 0.9 * one["usd_per_month"], "attainment": 1.0} for name, one in true.items()}
        return {name: {"name": name, "met": False} | (true if name in done else seeming)[name] for name in true}

    taken = {str(i): (float(taken),) for i, (*_, taken) in enumerate(plans)}
    return SimpleNamespace(best_usd=lambda: float("inf"), points=points, complete=complete, taken=taken)


plans = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 100), st.integers(0, 4)), min_size=1, max_size=5)


@given(st.lists(plans, min_size=1, max_size=3), st.integers(1, 20), st.integers(0, 9))
def test_the_highest_attainment_within_a_budget_and_limits(services: list[list[Plan]], budget: int, most: int) -> None:
    limits: Any = SimpleNamespace(most=(float(most),))
    found = most_attaining({str(i): search(each) for i, each in enumerate(services)}, limits, float(budget))
    within = [
        min(good for _, good, _ in some)
        for some in product(*services)
        if fsum(usd for usd, *_ in some) <= budget and sum(taken for *_, taken in some) <= most
    ]
    assert [round(100 * one["attainment"]) for one in found] == ([max(within)] if within else [])
    assert all(one["usd_per_month"] <= budget for one in found)


@pytest.mark.slow
def test_a_budget_tells_what_it_reaches_of_several_services(tmp_path: Path) -> None:
    """It was told of one service alone: of two, `most_attaining` was null, though plans within it were simulated."""
    file = write(tmp_path, text=TWO)
    found = call("optimize", file, "--budget", 2500, "--json", "--quiet", "--out", tmp_path / "out").document()
    most = found["budget"]["most_attaining"]
    assert (found["best"], most["met"], most["usd_per_month"] <= 2500) == (None, False, True)
    assert "Within the budget chat: own, replicas 2; search: own, replicas 1 reaches" in found["verdict"]
