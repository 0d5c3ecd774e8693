"""Kinds of actions on a plan that serves requests with a fleet of its own, those of the least effort first."""

from __future__ import annotations

from collections.abc import Iterator

from simcost.errors import InputError
from simcost.plan.routing.endpoint_picker import EndpointPicker
from simcost.scenario.checks.prefix_cache_checks import share_prefixes
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.scenario.schema.scenario import Plan
from simcost.studies.advising.hardware_kinds import hardware_kinds, model_kinds
from simcost.studies.advising.kinds import ActionKind, Partial, fleets_of, routers_of, sizes_of
from simcost.studies.advising.purchase_kinds import commitment_kinds, most_nodes, region_kinds, spot_kinds

LIMITS = (0.5, 0.75, 1.5, 2.0, 3.0)
"""Of the requests that a replica has at a time."""
SATURATED = (0.05, 0.15, 0.3, 0.6)
"""Shares of the KV cache in use above which batch work waits."""


def request_kinds(
    loaded: LoadedScenario, plan: Plan, spot_per_node_h: float | None, *, bounded: bool = True
) -> Iterator[ActionKind]:
    """The kinds of actions that a plan can have.

    Args:
        loaded: the scenario, of one pool or one service.
        plan: the plan.
        spot_per_node_h: interruptions of a spot node an hour; None = spot is not tried.
        bounded: True if bounds of capacity exclude plans without simulation, so that all hardware may be tried.
    """
    catalog = loaded.catalog
    yield from sizes_of(plan)
    yield from routers_of(plan)
    yield from region_kinds(plan, loaded)
    yield from commitment_kinds(plan, catalog, most_nodes(plan, catalog))
    yield from spot_kinds(plan, catalog, spot_per_node_h)
    yield from hardware_kinds(loaded, plan, bounded=bounded)
    yield from model_kinds(loaded, plan, bounded=bounded)
    yield from _prefixes(loaded, plan)
    yield from _deferred(loaded, plan)
    yield from _overflowing(plan)


def _prefixes(loaded: LoadedScenario, plan: Plan) -> Iterator[ActionKind]:
    """A cache of prefixes, where requests say what they share."""
    if plan.prefix_cache or plan.pools or plan.batching.prefill == "whole" or plan.batching.window:
        return
    try:
        why = "" if share_prefixes(loaded.scenario, loaded.folder) else "requests do not say what they share"
    except InputError as error:
        why = str(error)
    if why:
        yield ActionKind(name="prefix cache", effort="low", why=why)
        return
    cached: list[Partial] = [{"prefix_cache": True}]
    yield ActionKind(name="prefix cache", effort="low", dimensions=(cached, fleets_of(plan)), sizes="own")


def _overflowing(plan: Plan) -> Iterator[ActionKind]:
    """Another number of requests that a replica takes before others answer what is more."""
    limit = plan.admission.max_ongoing
    if plan.overflow is None or limit is None or plan.pools:
        return
    limits: list[Partial] = [{"admission": {"max_ongoing": max(round(limit * factor), 1)}} for factor in LIMITS]
    yield ActionKind(name="limit before overflow", effort="very low", dimensions=(limits, fleets_of(plan)), sizes="own")


def _deferred(loaded: LoadedScenario, plan: Plan) -> Iterator[ActionKind]:
    """Batch work that is shifted to idle times: requests of negative priority wait at the gateway until then."""
    name = "batch work when idle"
    streams = (
        loaded.scenario.demand.requests if loaded.scenario.demand is not None else loaded.scenario.open_workloads()
    )
    if plan.admission.saturation is not None or not streams:
        return
    clients = [client for stream in streams for client in getattr(stream, "clients", ())]
    if all((one.priority or 0) >= 0 for one in (*streams, *clients)):
        yield ActionKind(name=name, effort="low", why="no stream of requests has a priority below 0")
        return
    picker: Partial = {}
    if not isinstance(plan.router, EndpointPicker):
        scorers: list[Partial] = [{"scorer": "queue"}, {"scorer": "kv-cache-utilization"}]
        picker = {"router": {"kind": "endpoint-picker", "scorers": scorers}}
    gates: list[Partial] = [
        {"admission": {"saturation": {"queue": 1, "kv": kv, "then": "defer"}}} | picker for kv in SATURATED
    ]
    yield ActionKind(name=name, effort="low", dimensions=(gates, fleets_of(plan)), sizes="own")
