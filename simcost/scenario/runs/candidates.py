"""Candidates: plans of a space with the least that they cost and the most that they can serve, by bounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import fsum, inf
from statistics import fmean
from time import monotonic
from typing import Any

import numpy as np
import pyarrow as pa

from simcost.billing import OnDemand
from simcost.compare.bounds import MixBounds, mix_bounds
from simcost.compare.entrants import Entrant
from simcost.compare.scores import misses_allowed, most_reached, requests_to_show
from simcost.errors import InputError
from simcost.ledger.months import has_months
from simcost.ledger.request_mix import RequestMix
from simcost.ledger.request_tables import NODES
from simcost.ledger.requests import LedgerUsage
from simcost.perf.images import ImageTime, as_work
from simcost.plan import Fixed
from simcost.plan.replica_counts import most_replicas
from simcost.scenario.inputs.model_quality import lacking_quality
from simcost.scenario.inputs.variations import Space, Variation
from simcost.scenario.runs.arrivals import Arrivals
from simcost.scenario.runs.bills import PurchasedNodes, costs_of
from simcost.scenario.runs.fleet_sizes import SIZES, always_there, counts_of, may_lose_nodes, sizes_of
from simcost.scenario.runs.hardware_speeds import HardwareSpeeds
from simcost.scenario.runs.replication_order import most_telling_first
from simcost.scenario.runs.resolve import ResolvedPlan, ResolvedScenario, resolved_plan
from simcost.scenario.runs.supply_limits import SupplyLimits, Taken
from simcost.scenario.schema.scaling import FollowForecast, FromManifest
from simcost.scenario.schema.scenario import Plan
from simcost.sim.clock import clock_for
from simcost.units import format_seconds, plural

_FIXED_SPREAD, _SCALED_SPREAD = 0.01, 0.1
"""Relative standard deviations of costs over replications that are assumed before any is simulated."""
TOO_SMALL = "cannot serve enough requests in time, by the bound of its capacity"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanCandidate:
    """A plan that simulation may find to be the best."""

    variation: Variation
    entrant: Entrant
    attainment: float
    """The most that it can reach, mean over replications; of futures, each of which meets the SLO or misses it, in as
    many as must meet it.
    """
    taken: Taken
    """Most that it takes at a time, by limit."""
    alone: tuple[str, float] | None = None
    """Limit that too many requests miss even alone, and the time in which enough of them are there; None = they keep
    all limits alone.
    """

    @property
    def too_small(self) -> str:
        """Reason why it cannot serve enough requests."""
        if self.alone is None:
            return TOO_SMALL
        return f"too many requests miss the limit of {self.alone[0].removesuffix('_s')} even alone on a replica"

    @property
    def name(self) -> str:
        """Of the plan."""
        return self.entrant.name


class Candidates:
    """The candidates of a space, and reasons why others are none.

    Args:
        question: with its seeds.
        space: the plans.
        arrivals: the requests.
        least_share: of the on-demand cost of a plan on so many nodes, what it costs at least where commitments may be
            bought.
        note: called now and then with what is done.
        limits: what a plan may take at a time; None = anything.
    """

    def __init__(
        self,
        question: ResolvedScenario,
        space: Space,
        arrivals: Arrivals,
        least_share: Callable[[Plan, float], float] = lambda _plan, _nodes: 1.0,
        note: Callable[[str], None] = lambda _: None,
        limits: SupplyLimits | None = None,
    ) -> None:
        self._question, self._least_share = question, least_share
        self.limits = limits or SupplyLimits({}, {}, question.loaded.catalog)
        self._arrivals = arrivals
        self._slo = question.loaded.scenario.loosest_slo()
        self._mixes = []
        begun_s = monotonic()
        for replication in range(question.seeds):
            left_s = (monotonic() - begun_s) / max(replication, 1) * (question.seeds - replication)
            left = f", about {format_seconds(left_s)} left" if replication else ""
            note(f"requests of replication {replication + 1} of {question.seeds}{left}")
            self._mixes.append(_mix(arrivals, replication))
        self._check_count()
        note(f"bounds of {len(space.variations):,} plans")
        self._outputs = [mix.output_curve() for mix in self._mixes]
        self._bounds: tuple[str, list[MixBounds]] = "", []
        """Of the replicas that were asked for last."""
        self._costs: dict[str, float] = {}
        self._plans: dict[str, ResolvedPlan] = {}
        self._lacks: dict[str, str] = {}
        self._hardware = HardwareSpeeds()
        self.found: list[PlanCandidate] = []
        self.too_small: list[PlanCandidate] = []
        """Those that cannot serve enough requests whatever happens, the most able last."""
        self.over_limits: list[PlanCandidate] = []
        """Those that may take more at a time than there is."""
        self.excluded = Counter(space.excluded)
        for candidate in self._in_bounds(list(self._sound(space.variations))):
            self._add(candidate)
        self.too_small.sort(key=lambda one: one.attainment)

    def _check_count(self) -> None:
        """Raise InputError where too few requests come to tell whether any plan meets the SLO."""
        slo, level, demand = self._slo, self._question.loaded.scenario.level, self._question.loaded.scenario.demand
        if demand is not None:
            self._check_futures(demand.risk)
        if self._question.seeds == 1 or demand is not None or not 0 < slo.attainment < 1:
            return
        count = round(fsum(float(mix.counts.sum()) for mix in self._mixes))
        needed = requests_to_show(slo.attainment, level)
        if count < needed:
            raise InputError(
                f"{self._question.loaded.path}: {count:,} requests in {self._question.seeds} replications do not show "
                f"an attainment of {100 * slo.attainment:.6g} % with {100 * level:g} % confidence, even if all are "
                f"good; take {needed:,} or more, by a longer horizon or more seeds"
            )

    def _check_futures(self, risk: float) -> None:
        """Raise InputError where more futures than may miss the SLO have no request, by which nothing is judged."""
        futures, empty = len(self._mixes), sum(not mix.counts.sum() for mix in self._mixes)
        if empty > misses_allowed(futures, risk):
            raise InputError(
                f"{self._question.loaded.path}: no request in {empty} of {plural(futures, 'future')}, so that no plan "
                "meets the SLO in enough of them; take a history with requests, a higher scale or a longer horizon"
            )

    def _sound(self, every: Sequence[Variation]) -> Iterator[tuple[Variation, ResolvedPlan]]:
        """Plans in numbers whose model is good enough; their hardware is known from then on."""
        for variation in every:
            try:
                plan = self._resolved(variation)
            except InputError as error:
                self.excluded[str(error).partition(": per device")[0]] += 1
                continue
            if lacking := self._lacking(variation):
                self.excluded[lacking] += 1
                continue
            self._hardware.add(variation, plan)
            yield variation, plan

    def _in_bounds(self, plans: Sequence[tuple[Variation, ResolvedPlan]]) -> list[PlanCandidate]:
        """Plans in their order; the bounds of all kinds of replicas together may be larger than memory."""
        alike: dict[str, list[int]] = {}
        for place, (variation, _) in enumerate(plans):
            alike.setdefault(variation.without("scaling", "buy"), []).append(place)
        found = {place: self._candidate(*plans[place]) for places in alike.values() for place in places}
        return [found[place] for place in range(len(plans))]

    def _candidate(self, variation: Variation, plan: ResolvedPlan) -> PlanCandidate:
        bounds, replicas = self._bounds_of(variation, plan), most_replicas(plan.pool.scaling)
        shares, alone, demand = [1.0] * self._question.seeds, None, self._question.loaded.scenario.demand
        if _has_bounds(plan):
            shares = [
                bound.attainment(replicas, factor, unjudged=self._unjudged(bound, plan, replicas))
                for bound, factor in zip(bounds, plan.factors, strict=True)
            ]
            if fmean(bound.hopeless for bound in bounds) > 1 - self._slo.attainment:
                alone = max((bound.excludes for bound in bounds), key=lambda one: one[1] if one else 0.0)
        return PlanCandidate(
            variation=variation,
            entrant=self._entrant(variation, plan, bounds, replicas),
            attainment=most_reached(shares, demand.risk if demand else None),
            alone=alone,
            taken=self.limits.of_plans([plan]),
        )

    def _add(self, candidate: PlanCandidate) -> None:
        if reason := self.limits.over(candidate.taken):
            self.excluded[reason] += 1
            self.over_limits.append(candidate)
        elif candidate.attainment < self._slo.attainment:
            self.too_small.append(candidate)
        else:
            self.found.append(candidate)

    def _lacking(self, variation: Variation) -> str:
        """Reason why the model has not the quality that is asked for; empty where it has."""
        key = variation.without("scaling", "buy")
        if key not in self._lacks:
            self._lacks[key] = lacking_quality(self._question.loaded, variation.plan)
        return self._lacks[key]

    def _resolved(self, variation: Variation) -> ResolvedPlan:
        """The plan in numbers; those that differ in a simple policy of scaling share all others.

        Raises:
            InputError: numbers that cannot be, or that no clock of a simulation can hold.
        """
        scaling = variation.plan.scaling
        if scaling is None or isinstance(scaling, FromManifest | FollowForecast):
            return resolved_plan(variation.plan, self._question)
        key = variation.without("scaling")
        if key not in self._plans:
            plan = resolved_plan(variation.plan, self._question)
            clock_for(
                plan.pool.step,
                horizon_s=self._question.horizon_s or 1.0,
                capacity=plan.pool.kv_capacity_tokens,
                batching=plan.pool.batching,
            )
            self._plans[key] = plan
        alike = self._plans[key]
        return replace(alike, plan=variation.plan, pool=replace(alike.pool, scaling=scaling))

    def _bounds_of(self, variation: Variation, plan: ResolvedPlan) -> list[MixBounds]:
        """Bounds of a replica, by replication."""
        pool, limits = plan.pool, self._slo.limits()
        key = variation.without("scaling", "buy")
        if key != self._bounds[0]:
            mixes = self._mixes
            if pool.images:
                mixes = [_mix(self._arrivals, replication, pool.images) for replication in range(len(mixes))]
            found = [
                mix_bounds(
                    pool.step,
                    mix,
                    kv_tokens=pool.kv_capacity_tokens,
                    max_num_seqs=pool.batching.max_num_seqs,
                    span_s=self._question.horizon_s or 1.0,
                    factor=factor,
                    ttft_s=limits.ttft_s,
                    tpot_s=limits.tpot_s,
                    share=self._slo.attainment,
                )
                for mix, factor in zip(mixes, plan.factors, strict=True)
            ]
            self._bounds = key, found
        return self._bounds[1]

    def _unjudged(self, bounds: MixBounds, plan: ResolvedPlan, replicas: float) -> float:
        """Requests that may be in the system at the end without being late; all where nothing is ever late."""
        limits = self._slo.limits()
        wait_s = min(limits.ttft_s, limits.e2e_s)
        if wait_s == inf or replicas == inf:
            return inf
        return bounds.requests / bounds.span_s * wait_s + plan.pool.batching.max_num_seqs * replicas

    def _least_tokens(self, plan: ResolvedPlan, bounds: Sequence[MixBounds], replicas: float) -> float:
        """Output tokens of the replicas in a replication, at least: those of the shortest answers that must be good."""
        scenario = self._question.loaded.scenario
        if scenario.demand is not None or plan.plan.overflow is not None or plan.pool.images or plan.other_pools:
            return 0.0
        needed = [
            self._slo.attainment * max(bound.requests - self._unjudged(bound, plan, replicas), 0.0) for bound in bounds
        ]
        return min(float(np.interp(good, *curve)) for good, curve in zip(needed, self._outputs, strict=True))

    def _entrant(
        self, variation: Variation, plan: ResolvedPlan, bounds: Sequence[MixBounds], replicas: float
    ) -> Entrant:
        sizes, hardware = sizes_of(plan), self._hardware.of(variation, plan)
        pool = plan.pool
        return Entrant(
            name=plan.plan.name,
            bound_usd=self._least_usd(
                plan, self._least_replicas(plan, bounds, replicas), self._least_tokens(plan, bounds, replicas)
            )
            + self._prefill_usd(plan),
            chain=f"{variation.without(*SIZES, 'buy')} {pool.kinds}" if sizes else "",
            sizes=sizes,
            family=hardware.family,
            policy="" if isinstance(pool.scaling, Fixed) else variation.scaling_without(*SIZES),
            counts=counts_of(plan, replicas),
            hardware=hardware.name,
            outruns=self._hardware.outrun_by(hardware),
            nodes=_nodes(variation, plan),
            shares_nodes=pool.kinds[0].slots > 1,
            kind=pool.scaling.kind,
            spread=_FIXED_SPREAD if isinstance(pool.scaling, Fixed) else _SCALED_SPREAD,
            order=most_telling_first(self._question, plan),
            weights_bytes=plan.memory.weights_bytes,
        )

    def _least_replicas(self, plan: ResolvedPlan, bounds: Sequence[MixBounds], replicas: float) -> float:
        """Replicas that are paid on average, at least: those that are always there, or those that the work needs; of
        futures that of all but those which may miss the SLO, the ones with most.
        """
        needed = 0.0
        if _has_bounds(plan):
            by_replication = sorted(
                bound.least_replicas(self._slo.attainment, factor, unjudged=self._unjudged(bound, plan, replicas))
                for bound, factor in zip(bounds, plan.factors, strict=True)
            )
            demand = self._question.loaded.scenario.demand
            may_miss = misses_allowed(len(bounds), demand.risk) if demand else 0
            needed = fsum(by_replication[: len(bounds) - may_miss]) / len(bounds)
        return needed if may_lose_nodes(plan) else max(needed, always_there(plan))

    def _prefill_usd(self, plan: ResolvedPlan) -> float:
        """Cost a month of the nodes of a prefill side that are always there; without what both sides may share: disks,
        of which more may be cheaper, and commitments.
        """
        side = plan.prefill
        buy = None if side is None else side.plan.buy
        if side is None or may_lose_nodes(side) or not isinstance(buy, OnDemand) or buy.commitments:
            return 0.0
        without_disks = replace(side.pool, startup=replace(side.pool.startup, disk=0.0))
        return self._least_usd(replace(side, pool=without_disks), always_there(side), 0.0)

    def _least_usd(self, plan: ResolvedPlan, replicas: float, tokens: float) -> float:
        """Cost a month of so many replicas, with their disks and the fewest tokens that good requests can have."""
        options = zip((plan.plan.buy, *plan.plan.or_buy), plan.pool.kinds, strict=False)
        usd = min(self._usage_usd(plan, option, replicas / kind.slots, tokens) for option, kind in options)
        return usd * self._least_share(plan.plan, replicas / plan.pool.kinds[0].slots)

    def taken_by(self, plan: Plan) -> Taken:
        """Most that a plan of the same question takes at a time, by limit."""
        return self.limits.of_plans([resolved_plan(plan, self._question)]) if self.limits else ()

    def replica_usd(self, variation: Variation) -> float:
        """Cost a month of one replica of a plan, traffic left out."""
        return self._least_usd(self._resolved(variation), 1.0, 0.0)

    def replicas_per_node(self, variation: Variation) -> float:
        """Replicas of a plan that a node has room for."""
        return self._resolved(variation).pool.kinds[0].slots

    def part_of_limits(self, variation: Variation) -> Taken:
        """Part of each limit that one replica of a plan takes."""
        return self.limits.per_replica(self._resolved(variation))

    def _usage_usd(self, plan: ResolvedPlan, option: Any, nodes: float, tokens: float) -> float:
        key = f"{option} {nodes:.9g} {plan.pool.startup.disk} {tokens * plan.pool.response_bytes_per_token:.9g}"
        if key not in self._costs:
            usage = _flat_usage(nodes, self._question.horizon_s or 1.0, plan, tokens)
            try:
                self._costs[key] = costs_of(
                    [PurchasedNodes(usage=usage, buy=option)], self._question.loaded.catalog
                ).per_month_usd
            except InputError:
                self._costs[key] = 0.0
        return self._costs[key]


def _flat_usage(nodes: float, span_s: float, plan: ResolvedPlan, tokens: float) -> LedgerUsage:
    """So many nodes from start to end; a part of one for that part of the time. In which of several months they are
    there, and thus the tiers of disks and of what they send out, is not known: both then count nothing.
    """
    several = has_months(span_s)
    ends = [span_s] * int(nodes) + [span_s * (nodes % 1.0)] * (nodes % 1.0 > 1e-9)
    count, slots = len(ends), plan.pool.kinds[0].slots * plan.pool.accelerators_per_replica
    columns = [["pool"] * count, list(range(count)), [0] * count, [0.0] * count, ends]
    table = pa.table([pa.array(column, kind.type) for column, kind in zip(columns, NODES, strict=True)], schema=NODES)
    return LedgerUsage(
        horizon_s=span_s,
        slots_per_node=slots,
        nodes=table,
        slot_seconds={"idle": fsum(ends) * slots},
        disk_gb_per_node=0.0 if several else plan.pool.startup.disk,
        gb_out=0.0 if several else tokens * plan.pool.response_bytes_per_token / 1e9,
    )


def _mix(arrivals: Arrivals, replication: int, images: Sequence[ImageTime] = ()) -> RequestMix:
    """Tokens of the requests of a replication; of images their time."""
    requests = arrivals.of(replication)
    batches = as_work(requests, images) if images else requests
    return RequestMix.of_batches((batch.prompt_tokens, batch.output_tokens) for batch in batches)


def _has_bounds(plan: ResolvedPlan) -> bool:
    """True if the bounds of a replica know its load; a prefill elsewhere, other pools and a cache of prefixes take some
    of it.
    """
    return plan.prefill is None and plan.pool.prefix_cache is None and not plan.other_pools


def _nodes(variation: Variation, plan: ResolvedPlan) -> str:
    """Nodes of a plan and how they are bought; empty where more replicas may cost less, or nodes be lost."""
    apart = plan.prefill is not None or plan.other_pools or plan.plan.or_buy or plan.plan.overflow is not None
    if apart or may_lose_nodes(plan) or not isinstance(plan.plan.buy, OnDemand):
        return ""
    return f"{variation.without('scaling')} {plan.pool.kinds}"
