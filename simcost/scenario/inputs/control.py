"""The control of a plan, from what its scenario says: policy, nodes and interruptions as the simulator takes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time
from math import isnan, nan
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from simcost.billing import Spot
from simcost.errors import InputError
from simcost.plan import Admission, Scaling
from simcost.plan.autoscaling import Chain, DynamoPlanner, Predictive
from simcost.plan.autoscaling.dynamo import Role
from simcost.plan.autoscaling.simple import Schedule
from simcost.plan.autoscaling.wva import of_replicas
from simcost.plan.interruptions import Interruptions, SpotCapacity, SpotHazard, SpotTrace, ZoneCapacity
from simcost.plan.nodes import Nodes
from simcost.plan.routing import EndpointPicker, Router
from simcost.scenario.checks.manifest_references import manifest_of, nodes_in, not_simulated, policy_in, recorded_start
from simcost.scenario.checks.routing_checks import (
    differing,
    door_of,
    limited,
    reads_prompt_prefixes,
    router_in,
    unrouted,
)
from simcost.scenario.inputs.closed_clients import ClosedClientDemand
from simcost.scenario.inputs.file_hashes import hashes
from simcost.scenario.inputs.forecast_demand import ForecastDemand
from simcost.scenario.inputs.gateway_notes import gateway_notes
from simcost.scenario.inputs.policy_notes import policy_notes
from simcost.scenario.inputs.recorded_demand import RecordedDemand
from simcost.scenario.schema.scaling import FollowForecast, FromManifest
from simcost.tables.paths import inside
from simcost.trace.series.local_time import offsets
from simcost.units import format_seconds

if TYPE_CHECKING:
    from simcost.scenario.manifests import Manifest
    from simcost.scenario.schema.loaded_scenario import LoadedScenario
    from simcost.scenario.schema.scenario import Plan
    from simcost.trace.spot import Ints

_NO_REUSE = "The router looks at prefixes; without `prefix_cache` engines do not reuse them: hits save nothing."
_NO_SPOT = "Spot interruptions take no node back: none is bought on spot."
_BID = "Recorded spot prices say when nodes are above the bid, and are taken back; what is paid is the price of `buy`."


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """Control of the fleet of a plan."""

    scaling: Scaling
    nodes: Nodes
    router: Router
    admission: Admission
    interruptions: Interruptions | None
    starts_utc_s: float
    notes: tuple[str, ...] = ()
    """Notes on how it was read."""
    inputs: dict[str, str] = field(default_factory=dict)
    """SHA-256 of each file by its name in the scenario."""


def control_of(
    plan: Plan, loaded: LoadedScenario, source: RecordedDemand | ForecastDemand | ClosedClientDemand
) -> Control:
    """Read the manifests and traces of a plan, and look ahead where it does.

    Raises: FaultsError: faults of a manifest.
        InputError: a trace that cannot be read or has no such zone, or a date that is none.
    """
    catalog, folder = loaded.catalog, loaded.folder
    notes: list[str] = []
    names: list[str] = []
    manifests: list[Manifest] = []
    scaling, nodes = plan.scaling, plan.nodes
    if isinstance(scaling, FromManifest):
        manifest = manifest_of(scaling, folder, catalog)
        notes += filter(None, [not_simulated(manifest)])
        names.append(scaling.path)
        manifests.append(manifest)
        scaling = policy_in(manifest, scaling)
    elif isinstance(scaling, FollowForecast):
        notes += _blind(scaling, source)
        scaling = _ahead(scaling, plan, loaded, source)
    if isinstance(nodes, FromManifest):
        manifest = manifest_of(nodes, folder, catalog)
        notes += filter(None, [not_simulated(manifest)])
        names.append(nodes.path)
        nodes = nodes_in(manifest, nodes)
    router = plan.router
    if isinstance(router, FromManifest):
        manifest = manifest_of(router, folder, catalog)
        names.append(router.path)
        manifests.append(manifest)
        router, said = _picker(manifest, router, source)
        notes += said
    if reads_prompt_prefixes(router) and not plan.prefix_cache:
        notes.append(_NO_REUSE)
    door, said = door_of(plan, manifests)
    notes += [*said, *differing(plan, manifests)]
    router, door = limited(router, door, plan)
    if isinstance(source, ClosedClientDemand) and door.max_wait is not None:
        raise InputError(
            f"plan {plan.name!r}: its endpoint picker limits how long requests wait (defaultRequestTTL), and in a "
            "closed workload only clients lose patience; take it out, or write a workload of another kind"
        )
    interruptions, traces = _interruptions(plan, folder)
    names += traces
    if scaling is None:
        raise InputError(f"plan {plan.name!r} has no scaling")
    scaling, differing_gpus = _of_replicas(scaling, plan, loaded)
    notes += [*differing_gpus, *policy_notes(scaling, plan), *gateway_notes(plan, router, door)]
    starts_s, said = _clock(scaling, loaded, source)
    return Control(
        scaling=scaling,
        nodes=nodes,
        router=router,
        admission=door,
        interruptions=interruptions,
        starts_utc_s=starts_s,
        notes=(*notes, *said),
        inputs=hashes(folder, names),
    )


def _interruptions(plan: Plan, folder: Path) -> tuple[Interruptions | None, list[str]]:
    """Interruptions of a plan with the capacity of its spot traces, and the names of these files."""
    interruptions = plan.interruptions
    if interruptions is None or not isinstance(interruptions.spot, SpotTrace):
        return interruptions, []
    names = [name for name in (interruptions.spot.path, interruptions.spot.prices) if name is not None]
    return replace(interruptions, spot=zone_capacity(interruptions.spot, folder)), names


def _of_replicas(scaling: Scaling, plan: Plan, loaded: LoadedScenario) -> tuple[Scaling, list[str]]:
    """The policy for the replicas of the plan, and a note where it is configured for others."""
    if plan.replica is None:
        return scaling, []
    name, accelerators = loaded.scenario.model_of(plan), plan.replica.accelerators
    context = None if name is None else loaded.catalog.model(name).context_tokens
    role: Role | None = "decode" if plan.disaggregation is not None else None
    scaling = of_replicas(scaling, accelerators=accelerators, context_tokens=context, role=role)
    planner = scaling.first if isinstance(scaling, Chain) else scaling
    if not isinstance(planner, DynamoPlanner) or planner.gpus == accelerators:
        return scaling, []
    note = (
        f"Its planner is configured for {planner.gpus} GPUs a replica, and a replica has {accelerators}: its budget is "
        "of the GPUs that it counts."
    )
    return scaling, [note]


def _picker(
    manifest: Manifest, asked: FromManifest, source: RecordedDemand | ForecastDemand | ClosedClientDemand
) -> tuple[EndpointPicker, list[str]]:
    """The endpoint picker of a manifest, and what of it is not simulated."""
    block = source.prefix_block_tokens if isinstance(source, RecordedDemand) else None
    said = filter(None, [not_simulated(manifest), unrouted(manifest, block)])
    return router_in(manifest, asked, block), list(said)


def _clock(
    scaling: Scaling, loaded: LoadedScenario, source: RecordedDemand | ForecastDemand | ClosedClientDemand
) -> tuple[float, list[str]]:
    """Seconds since 1970 of time 0, NaN where it has no date, and notes on calendars that begin at another time than
    the demand.
    """
    starts_s = utc_s(loaded.scenario.starts)
    if not isinstance(source, ForecastDemand):
        return starts_s, list(_timetable_notes(scaling, loaded))
    return source.starts_utc_s if isnan(starts_s) else starts_s, list(_clock_notes(scaling, starts_s, source))


def _timetable_notes(scaling: Scaling, loaded: LoadedScenario) -> Iterator[str]:
    """A timetable of a run that begins at another time than midnight: by `starts`, else by its trace."""
    if not isinstance(scaling, Schedule):
        return
    if (starts := loaded.scenario.starts) is not None:
        if datetime.fromisoformat(starts).time() != time.min:
            yield f"Its timetable takes the start of the run as midnight, though `starts` is {starts}."
        return
    by_day = any(getattr(workload, "daily", None) is not None for workload in loaded.scenario.workload)
    begins = "" if by_day else recorded_start(loaded.scenario, loaded.folder)
    if begins and datetime.fromisoformat(begins).time() != time.min:
        yield f"Its timetable takes the start of the run as midnight, though the trace begins at {begins}."


def _clock_notes(scaling: Scaling, starts_s: float, source: ForecastDemand) -> Iterator[str]:
    """Calendars that begin at another time than the demand."""
    begins = datetime.fromtimestamp(source.starts_utc_s, ZoneInfo(source.demand.timezone))
    if not isnan(starts_s) and starts_s != source.starts_utc_s:
        yield f"Calendars begin at `starts`; the demand begins at {begins.isoformat()}."
    if not isinstance(scaling, Schedule):
        return
    if (begins.hour, begins.minute, begins.second) != (0, 0, 0):
        yield f"Its timetable takes the start of the run as midnight; the demand begins at {begins.isoformat()}."
    ends_s, zone = source.starts_utc_s + source.horizon_s, source.demand.timezone
    changes_s = offsets(zone, np.array([source.starts_utc_s, ends_s], np.int64)).since
    for change_s in changes_s[(changes_s > source.starts_utc_s) & (changes_s < ends_s)][:1].tolist():
        day = datetime.fromtimestamp(change_s, ZoneInfo(zone)).date()
        yield (
            f"Its timetable counts days of 24 hours, and the clocks of {zone} change on {day}: from then on it is off "
            "the clock of the demand; cron triggers of kind keda follow a time zone."
        )


def utc_s(text: str | None) -> float:
    """Seconds since 1970 of a date and time, UTC where it says nothing else; NaN for none.

    Raises:
        InputError: it is not a date and time.
    """
    if text is None:
        return nan
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"{text!r} is not a date and time; write e.g. 2026-07-20T00:00:00Z") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def of_bought_nodes(control: Control, plan: Plan) -> Control:
    """The control with spot interruptions only where a plan, or a pool, may buy nodes on spot."""
    troubles, asked = control.interruptions, plan.interruptions
    if troubles is None or troubles.spot is None or asked is None:
        return control
    if not any(isinstance(option, Spot) for option in (plan.buy, *plan.or_buy)):
        kept = replace(troubles, spot=None, zones=troubles.zone_count)
        return replace(control, interruptions=kept, notes=(*control.notes, _NO_SPOT))
    bid = isinstance(asked.spot, SpotTrace) and asked.spot.bid is not None
    return replace(control, notes=(*control.notes, _BID)) if bid else control


def spot_rates(plans: Iterable[Plan]) -> list[float | None]:
    """Interruptions of a spot node an hour, of each pool of plans that may have such nodes: 0 = they are never taken
    back, None = as a recorded availability has it.
    """
    return [
        _rate(None if pool.interruptions is None else pool.interruptions.spot)
        for plan in plans
        for pool in plan.by_pool()
        if any(isinstance(option, Spot) for option in (pool.buy, *pool.or_buy))
    ]


def _rate(spot: SpotHazard | SpotTrace | SpotCapacity | None) -> float | None:
    if isinstance(spot, SpotHazard):
        return spot.per_node_h
    return 0.0 if spot is None else None


def zone_capacity(asked: SpotTrace, folder: Path) -> SpotCapacity:
    """The zones of a trace over the time that all are recorded, with nothing where the price is above the bid.

    Raises:
        InputError: a trace that cannot be read or has no such zone, or zones that are not recorded at the same time.
    """
    from simcost.trace.spot import read_availability, read_prices, with_prices

    traces = {one.name: one for one in read_availability(inside(folder, asked.path), exact=True)}
    prices = read_prices(inside(folder, asked.prices)) if asked.prices is not None else []
    if missing := [name for name in asked.zones if name not in traces]:
        raise InputError(f"{asked.path}: no trace {missing[0]!r}; there are {', '.join(list(traces)[:5])}")
    chosen = [traces[name] for name in asked.zones]
    latest_s = max(trace.start_s or 0.0 for trace in chosen)
    before_s = [latest_s - (trace.start_s or 0.0) for trace in chosen]
    span_s = min(trace.span_s - early_s for trace, early_s in zip(chosen, before_s, strict=True))
    if span_s <= 0:
        raise InputError(
            f"{asked.path}: {', '.join(asked.zones)} are not recorded at the same time; take zones that are"
        )
    zones = []
    for trace, early_s in zip(chosen, before_s, strict=True):
        nodes = trace.nodes * asked.scale
        if asked.bid is not None:
            priced = trace if asked.prices is None else with_prices(trace, prices)
            if priced.usd_per_h is None:
                raise InputError(
                    f"{asked.path}: {trace.name!r} has no prices for the bid; name a file of them in `prices`"
                )
            nodes = np.where(priced.usd_per_h <= asked.bid, nodes, 0)
        zones.append(_along(nodes, trace.gap_s, early_s, span_s))
    return SpotCapacity(zones=tuple(zones), span=span_s)


def _along(nodes: Ints, gap_s: float, early_s: float, span_s: float) -> ZoneCapacity:
    """Nodes at ticks as changes of a zone, from so long after its first tick on."""
    changes = np.flatnonzero(np.diff(nodes, prepend=-1))
    at_s = changes * gap_s - early_s
    first = int(np.searchsorted(at_s, 0.0, side="right")) - 1
    last = int(np.searchsorted(at_s, span_s))
    since = np.maximum(at_s[first:last], 0.0).tolist()
    return ZoneCapacity(since=tuple(since), nodes=tuple(int(one) for one in nodes[changes[first:last]]))


def _ahead(
    asked: FollowForecast,
    plan: Plan,
    loaded: LoadedScenario,
    source: RecordedDemand | ForecastDemand | ClosedClientDemand,
) -> Predictive:
    """The policy with the demand that it expects."""
    if isinstance(source, ForecastDemand):
        step_s = source.horizon_s / source.futures.shape[1]
        rates = np.quantile(source.futures, asked.quantile, axis=0) / step_s
    elif isinstance(source, ClosedClientDemand):
        raise InputError(f"plan {plan.name!r} follows a forecast, and a closed workload has no demand at set times")
    else:
        step_s, rates = asked.step, _a_season_before(asked, source)
    return Predictive(
        demand=tuple(np.round(rates, 9).tolist()),
        step_length=step_s,
        per_replica=asked.per_replica,
        lead=order_lead_s(asked, plan, loaded),
        min=asked.min,
        max=asked.max,
        reactive=True,
        interval=asked.interval,
    )


def _blind(asked: FollowForecast, source: RecordedDemand | ForecastDemand | ClosedClientDemand) -> Iterator[str]:
    """A run that ends within the first season, of which nothing is known ahead."""
    if isinstance(source, RecordedDemand) and source.horizon_s <= asked.season:
        length, season = format_seconds(source.horizon_s), format_seconds(asked.season)
        yield f"Its forecast knows nothing ahead: the run of {length} ends within the first season ({season})."


def order_lead_s(asked: FollowForecast, plan: Plan, loaded: LoadedScenario) -> float:
    """Time from ordering a replica until it is ready: as stated, or the cold start of the plan on a new node."""
    if asked.lead is not None:
        return asked.lead
    from simcost.perf import fit_memory

    catalog, name = loaded.catalog, loaded.scenario.model_of(plan)
    if plan.replica is None or name is None:
        raise InputError(f"plan {plan.name!r} serves no requests; give model and replica")
    model, accelerator = catalog.model(name), catalog.accelerator(plan.replica.accelerator)
    memory = fit_memory(model, accelerator, plan.replica, plan.batching.max_num_batched_tokens, catalog)
    return plan.startup.seconds(memory.weights_bytes, new_node=True)


def _a_season_before(asked: FollowForecast, source: RecordedDemand) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The quantile of the rates around the same time a season before, by step of the run; 0 in the first season."""
    steps = max(int(np.ceil(source.horizon_s / asked.step)), 1)
    counts = np.zeros(steps)
    for batch in source.batches(0):
        place = (batch.arrival_ns / 1e9 / asked.step).astype(np.int64)
        counts += np.bincount(place[place < steps], minlength=steps)
    rates, season, around = (
        counts / asked.step,
        round(asked.season / asked.step),
        round(asked.around / asked.step),
    )
    expected = np.zeros(steps)
    for now in range(season, steps):
        then = now - season
        expected[now] = np.quantile(rates[max(then - around, 0) : min(then + around + 1, now)], asked.quantile)
    return expected
