"""Cheapest fleet for demand that is not sure: a two-stage stochastic program, solved by HiGHS.

    min  sum_j fee_j x_j + sum_k p_k sum_t w_kt [ sum_j usd_j u_jt + sum_b overflow_b z_bt ]      (or its CVaR)
    sum_s y_sbt + z_bt = D_bt                 all demand of a bucket is served or overflows
    sum_b y_sbt / mu_sb <= sum_j x_j + u_jt   load adds up: a replica is full where rate over capacity is 1
    sum_s d_s >= 1, x_s >= (x'_s + 1) d_s     for each fleet x' that simulation has shown to be too small

x: committed before demand is known, whole. u: bought by the hour. With a risk, demand of a path may be left out as a
whole, where the left-out paths have no more than that probability. Capacities are those of one replica: in this program
n replicas serve n times as much, whatever queues do within an hour, so that a fleet of it is a proposal that simulation
has to prove.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import fsum

import numpy as np
import numpy.typing as npt

from simcost.compare.fleet_points import clustered, hardest
from simcost.compare.fleets import DemandPoints, FleetAim, FleetPurchase, FleetShape, FleetSolution, Floats
from simcost.compare.mixed_integer import Ints, Optimum, ProgramColumns, ProgramRows

GAP = 1e-3
"""Relative gap at which the search ends."""
EXACT_GAP = 1e-9
TIE = 1e-7
"""Relative surcharge on what is committed, so that of equal fleets the smaller one is taken."""
BLOCK = 240
"""Points whose recourse is found together; one by one where replicas by the hour are whole."""
Counts = Mapping[tuple[str, str], int]
Flags = npt.NDArray[np.bool_]


def cheapest_fleet(
    shapes: Sequence[FleetShape], demand: DemandPoints, aim: FleetAim, *, points: int | None = None, gap: float = GAP
) -> FleetSolution | None:
    """The fleet of least cost; None = no fleet serves the demand.

    Args:
        shapes: what may be bought.
        demand: sampled paths.
        aim: objective and constraints.
        points: points to which those of the demand are aggregated in the search; its answer is then evaluated at all of
            them, and its bound holds for all (Jensen's inequality; for whole replicas by the hour it is the looser).
            None = no aggregation.
        gap: relative gap to the bound at which the search ends.
    """
    few = (
        demand if points is None or aim.risk is not None else clustered(shapes, demand, points, by_path=aim.weight > 0)
    )
    if aim.risk is not None and not any(not purchase.committed for shape in shapes for purchase in shape.purchases):
        few = hardest(demand)
    solution = _Program(shapes, few, aim).solve(gap)
    if solution is None:
        return None
    counts, bound = solution
    return replace(evaluated(shapes, demand, aim, counts), bound_usd=bound)


def least_fleet(shapes: Sequence[FleetShape], demand: DemandPoints, aim: FleetAim) -> tuple[Counts, float] | None:
    """The committed fleet of least cost and the bound of the program alone, not evaluated; None = there is none."""
    return _Program(shapes, demand, aim).solve(GAP)


def evaluated(shapes: Sequence[FleetShape], demand: DemandPoints, aim: FleetAim, counts: Counts) -> FleetSolution:
    """Cost of committed replicas with the best that can be added at each point.

    Raises:
        ValueError: what they leave cannot be served by any.
    """
    later = replace(aim, weight=0.0, risk=None, too_small=())
    usd, most, lost = np.zeros(len(demand.rates)), dict[tuple[str, str], float](), 0.0
    left = _left_out(shapes, demand, aim, counts)
    block_size = 1 if aim.whole else BLOCK
    for first in range(0, len(demand.rates), block_size):
        here = np.arange(first, min(first + block_size, len(demand.rates)))
        rates = np.where(left[here, None], 0.0, demand.rates[here])
        block = DemandPoints(rates=rates, hours=np.ones((1, len(here))), probability=np.ones(1))
        program = _Program(shapes, block, later)
        program.fix(counts)
        optimum = program.best(EXACT_GAP)
        if optimum is None:
            raise ValueError("these replicas cannot serve the demand")
        usd[here] = program.recourse_usd(optimum)
        lost += float((program.overflow(optimum) * demand.weights[here, None]).sum())
        for key, value in program.hourly(optimum).items():
            most[key] = max(most.get(key, 0.0), value)
    fee = fsum(purchase.usd_per_h * counts.get((s.name, purchase.name), 0) for s in shapes for purchase in s.purchases)
    by_path: Floats = fee * demand.hours.sum(axis=1) + demand.hours @ usd
    expected = float(by_path @ demand.probability)
    tail = worst_mean(by_path, demand.probability, aim.tail)
    total = float((demand.rates * demand.weights[:, None]).sum())
    objective = (1 - aim.weight) * expected + aim.weight * tail
    return FleetSolution(
        counts=dict(counts),
        hourly=most,
        usd_by_path=by_path,
        expected_usd=expected,
        tail_usd=tail,
        objective_usd=objective,
        bound_usd=objective,
        overflow_share=lost / total if total else 0.0,
    )


def worst_mean(usd: Floats, probability: Floats, tail: float) -> float:
    """Mean over the worst paths of this probability together (CVaR); the last of them counts in part.

    >>> worst_mean(np.array([1.0, 5.0, 3.0]), np.array([0.5, 0.25, 0.25]), 0.5)
    4.0
    """
    order = np.argsort(-usd, kind="stable")
    before = np.concatenate([[0.0], np.cumsum(probability[order])[:-1]])
    part = np.clip(tail - before, 0.0, probability[order])
    return float(part @ usd[order] / part.sum())


def _left_out(shapes: Sequence[FleetShape], demand: DemandPoints, aim: FleetAim, counts: Counts) -> Flags:
    """[point] True on paths that the fleet does not fit, where some may be left out."""
    left = np.zeros(len(demand.rates), bool)
    if aim.risk is None:
        return left
    for path in range(len(demand.probability)):
        program = _Program(shapes, demand.path(path), replace(aim, weight=0.0, risk=None))
        program.fix(counts)
        if program.best(EXACT_GAP) is None:
            left |= demand.hours[path] > 0
    return left


class _Program:
    """Columns and rows of the program for some points."""

    def __init__(self, shapes: Sequence[FleetShape], demand: DemandPoints, aim: FleetAim) -> None:
        self._shapes, self._demand, self._aim = shapes, demand, aim
        self._columns, self._rows = ProgramColumns(), ProgramRows()
        self._points, self._buckets = demand.rates.shape
        self._paths = len(demand.probability)
        self._bought: dict[tuple[str, str], tuple[FleetPurchase, Ints]] = {}
        for shape in shapes:
            for purchase in shape.purchases:
                self._bought[shape.name, purchase.name] = purchase, self._purchase(purchase)
        self._overflow = self._spare(aim.overflow_usd) if aim.overflow_usd is not None else None
        may_miss = aim.risk is not None or aim.shortfall is not None
        self._missed = self._spare((0.0,) * self._buckets) if may_miss else None
        self._serve()
        self._limit()
        self._exclude()
        if self._missed is not None and aim.risk is not None:
            self._chance(self._missed, aim.risk)
        if self._missed is not None and aim.shortfall is not None:
            self._fall_short(self._missed, aim.shortfall)
        if aim.weight > 0:
            self._worst()

    def _purchase(self, fleet_purchase: FleetPurchase) -> Ints:
        """Columns of a way to buy: one replica count, or one for each point."""
        most = np.inf if fleet_purchase.most is None else float(fleet_purchase.most)
        mean = 1 - self._aim.weight
        if fleet_purchase.committed:
            fee = fleet_purchase.usd_per_h * float(self._demand.probability @ self._demand.hours.sum(axis=1))
            return self._columns.add((1,), cost=fee * (mean + TIE), upper=most, whole=True)
        usd = fleet_purchase.usd_per_h * self._demand.weights * mean
        return self._columns.add((self._points,), cost=usd, upper=most, whole=self._aim.whole)

    def _spare(self, usd: Sequence[float]) -> Ints:
        """Columns of rates that nothing serves, at each point and of each bucket."""
        cost = np.outer(self._demand.weights, usd) * (1 - self._aim.weight)
        return self._columns.add(self._demand.rates.shape, cost=cost, upper=self._demand.rates, whole=False)

    def _serve(self) -> None:
        """All demand is served, and no replica is fuller than full."""
        slices, rates = self._aim.slices, self._demand.rates
        served: list[list[tuple[Ints, object]]] = [[] for _ in range(self._buckets)]
        for shape in self._shapes:
            load: list[tuple[Ints, object]] = []
            for bucket, capacity in enumerate(shape.capacity):
                if capacity <= 0:
                    continue
                part = self._columns.add((self._points,), whole=slices is not None)
                unit = rates[:, bucket] / slices if slices else np.full(self._points, capacity)
                served[bucket].append((part, unit))
                load.append((part, unit / capacity))
            for one in shape.purchases:
                purchase, columns = self._bought[shape.name, one.name]
                load.append((np.broadcast_to(columns, (self._points,)) if purchase.committed else columns, -1.0))
            self._rows.add(*load, upper=0.0)
        for bucket, terms in enumerate(served):
            spare = [(one[:, bucket], 1.0) for one in (self._overflow, self._missed) if one is not None]
            if terms or spare:
                self._rows.add(*terms, *spare, lower=rates[:, bucket], upper=rates[:, bucket])
            elif rates[:, bucket].any():
                never = self._columns.add((1,), upper=0.0, whole=False)
                self._rows.add((never, 1.0), lower=1.0)

    def _limit(self) -> None:
        for limit in self._aim.limits:
            terms: list[tuple[Ints, object]] = []
            for key, value in limit.coefficients.items():
                columns, coefficient = self._bought[key][1], value
                if limit.whole:
                    nodes, coefficient = self._columns.add(columns.shape, whole=True), 1.0
                    self._rows.add((columns, value), (nodes, -1.0), upper=0.0)
                    columns = nodes
                terms.append((np.broadcast_to(columns, (self._points,)), coefficient))
            self._rows.add(*terms, upper=limit.most)

    def _chance(self, missed: Ints, risk: float) -> None:
        """A path is left out as a whole, or nothing of it is."""
        out = self._columns.add((self._paths,), upper=1.0, whole=True)
        for path in range(self._paths):
            here = np.flatnonzero(self._demand.hours[path])
            cells = missed[here].ravel()
            self._rows.add((cells, 1.0), (np.full(len(cells), out[path]), -self._demand.rates[here].ravel()), upper=0.0)
        self._rows.add((out[None, :], self._demand.probability[None, :]), upper=risk + 1e-9)

    def _fall_short(self, missed: Ints, share: float) -> None:
        """No path misses more than a share of its requests."""
        hours, rates = self._demand.hours, self._demand.rates
        spread = np.repeat(hours, self._buckets, axis=1)
        columns = np.broadcast_to(missed.ravel(), spread.shape)
        self._rows.add((columns, spread), upper=share * (hours @ rates.sum(axis=1)))

    def _exclude(self) -> None:
        """More of something than each fleet that is too small."""
        committed = {key: columns for key, (purchase, columns) in self._bought.items() if purchase.committed}
        for fleet in self._aim.too_small:
            more = self._columns.add((len(committed),), upper=1.0, whole=True)
            self._rows.add((more[None, :], 1.0), lower=1.0)
            for i, (key, columns) in enumerate(committed.items()):
                self._rows.add((columns, 1.0), (more[i : i + 1], -float(fleet.get(key, 0) + 1)), lower=0.0)

    def _worst(self) -> None:
        """Excess of each path over the value at risk."""
        weight, tail = self._aim.weight, self._aim.tail
        at_risk = self._columns.add((1,), cost=weight, lower=-np.inf, whole=False)
        excess = self._columns.add((self._paths,), cost=weight / tail * self._demand.probability, whole=False)
        hours = self._demand.hours
        terms: list[tuple[Ints, object]] = [
            (excess, -1.0),
            (np.broadcast_to(at_risk, (self._paths,)), -1.0),
        ]
        for purchase, columns in self._bought.values():
            spent = hours.sum(axis=1, keepdims=True) if purchase.committed else hours
            terms.append((np.broadcast_to(columns, spent.shape), purchase.usd_per_h * spent))
        if self._overflow is not None:
            for bucket, usd in enumerate(self._aim.overflow_usd or ()):
                terms.append((np.broadcast_to(self._overflow[:, bucket], hours.shape), usd * hours))
        self._rows.add(*terms, upper=0.0)

    def fix(self, counts: Counts) -> None:
        """Take committed replicas as given."""
        for key, (purchase, columns) in self._bought.items():
            if purchase.committed:
                there = float(counts.get(key, 0))
                self._rows.add((columns, 1.0), lower=there, upper=there)

    def best(self, gap: float) -> Optimum | None:
        """The solution."""
        return self._rows.solve(self._columns, gap=gap)

    def solve(self, gap: float) -> tuple[Counts, float] | None:
        """Committed replicas of the solution, and its bound."""
        optimum = self.best(gap)
        if optimum is None:
            return None
        counts = {
            key: round(optimum.values[columns[0]])
            for key, (purchase, columns) in self._bought.items()
            if purchase.committed
        }
        return counts, optimum.bound / (1 + TIE)

    def recourse_usd(self, optimum: Optimum) -> Floats:
        """[point] Cost of an hour of what is not committed."""
        usd = np.zeros(self._points)
        for purchase, columns in self._bought.values():
            if not purchase.committed:
                usd += purchase.usd_per_h * optimum.values[columns]
        if self._overflow is not None:
            usd += optimum.values[self._overflow] @ np.asarray(self._aim.overflow_usd)
        return usd

    def overflow(self, optimum: Optimum) -> Floats:
        """[point, bucket] Rates that nothing serves."""
        return np.zeros_like(self._demand.rates) if self._overflow is None else optimum.values[self._overflow]

    def hourly(self, optimum: Optimum) -> dict[tuple[str, str], float]:
        """Most replicas bought by the hour."""
        return {
            key: float(optimum.values[columns].max(initial=0.0))
            for key, (purchase, columns) in self._bought.items()
            if not purchase.committed
        }
