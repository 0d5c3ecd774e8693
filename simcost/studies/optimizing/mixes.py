"""Fleets of several kinds of replicas, proposed by the fleet program and proved by simulation.

The program knows the least time that a request takes of a replica, and so proposes fleets that may be too small: the
one of least cost is simulated, and what fails is cut off with all fleets that have no more of anything, until no fleet
is left that could cost less than the best that holds. To find one that holds early, demand is first scaled up.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, fsum
from typing import Any

import numpy as np

from simcost.compare.bounds import mix_bounds
from simcost.compare.fleet_program import Counts, least_fleet
from simcost.compare.fleets import DemandPoints, FleetAim, FleetLimit, FleetPurchase, FleetShape, Floats
from simcost.errors import FaultsError
from simcost.ledger.request_mix import RequestMix
from simcost.plan import Fixed
from simcost.scenario.inputs.combined_plans import not_a_plan
from simcost.scenario.inputs.variations import Variation
from simcost.scenario.runs.arrivals import Arrivals
from simcost.scenario.runs.candidates import Candidates, PlanCandidate
from simcost.scenario.runs.commitment_choice import CommitmentChoice, Held, with_commitments
from simcost.scenario.runs.resolve import ResolvedScenario, resolved_plan
from simcost.scenario.runs.supply_limits import Taken
from simcost.scenario.schema.scenario import OF_A_POOL
from simcost.studies.optimizing.written_plans import sound_plan
from simcost.units import HOURS_PER_MONTH, NS_PER_S, SECONDS_PER_HOUR

SHAPES, TRIES = 12, 16
"""Kinds of replicas in the program, and fleets that are simulated, at most."""
SCALES = (1.5, 2.0, 1.25, 1.75, 1.1, 2.5)
"""Of demand, with which a first fleet is looked for that holds."""
MOST = 64
"""Replicas of a kind."""
COMMITTED = "fixed"
Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class MixOutcome:
    """Outcome of the search of mixes."""

    best: Variation | None
    """The cheapest that holds and costs less than the plans of one kind."""
    tried: int
    shapes: int
    buckets: int
    points: int
    bound_usd: float | None
    """No fixed fleet of these kinds that may hold costs less a month, by the program and its cuts."""
    proved: bool
    """True if no fleet is left that could cost less than the best."""
    refused: str
    """Reason why the checks refuse the last fleet that they refuse; empty where they refuse none."""

    def document(self) -> Document:
        """Of the search."""
        return {
            "tried": self.tried,
            "shapes": self.shapes,
            "buckets": self.buckets,
            "points": self.points,
            "bound_usd_per_month": self.bound_usd,
            "proved": self.proved,
            "refused": self.refused,
        }


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of replicas, and the plan of it alone."""

    candidate: PlanCandidate
    usd: float
    """Least cost a month of one."""
    per_node: float
    """Replicas that a node has room for."""
    part: Taken
    """Part of each limit that one takes."""


class MixSearch:
    """The program of a space, and plans of its fleets.

    Args:
        question: with its seeds.
        found: the space.
        arrivals: its requests.
        settled: plans of one kind of replicas that the race has found too small or the best: as fleets they and all
            smaller ones need not be tried.
        choice: commitments that may be bought; nodes of fixed fleets always run, so that all of a kind are committed at
            the least rate, or none.
    """

    def __init__(
        self,
        question: ResolvedScenario,
        found: Candidates,
        arrivals: Arrivals,
        settled: Collection[str],
        choice: CommitmentChoice,
    ) -> None:
        self._question, self._choice, self._found = question, choice, found
        batches = [_requests(arrivals, replication) for replication in range(question.seeds)]
        limits = [float(np.median(np.concatenate([batch[i] for batch in batches]))) for i in (1, 2)] if batches else []
        self._demand, mixes = _demand(batches, limits, question.horizon_s or 1.0)
        kinds = _kinds(found)
        self._shapes = self._cheapest([self._shape(kind, mixes) for kind in kinds])
        self._kinds = {kind.candidate.name: kind for kind in kinds}
        self._small: list[Counts] = list(_fleets_of(settled, found, kinds))
        self._tried = 0
        self._bound: float | None = None

    def run(self, most_usd: float, holds: Callable[[Variation], float | None]) -> MixOutcome:
        """Propose fleets until none can cost less.

        Args:
            most_usd: cost a month of the best plan so far; infinite where there is none.
            holds: simulates a plan; its cost a month where it holds on fresh seeds, else None.
        """
        best: Variation | None = None
        proved, refused, holding = False, "", list[Counts]()
        for scale in (*SCALES, *[1.0] * TRIES) if len(self._shapes) > 1 else ():
            if self._tried >= TRIES:
                break
            found = least_fleet(self._shapes, self._scaled(scale), self._aim())
            if scale == 1.0:
                self._bound = None if found is None else found[1] / self._demand.span_h * HOURS_PER_MONTH
                proved = found is None or self._cost(found[0]) >= most_usd
                if proved:
                    break
            if found is None or self._cost(found[0]) >= most_usd or self._known(found[0]):
                continue
            if found[0] in holding:
                if scale == 1.0:  # the cheapest by the bound for the demand as it is: no smaller fleet can hold
                    self._small.append(found[0])
                continue
            try:
                plan = self._plan(found[0])
            except FaultsError as error:
                refused = not_a_plan(error.faults)
                self._small.append(found[0])
                continue
            if plan is not None and self._found.limits.over(self._found.taken_by(plan.plan)):
                continue  # its nodes are more than its replicas need, by the rules of their provisioning
            self._tried += 1
            usd = None if plan is None else holds(plan)
            if usd is None:
                self._small.append(found[0])
                continue
            holding.append(found[0])
            if usd < most_usd:
                best, most_usd = plan, usd
        return MixOutcome(
            best=best,
            tried=self._tried,
            shapes=len(self._shapes),
            buckets=self._demand.rates.shape[1],
            points=len(self._demand.rates),
            bound_usd=self._bound,
            proved=proved,
            refused=refused,
        )

    def _cheapest(self, shapes: Sequence[FleetShape]) -> list[FleetShape]:
        """Those on which some bucket costs least, then those on which all demand does."""
        if not shapes:
            return []
        usd = np.array([shape.purchases[0].usd_per_h / np.array(shape.capacity) for shape in shapes])
        first, order = usd.argmin(axis=0), np.argsort(usd @ self._demand.rates.sum(axis=0), kind="stable")
        return [shapes[i] for i in dict.fromkeys([*map(int, first), *map(int, order)])][:SHAPES]

    def _aim(self) -> FleetAim:
        target = self._question.loaded.scenario.loosest_slo().attainment
        return FleetAim(shortfall=1 - target, too_small=tuple(self._small), limits=tuple(self._limits()))

    def _limits(self) -> Iterator[FleetLimit]:
        """Limits of the supply: of accelerators, or of nodes, which pools do not share."""
        for i, limit in enumerate(self._found.limits.limits):
            parts = {(shape.name, COMMITTED): self._kinds[shape.name].part[i] for shape in self._shapes}
            used = {key: part for key, part in parts.items() if part}
            if used:
                yield FleetLimit(coefficients=used, most=limit.most, whole=bool(limit.offer))

    def _scaled(self, scale: float) -> DemandPoints:
        return replace(self._demand, rates=self._demand.rates * scale)

    def _cost(self, counts: Counts) -> float:
        return fsum(self._kinds[name].usd * count for (name, _), count in counts.items())

    def _known(self, counts: Counts) -> bool:
        """True if it has no more of anything than a fleet that failed."""
        return any(all(counts[key] <= small[key] for key in counts) for small in self._small)

    def _shape(self, kind: _Kind, mixes: Sequence[RequestMix]) -> FleetShape:
        """Requests per second of each bucket that a replica answers at most, in the fastest replication."""
        plan = resolved_plan(kind.candidate.variation.plan, self._question)
        slo = self._question.loaded.scenario.loosest_slo()
        factor, pool, limits = min(plan.factors), plan.pool, slo.limits()
        rates = []
        for mix in mixes:
            bounds = mix_bounds(
                pool.step,
                mix,
                kv_tokens=pool.kv_capacity_tokens,
                max_num_seqs=pool.batching.max_num_seqs,
                span_s=1.0,
                factor=factor,
                ttft_s=limits.ttft_s,
                tpot_s=limits.tpot_s,
            )
            rates.append(bounds.requests / bounds.least_replicas(1.0, factor, unjudged=0.0) if bounds.requests else 1.0)
        purchase = FleetPurchase(name=COMMITTED, usd_per_h=kind.usd / HOURS_PER_MONTH, committed=True, most=MOST)
        return FleetShape(name=kind.candidate.name, capacity=tuple(rates), purchases=(purchase,))

    def _held(self, used: Mapping[str, int]) -> list[list[Held]]:
        """Commitments for so many replicas of each kind, where they cost less."""
        kinds = [self._kinds[name] for name in used]
        nodes = [ceil(count / kind.per_node) for kind, count in zip(kinds, used.values(), strict=True)]
        return self._choice.of_fleet([(kind.candidate.variation.plan, n) for kind, n in zip(kinds, nodes, strict=True)])

    def _plan(self, counts: Counts) -> Variation | None:
        """The plan of a fleet: a pool for each kind. Raises FaultsError where the checks refuse it."""
        used = {name: count for (name, _), count in counts.items() if count}
        pools: list[Document] = []
        shared: Document = {}
        for (name, count), held in zip(used.items(), self._held(used), strict=True):
            written: Any = self._kinds[name].candidate.variation.node.plain()
            shared = {key: one for key, one in written.items() if key not in (*OF_A_POOL, "name")}
            bought = with_commitments(written, held)
            own = {key: one for key, one in bought.items() if key in OF_A_POOL}
            pools.append({**own, "name": _short(name), "scaling": {"kind": "fixed", "replicas": count}})
        title = " + ".join(f"{count} x {_short(name)}" for name, count in used.items())
        return sound_plan(self._question.loaded, {**shared, "name": title, "pools": pools})


def _short(name: str) -> str:
    """The name of a kind: that of its plan without its sizes."""
    return name.rpartition(", ")[0] or name


def _kinds(found: Candidates) -> list[_Kind]:
    """The kinds of replicas in fixed fleets of a space; all else of their plans is that of the first, since pools share
    it.
    """
    kinds: dict[str, _Kind] = {}
    rest = ""
    for one in [*found.found, *found.too_small, *found.over_limits]:
        if not isinstance(one.variation.plan.scaling, Fixed) or not one.entrant.family:
            continue
        apart = one.variation.without(*OF_A_POOL)
        rest = rest or apart
        key = one.variation.without("scaling")
        if apart == rest and key not in kinds:
            kinds[key] = _Kind(
                candidate=one,
                usd=found.replica_usd(one.variation),
                per_node=found.replicas_per_node(one.variation),
                part=found.part_of_limits(one.variation),
            )
    return list(kinds.values())


def _fleets_of(settled: Collection[str], found: Candidates, kinds: Sequence[_Kind]) -> Iterator[Counts]:
    """Plans of one kind as fleets."""
    named = {kind.candidate.variation.without("scaling"): kind.candidate.name for kind in kinds}
    for one in found.found:
        scaling, key = one.variation.plan.scaling, one.variation.without("scaling")
        if one.name in settled and isinstance(scaling, Fixed) and key in named:
            yield {(name, COMMITTED): scaling.replicas * (name == named[key]) for name in named.values()}


def _requests(arrivals: Arrivals, replication: int) -> tuple[Floats, Floats, Floats]:
    """Arrivals in seconds, prompt tokens and output tokens of a replication."""
    batches = list(arrivals.of(replication))
    columns = [(batch.arrival_ns / NS_PER_S, batch.prompt_tokens, batch.output_tokens) for batch in batches]
    arrival, prompt, output = (np.concatenate([column[i] for column in columns]).astype(np.float64) for i in range(3))
    return arrival, prompt, output


def _demand(
    replications: Sequence[tuple[Floats, Floats, Floats]], limits: Sequence[float], horizon_s: float
) -> tuple[DemandPoints, list[RequestMix]]:
    """Rates by hour of four buckets, short and long prompts and answers by their medians, one path a replication; and
    the requests of each bucket.
    """
    hours = max(round(horizon_s / SECONDS_PER_HOUR), 1)
    step_s = horizon_s / hours
    rates = np.zeros((len(replications), hours, 4))
    tokens: list[list[tuple[Floats, Floats]]] = [[] for _ in range(4)]
    for path, (arrival, prompt, output) in enumerate(replications):
        bucket = 2 * (prompt > limits[0]) + (output > limits[1])
        hour = np.minimum((arrival / step_s).astype(np.int64), hours - 1)
        rates[path] = np.bincount(hour * 4 + bucket, minlength=hours * 4).reshape(hours, 4) / step_s
        for i in range(4):
            tokens[i].append((prompt[bucket == i], output[bucket == i]))
    mixes = [RequestMix.of(*(np.concatenate([one[k] for one in own]) for k in range(2))) for own in tokens]
    probability = np.full(len(replications), 1 / len(replications))
    return DemandPoints.of_paths(rates, probability, step_s / SECONDS_PER_HOUR), mixes
