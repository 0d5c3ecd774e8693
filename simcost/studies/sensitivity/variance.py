"""Shares of the variance of a cost that each value causes, alone and together with others (Sobol indices)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import inf
from typing import Any

import numpy as np
import numpy.typing as npt

from simcost.compare.variance import (
    ResponseSurface,
    coefficients,
    corners,
    design,
    standard_deviation,
    variance_shares,
)
from simcost.errors import InputError
from simcost.rng import stream
from simcost.scenario.inputs.changes import is_whole, money_alone
from simcost.studies.sensitivity.answers import PlanAnswers
from simcost.studies.sensitivity.simulated import ValueRuns
from simcost.studies.sensitivity.states import VariedRange

Document = dict[str, Any]
Floats = npt.NDArray[np.float64]
MOST_SIMULATED, MOST_OF_MONEY = 5, 4
"""Values that may vary together: of those that are simulated, and of prices and discounts."""
_HELD_OUT = 8
"""Points at which the surface is checked."""


def check_count(ranges: Sequence[VariedRange]) -> None:
    """Raise InputError where too many values vary for the shares of the variance."""
    simulated, money = _split(ranges)
    for kind, found, most in (("simulated values", simulated, MOST_SIMULATED), ("prices", money, MOST_OF_MONEY)):
        if len(found) > most:
            raise InputError(
                f"--sobol: {len(found)} {kind} vary, {most} at most may; leave out those that matter least in the "
                "tornado, which is there without --sobol"
            )


def shares_of_variance(
    ranges: Sequence[VariedRange], answers: PlanAnswers, runs: ValueRuns, seed: int, tell: Callable[[float], None]
) -> Document:
    """Sobol indices of the cost of the chosen plan, and of its difference to the runner-up.

    Costs are simulated at points that fill the ranges of the simulated values, each billed at all ends of the prices; a
    surface through them is read. It is checked at further points.

    Args:
        ranges: values that vary, all at once, independent and uniform.
        answers: the plans by value.
        runs: simulations.
        seed: start of the random numbers.
        tell: called with the share that is done.
    """
    simulated, money = _split(ranges)
    curved, linear = _ends(simulated), _ends(money)
    second = _runner_up(answers)
    names = [answers.chosen, *([] if second is None else [second])]
    points = _rounded(design(curved, 2 * coefficients(len(curved)), seed=seed), simulated, answers)
    free = stream(seed, "held-out points").random((_HELD_OUT, len(curved) + len(linear)))
    lo, hi = np.asarray(curved + linear, np.float64).T
    held_out = _rounded(lo + (hi - lo) * free, simulated, answers)
    asked = [*(np.append(point, ends) for point in points for ends in corners(linear)), *held_out]
    costs = _costs([*simulated, *money], asked, names, answers, runs, tell)
    count = len(points) * len(corners(linear))
    known, checked = costs[:count].reshape(len(points), -1, len(names)), costs[count:]
    results = [known[:, :, 0], *([known[:, :, 0] - known[:, :, 1]] if second else [])]
    truths = [checked[:, 0], *([checked[:, 0] - checked[:, 1]] if second else [])]
    shares = []
    for result, truth in zip(results, truths, strict=True):
        surface = ResponseSurface(curved, linear, points, result)
        found = variance_shares(surface, curved + linear, seed=seed)
        error = float(np.sqrt(np.mean((surface(held_out) - truth) ** 2)))
        shares.append((found, error, standard_deviation(surface, curved + linear, seed=seed)))
    return {
        "plan": answers.chosen,
        "against": second,
        "points": len(asked),
        "of_cost": _indices([*simulated, *money], *shares[0]),
        "of_difference": None if second is None else _indices([*simulated, *money], *shares[1]),
    }


def _indices(ranges: Sequence[VariedRange], shares: Any, error_usd: float, spread_usd: float) -> Document:
    rows = [] if shares is None else list(zip(ranges, shares, strict=True))
    return {
        "indices": [
            {"path": one.path, "first_order": share.first, "total": share.total}
            for one, share in sorted(rows, key=lambda row: -row[1].total)
        ],
        "error_usd": error_usd,
        "standard_deviation_usd": spread_usd,
    }


def _costs(
    ranges: Sequence[VariedRange],
    asked: Sequence[Floats],
    names: Sequence[str],
    answers: PlanAnswers,
    runs: ValueRuns,
    tell: Callable[[float], None],
) -> Floats:
    """Cost a month of plans at points: [point, plan]."""
    found = np.zeros((len(asked), len(names)))
    done: set[int] = set()

    def look(number: int) -> None:
        values = {one.path: float(value) for one, value in zip(ranges, asked[number], strict=True)}
        state = answers.joint(values)
        found[number] = [state.usd(name) for name in names]
        done.add(number)
        tell(len(done) / len(asked))

    runs.follow([partial(look, number) for number in range(len(asked))])
    return found


def _split(ranges: Sequence[VariedRange]) -> tuple[list[VariedRange], list[VariedRange]]:
    """Those that are simulated, and those of money."""
    return [one for one in ranges if not money_alone(one.path)], [one for one in ranges if money_alone(one.path)]


def _ends(ranges: Sequence[VariedRange]) -> list[tuple[float, float]]:
    return [(one.lo, one.hi) for one in ranges]


def _rounded(points: Floats, simulated: Sequence[VariedRange], answers: PlanAnswers) -> Floats:
    """Points with whole numbers where values are whole: the low end where the scenario can have none that is near."""
    for column, one in enumerate(simulated):
        if is_whole(answers.loaded, one.path):
            near = [answers.possible(one.path, value, one.lo, one.hi) for value in points[:, column].tolist()]
            points[:, column] = [one.lo if value is None else value for value in near]
    return points


def _runner_up(answers: PlanAnswers) -> str | None:
    """The cheapest other plan that meets the SLO at the base."""
    others = [name for name in answers.names if name != answers.chosen]
    name = min(others, key=lambda one: (answers.base.possible(one), one), default=None)
    return None if name is None or answers.base.possible(name) == inf else name
