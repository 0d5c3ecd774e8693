"""Mix of commitments of least expected cost, by a linear program, and the cost against one amount.

The program (HiGHS) runs over a sample of hours, with an optional weight on the worst futures, and integer amounts where
instances are counted. Within an hour it may cover usage as it likes; providers cover by the highest saving first. The
amounts found are therefore priced again by the exact settlement over all hours.

The cost against the amount of one commitment is exact at any number of levels.

What a commitment saves in an hour is piecewise linear in its amount: usage is taken in the order of the settlement,
each piece with its saving. Summed over hours, the saving of the j-th piece between two amounts is a difference of
sum(min(amount, end of the piece)), which sorted ends and their running sum give for all amounts at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from simcost.billing.commitment.bound import Bound, CommittedUnits, Floats
from simcost.billing.commitment.offered import Option
from simcost.billing.metering import Line
from simcost.compare.mixed_integer import quiet
from simcost.errors import RunError
from simcost.studies.commitments.demand import CommitmentDemand

SAMPLED = 1200
"""Hours in the program, spread over all futures."""
EACH = 12
"""Hours of each future in it, at least, where the worst futures count: fewer do not tell the night from the day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """Objective and constraints."""

    tail: float = 0.05
    """The worst futures: this share of them."""
    weight: float = 0.0
    """Of the mean over the worst futures (CVaR) against that over all: 0 = expectation alone, 1 = the worst alone."""
    budget_usd_per_h: float | None = None
    """Most to be committed an hour."""


def best_mix(demand: CommitmentDemand, options: Sequence[Option], aim: Aim) -> Floats:
    """[option] Amounts that are best.

    Raises:
        RunError: the solver finds none.
    """
    program = _Program(*_sample(demand, apart=aim.weight > 0), options, aim)
    limits = {"constraints": program.constraints(), "bounds": program.bounds()}
    with quiet():
        found = milp(program.cost, **limits, integrality=program.whole())
    if found.x is None:
        raise RunError(f"no commitment could be optimised: {found.message}")
    steps = np.array([option.whole or 1.0 for option in options])
    amounts: Floats = np.maximum(np.around(found.x[: len(options)], 9), 0.0) * steps
    return amounts


def _sample(demand: CommitmentDemand, *, apart: bool) -> tuple[Floats, Floats]:
    """(futures, hours, lines) A spread of the hours of each future, at even ranks of what they would cost; and their
    prices on demand. Of many futures those of all as one, unless futures are to be told apart.
    """
    hours, usd, kept = demand.hours, demand.usd, SAMPLED // demand.futures
    if kept < EACH and not apart:
        hours, usd, kept = demand.pooled[None], demand.pooled_usd[None], SAMPLED
    kept, count = max(kept, EACH), hours.shape[1]
    if count <= kept:
        return hours, usd
    rank = np.argsort((hours * usd).sum(axis=2), axis=1, kind="stable")
    chosen = ((np.arange(kept) + 0.5) * count / kept).astype(np.int64)
    at = rank[:, chosen, None]
    return np.take_along_axis(hours, at, axis=1), np.take_along_axis(usd, at, axis=1)


class _Program:
    """Variables: amount of each option (in steps of an instance where counted), hours that each covers of each line and
    sampled hour, the value at risk, and what each future costs beyond it. USD an hour on average.
    """

    def __init__(self, hours: Floats, usd: Floats, options: Sequence[Option], aim: Aim) -> None:
        self.options, self.aim = options, aim
        self.futures, self.each, self.lines = hours.shape
        self.demand = hours.reshape(-1)
        self.usd = usd.reshape(-1)
        self.rows = self.futures * self.each
        self.step_usd = np.array([(o.whole or 1.0) * o.usd_per_unit_h for o in options])
        k, y = len(options), len(options) * self.rows * self.lines
        self.amounts, self.covered, self.at_risk = k, y, k + y
        self.size = k + y + 1 + self.futures
        self.cost = self._cost()

    def _cost(self) -> Floats:
        spread, tail = 1 - self.aim.weight, self.aim.weight
        cost = np.zeros(self.size)
        cost[: self.amounts] = self.step_usd * spread
        saved = np.tile(self.usd, self.amounts)
        cost[self.amounts : self.at_risk] = -saved * spread / self.rows
        cost[self.at_risk] = tail
        cost[self.at_risk + 1 :] = tail / (self.aim.tail * self.futures)
        return cost

    def _y(self, k: int) -> Floats:
        """Numbers of the variables of an option."""
        first = self.amounts + k * self.rows * self.lines
        return np.arange(first, first + self.rows * self.lines)

    def constraints(self) -> list[LinearConstraint]:
        """Cover no more than there is, take no more than was bought, keep to the budget, count the worst futures."""
        cells = self.rows * self.lines
        columns = np.concatenate([self._y(k) for k in range(self.amounts)])
        there = coo_array(
            (np.ones(len(columns)), (np.tile(np.arange(cells), self.amounts), columns)),
            shape=(cells, self.size),
        )
        found = [LinearConstraint(there.tocsr(), -np.inf, self.demand), self._taken()]
        if self.aim.budget_usd_per_h is not None:
            spent = np.zeros((1, self.size))
            spent[0, : self.amounts] = self.step_usd
            found.append(LinearConstraint(spent, -np.inf, self.aim.budget_usd_per_h))
        if self.aim.weight > 0:
            found.append(self._worst())
        return found

    def _taken(self) -> LinearConstraint:
        """Units taken in each hour stay below the amount."""
        row = np.repeat(np.arange(self.rows), self.lines)
        data, rows, columns = [], [], []
        for k, option in enumerate(self.options):
            data += [np.tile(option.draw, self.rows), np.full(self.rows, -(option.whole or 1.0))]
            rows += [row + k * self.rows, np.arange(self.rows) + k * self.rows]
            columns += [self._y(k), np.full(self.rows, k)]
        matrix = coo_array(
            (np.concatenate(data), (np.concatenate(rows), np.concatenate(columns))),
            shape=(self.amounts * self.rows, self.size),
        )
        return LinearConstraint(matrix.tocsr(), -np.inf, 0.0)

    def _worst(self) -> LinearConstraint:
        """Excess of a future >= its cost - the value at risk."""
        future = np.repeat(np.arange(self.futures), self.each * self.lines)
        usd = self.usd
        data, rows, columns = [], [], []
        for k in range(self.amounts):
            data += [np.full(self.futures, self.step_usd[k]), -usd / self.each]
            rows += [np.arange(self.futures), future]
            columns += [np.full(self.futures, k), self._y(k)]
        data += [np.full(self.futures, -1.0), np.full(self.futures, -1.0)]
        rows += [np.arange(self.futures)] * 2
        columns += [np.full(self.futures, self.at_risk), np.arange(self.at_risk + 1, self.size)]
        matrix = coo_array(
            (np.concatenate(data), (np.concatenate(rows), np.concatenate(columns))),
            shape=(self.futures, self.size),
        )
        on_demand = np.bincount(future, self.demand * usd, minlength=self.futures) / self.each
        return LinearConstraint(matrix.tocsr(), -np.inf, -on_demand)

    def bounds(self) -> Bounds:
        """From nothing to all of an option; an option that reaches a line not covers nothing of it."""
        lower, upper = np.zeros(self.size), np.full(self.size, np.inf)
        for k, option in enumerate(self.options):
            upper[k] = option.most / (option.whole or 1.0)
            upper[self._y(k)] = np.tile(np.where(option.draw > 0, np.inf, 0.0), self.rows)
        lower[self.at_risk] = -np.inf
        if self.aim.weight == 0:
            lower[self.at_risk] = 0.0
            upper[self.at_risk :] = 0.0
        return Bounds(lower, upper)

    def whole(self) -> Floats:
        """Mask of the integer variables."""
        flags = np.zeros(self.size)
        flags[: self.amounts] = [option.whole is not None for option in self.options]
        return flags


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pieces:
    """A commitment as the hours of a demand take it, in the order of settlement."""

    ends: Floats
    """[hour, piece] Amount at which each piece ends."""
    saving: Floats
    """[hour, piece] USD that a unit of the commitment saves there."""
    usd_per_unit_h: float
    """Cost of a unit and hour."""

    def cost(self, levels: Floats) -> Floats:
        """[level] Cost of a commitment an hour, USD, above all on demand."""
        found = self.usd_per_unit_h * levels
        start = np.zeros(len(self.ends))
        for j, saving in enumerate(self.saving.T):
            found = found - (_capped(self.ends[:, j], saving, levels) - _capped(start, saving, levels))
            start = self.ends[:, j]
        return found

    def best(self, most: float, whole: float | None = None) -> float:
        """The smallest amount that costs least, at most `most`; in steps of `whole` where it comes in units.

        The cost is convex where savings fall from piece to piece, and lowest at an end of a piece.
        """
        levels: Floats
        if whole is not None:
            levels = np.arange(int(most / whole + 1e-9) + 1, dtype=np.float64) * whole
        else:
            ends: Floats = np.unique(np.around(self.ends.ravel(), 9))
            levels = np.concatenate([[0.0], ends[(ends > 0) & (ends <= most)], [most]])
        return float(levels[int(np.argmin(np.around(self.cost(levels), 9)))])


def pieces(bound: Bound, lines: tuple[Line, ...], hours: Floats, paid_usd: Floats) -> Pieces:
    """Pieces in which hours of demand take a commitment.

    Args:
        bound: the commitment, bound to the lines.
        lines: of the demand.
        hours: [hour, line] unit-hours.
        paid_usd: [hour, line] price of an hour on demand.
    """
    draw = bound.takes if isinstance(bound, CommittedUnits) else bound.rates
    usd = np.array([line.contracted_usd for line in lines], np.float64)
    reached = [i for i in range(len(lines)) if draw[i] > 0]
    if isinstance(bound, CommittedUnits):
        order = sorted(reached, key=lambda i: (draw[i], i))
        unit_usd = bound.usd_per_unit_h
    else:
        order = sorted(reached, key=lambda i: (-round(float(1 - draw[i] / usd[i]), 12), draw[i], i))
        unit_usd = 1.0
    ends: Floats = np.cumsum(hours[:, order] * draw[order], axis=1)
    return Pieces(ends=ends, saving=paid_usd[:, order] / draw[order], usd_per_unit_h=unit_usd)


def _capped(values: Floats, weights: Floats, levels: Floats) -> Floats:
    """[level] Mean over hours of weight x min(level, value)."""
    order = np.argsort(values)
    ordered, weighed = values[order], weights[order]
    sums, beyond = (np.concatenate([[0.0], np.cumsum(each)]) for each in (ordered * weighed, weighed))
    below = np.searchsorted(ordered, levels, side="right")
    found: Floats = (sums[below] + levels * (beyond[-1] - beyond[below])) / len(ordered)
    return found
