"""Files that a scenario names and that a run would refuse to open: the same readers, before anything is simulated.

Of stored traces only the footer is read, whatever their size; of other files what a run reads, up to `WHOLE_BYTES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simcost.catalog import Catalog
from simcost.errors import Fault, FaultsError, InputError
from simcost.plan.interruptions import SpotTrace
from simcost.scenario.files.faults import fault_at
from simcost.scenario.files.nodes import YamlNode, items
from simcost.scenario.schema.demand import Demand
from simcost.scenario.schema.jobs import JobLog, OnNodes, OnSpot
from simcost.scenario.schema.scenario import Plan, Scenario
from simcost.tables.paths import inside
from simcost.trace.workload.closed import ClosedWorkload
from simcost.trace.workload.spec import AdapterColumn, RecordedWorkload, Stream, Synthetic
from simcost.units import NS_PER_S

if TYPE_CHECKING:
    from simcost.trace.series.series import Series

WHOLE_BYTES = 2_000_000
"""Up to which a file is read as a whole; larger ones are left to the run, so that a check stays short."""


def input_faults(scenario: Scenario, root: YamlNode, catalog: Catalog, folder: Path, file: str) -> Iterator[Fault]:
    """Faults of the files and the date that a sound scenario names, at the places that name them."""
    if (starts := scenario.starts) is not None:
        from simcost.scenario.inputs.control import utc_s

        yield from _refused(root.get("starts") or root, file, lambda: utc_s(starts))
    if scenario.workload:
        all_read = True
        for workload, node in zip(scenario.workload, _several(root.get("workload")), strict=True):
            if isinstance(workload, RecordedWorkload):
                unread = list(_trace_faults(node.get("path"), folder, file))
                if unread:
                    all_read = False
                    yield from unread
                    continue
                yield from _adapter_faults(workload, node, folder, file)
                yield from _tenant_faults(workload, node, folder, file)
                continue
            yield from _trace_faults(_below(node, "lengths", "trace"), folder, file)
            if isinstance(workload, ClosedWorkload):
                continue
            yield from _stream_faults(workload.clients, node.get("clients"), folder, file)
            yield from _shape_faults(workload, scenario.horizon, node, file)
        if all_read:
            yield from _length_faults(scenario, root, folder, file)
    if scenario.demand is not None:
        yield from _demand_faults(scenario.demand, root.get("demand"), folder, file)
    if scenario.jobs is not None:
        yield from _job_faults(scenario.jobs, root.get("jobs"), folder, file)
    for plan, node in zip(scenario.plans, items(root.get("plans")), strict=True):
        yield from _plan_faults(plan, node, catalog, folder, file)


def _trace_faults(node: YamlNode | None, folder: Path, file: str) -> Iterator[Fault]:
    """A file that is not a stored trace of requests."""
    if node is None or not isinstance(node.value, str):
        return
    from simcost.trace.requests.store import open_trace

    path = inside(folder, node.value)
    yield from _refused(node, file, lambda: open_trace(path))


def _adapter_faults(workload: RecordedWorkload, node: YamlNode, folder: Path, file: str) -> Iterator[Fault]:
    """A column of adapters that the trace lacks, or that names none or too many."""
    asked, place = workload.adapters, node.get("adapters")
    if not isinstance(asked, AdapterColumn) or place is None:
        return
    from simcost.trace.workload.adapters import adapter_numbers, check_adapter_column

    path = inside(folder, workload.path)
    lacking = list(_refused(place, file, lambda: check_adapter_column(asked, path)))
    yield from lacking
    if not lacking and _short(folder, workload.path):
        yield from _refused(place, file, lambda: adapter_numbers([workload], folder))


def _tenant_faults(workload: RecordedWorkload, node: YamlNode, folder: Path, file: str) -> Iterator[Fault]:
    """A column of tenants that the trace lacks, or that names others than the workload."""
    asked, place = workload.tenants, node.get("tenants")
    if asked is None or place is None:
        return
    from simcost.trace.workload.tenants import check_tenant_column, check_tenants

    check = check_tenants if _short(folder, workload.path) else check_tenant_column
    yield from _refused(place, file, lambda: check(workload, asked, folder))


def _length_faults(scenario: Scenario, root: YamlNode, folder: Path, file: str) -> Iterator[Fault]:
    """Traces without a length, and no horizon."""
    place, recorded = (
        root.get("workload"),
        [one for one in scenario.workload if isinstance(one, RecordedWorkload)],
    )
    if place is None or not recorded or scenario.horizon is not None:
        return
    from simcost.scenario.inputs.recorded_demand import horizon_of

    yield from _refused(place, file, lambda: horizon_of(scenario, folder))


def _shape_faults(workload: Synthetic, horizon_s: float | None, node: YamlNode, file: str) -> Iterator[Fault]:
    """A shape of days and weeks without requests in the time of the run."""
    shapes = (*(workload.daily or ()), *(workload.weekly or ()))
    if horizon_s is None or 0 not in shapes:
        return
    from simcost.trace.workload.shape import shape

    yield from _refused(node, file, lambda: shape(workload, round(horizon_s * NS_PER_S)))


def _stream_faults(streams: tuple[Stream, ...], node: YamlNode | None, folder: Path, file: str) -> Iterator[Fault]:
    """Traces that streams draw from, and that are none, or have no conversations where these are drawn."""
    for stream, place in zip(streams, _several(node), strict=False):
        for name in ("gaps", "lengths"):
            yield from _trace_faults(_below(place, name, "trace"), folder, file)
        sessions = _below(place, "sessions", "trace")
        if sessions is not None and stream.sessions is not None and stream.sessions.trace is not None:
            from simcost.trace.synthesis.sessions import recorded

            named = inside(folder, stream.sessions.trace)
            yield from _refused(sessions, file, lambda named=named: recorded(named))  # type: ignore[misc]


def _demand_faults(demand: Demand, node: YamlNode | None, folder: Path, file: str) -> Iterator[Fault]:
    """A history that cannot be read or counts something else, days of no shape, events that do not suit it, and traces
    that requests are drawn from.
    """
    place = None if node is None else node.get("history")
    if node is None or place is None:
        return
    yield from _stream_faults(demand.requests, node.get("requests"), folder, file)
    yield from _growth_faults(demand, node, file)
    if _short(folder, demand.history):
        from simcost.scenario.inputs.forecast_demand import day_shapes, history_of

        read: list[Series] = []
        yield from _refused(place, file, lambda: read.append(history_of(demand, folder)[0]))
        if read:
            [series] = read
            hours = node.get("hours") or place
            yield from _refused(hours, file, lambda: day_shapes(demand, series, folder))
            yield from _event_faults(demand, series, node, file)


def _event_faults(demand: Demand, series: Series, node: YamlNode, file: str) -> Iterator[Fault]:
    """Events of another series, and calendars of no known holidays."""
    from simcost.forecast.events.findings import check_event

    for event, place in zip(demand.events, items(node.get("events")), strict=True):
        yield from _refused(place, file, lambda event=event: check_event(event, [series]))  # type: ignore[misc]


def _growth_faults(demand: Demand, node: YamlNode, file: str) -> Iterator[Fault]:
    """Growth that is both measured and stated, or stated without an event of it."""
    ahead, events = node.get("forecast"), [event.name for event in demand.events if event.kind == "growth"]
    asked = ahead.get("growth") if ahead is not None else None
    if asked is None:
        return
    if demand.forecast.growth == "measured" and events:
        message = f"measured, and event {events[0]!r} states growth, which would count twice; leave one of them out"
        yield fault_at(asked, message, file)
    if demand.forecast.growth == "stated" and not events:
        message = "stated, but no event of kind growth is in demand.events; add one, or write none"
        yield fault_at(asked, message, file)


def _job_faults(log: JobLog, node: YamlNode | None, folder: Path, file: str) -> Iterator[Fault]:
    """A log that cannot be read as one of jobs."""
    place = None if node is None else node.get("path")
    if place is None or not _short(folder, log.path):
        return
    from simcost.scenario.inputs.job_demand import read_log

    yield from _refused(place, file, lambda: read_log(log, folder))


def _plan_faults(plan: Plan, node: YamlNode, catalog: Catalog, folder: Path, file: str) -> Iterator[Fault]:
    """Lists of nodes and recorded spot nodes, of jobs and of requests."""
    training, troubles = node.get("training"), plan.interruptions
    if isinstance(plan.training, OnNodes | OnSpot) and training is not None:
        from simcost.scenario.inputs.clusters import find_clusters

        on_nodes = isinstance(plan.training, OnNodes)
        place = training.get("nodes" if on_nodes else "spot") or training
        yield from _refused(place, file, lambda: find_clusters([plan], catalog, folder))
    if troubles is not None and isinstance(troubles.spot, SpotTrace):
        from simcost.scenario.inputs.control import zone_capacity

        asked, place = troubles.spot, _below(node, "interruptions", "spot") or node
        yield from _refused(place, file, lambda: zone_capacity(asked, folder))


def _refused(node: YamlNode, file: str, opened: Callable[[], Any]) -> Iterator[Fault]:
    """The first fault of what a file is opened for, and how many more there are."""
    try:
        opened()
    except FaultsError as error:
        more = f"; and {len(error.faults) - 1:,} faults more" if len(error.faults) > 1 else ""
        yield fault_at(node, f"{error.faults[0]}{more}", file)
    except (InputError, OSError, ValueError) as error:
        yield fault_at(node, str(error), file)


def _short(folder: Path, name: str) -> bool:
    return inside(folder, name).stat().st_size <= WHOLE_BYTES


def _below(node: YamlNode | None, *keys: str) -> YamlNode | None:
    for key in keys:
        node = None if node is None else node.get(key)
    return node


def _several(node: YamlNode | None) -> list[YamlNode]:
    """The items of a list, or the one that stands in place of it."""
    return items(node) or ([] if node is None else [node])
