"""Interruptions of spot that no simulated run had, and what they add to the risk to miss the SLO."""

from math import exp
from types import SimpleNamespace
from typing import Any

import pytest

from simcost.compare.slo_risk import unseen_interruptions


def run(node_h: float, interruptions: int = 0, *, pricing: str = "Dynamic") -> Any:
    served = SimpleNamespace(following=SimpleNamespace(interruptions=interruptions))
    charge = SimpleNamespace(pricing_category=pricing, consumed_quantity=node_h)
    return SimpleNamespace(bill=SimpleNamespace(charges=[charge]), served=served, services=())


def test_a_stated_rate_says_how_many_were_expected_and_which_share_of_runs_has_one() -> None:
    """Poisson: of h node-hours at a rate r the share 1 - exp(-r h) has at least one."""
    found = unseen_interruptions([run(2.0), run(4.0)], 0.05, 0.95)
    assert found is not None
    assert (found.runs, found.node_hours, found.expected) == (2, 6.0, pytest.approx(0.3))
    assert found.runs_with_one == pytest.approx(1 - (exp(-0.1) + exp(-0.2)) / 2)


@pytest.mark.parametrize(("runs", "bound"), [(1, 0.95), (20, 0.1391), (300, 0.00994)])
def test_without_a_rate_the_runs_bound_the_share(runs: int, bound: float) -> None:
    """Clopper and Pearson: none of n allows 1 - 0.05 ** (1 / n), which is 3 / n of many (the rule of three)."""
    found = unseen_interruptions([run(1.0)] * runs, None, 0.95)
    assert found is not None
    assert found.expected is None
    assert found.runs_with_one == pytest.approx(bound, abs=5e-5)


def test_the_risk_takes_each_run_with_one_as_a_miss() -> None:
    found = unseen_interruptions([run(24.0)] * 5, 1e-4, 0.95)
    assert found is not None
    assert found.risk(0.0) == found.runs_with_one
    assert found.risk(1.0) == 1.0
    assert found.risk(0.3) == pytest.approx(1 - 0.7 * exp(-0.0024))


def test_spot_that_is_never_taken_back_adds_nothing() -> None:
    found = unseen_interruptions([run(24.0)] * 5, 0.0, 0.95)
    assert found is not None
    assert (found.expected, found.risk(0.02)) == (0.0, 0.02)


@pytest.mark.parametrize("runs", [[run(1.0), run(1.0, 1)], [run(1.0, pricing="Standard")]])
def test_runs_that_had_one_or_no_spot_need_no_such_note(runs: list[Any]) -> None:
    assert unseen_interruptions(runs, 0.05, 0.95) is None
