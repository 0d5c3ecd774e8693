"""One run of several services on nodes that they share -> a ledger of each, and of the nodes."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from math import lcm

import pyarrow as pa
import simpy

from simcost.errors import InputError
from simcost.ledger.requests import Ledger
from simcost.ledger.shared_nodes import SHARED, SharedLedger, parts_of_nodes
from simcost.plan.shared_nodes import SharedNodes
from simcost.sim.fleet import NodeScheduler
from simcost.sim.fleet.node_slots import Instance
from simcost.sim.serving.recorder import Recorder
from simcost.sim.serving.service_run import Service, ServiceRun, play


def simulate_services(
    services: Sequence[Service],
    nodes: SharedNodes,
    *,
    horizon_s: float,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> SharedLedger:
    """Replay the arrivals of each service against its replicas, all on the same nodes.

    A replica goes to the node with least room left that holds it, whatever runs there already; nodes are ordered for
    the sum of what is pending. The run is cut at the horizon as `simulate` cuts it.

    Args:
        services: the pools, their arrivals, priorities and quotas; names differ.
        nodes: the nodes that they share.
        horizon_s: length of the run.
        seed: for start-up times and interruptions of the nodes; each service has a seed of its own.
        progress: called with the share of the horizon played, now and then; may raise to stop the run.

    Raises:
        InputError: names that appear twice, replicas that fit on no node, step coefficients that no integer clock can
            hold.
        RunError: more requests in the system than can be held.
    """
    recorder, parts = Recorder(SHARED), _parts(services, nodes)
    scheduler = _scheduler(services, nodes, recorder, seed, parts)
    with ExitStack() as stack:
        runs = [
            ServiceRun(
                service,
                scheduler,
                Recorder(service.pool.name),
                stack,
                horizon_s=horizon_s,
                size=int(service.accelerators_per_replica * parts),
                quota=None if service.quota is None else service.quota * parts,
            )
            for service in services
        ]
        play([scheduler], horizon_s, progress)
    tables = recorder.tables()
    return SharedLedger(
        horizon_s=horizon_s,
        accelerators=tuple(kind.slots for kind in nodes.kinds),
        nodes=tables["nodes"],
        events=tables["events"],
        services=_ledgers(runs, tables["nodes"], nodes),
        disk_gb_per_node=nodes.startup.disk,
    )


def _scheduler(
    services: Sequence[Service], nodes: SharedNodes, recorder: Recorder, seed: int, parts: int
) -> NodeScheduler:
    """The nodes, with slots that are parts of an accelerator."""
    return NodeScheduler(
        simpy.Environment(),
        replace(nodes, kinds=tuple(replace(kind, slots=kind.slots * parts) for kind in nodes.kinds)),
        recorder,
        seed,
        accelerators_per_slot=Fraction(1, parts),
        parts=parts,
        instances=_instances(services, parts),
    )


def _ledgers(runs: list[ServiceRun], shared: pa.Table, nodes: SharedNodes) -> dict[str, Ledger]:
    """The ledger of each service, by name. Each run is let go once it has been read: its histograms are large."""
    ledgers = {}
    while runs:
        run = runs.pop(0)
        own = run.recorder.tables(run.plane.notes)
        own["nodes"] = parts_of_nodes(own["replicas"], shared)
        ledgers[run.service.pool.name] = run.ledger(own, (1,) * len(nodes.kinds), nodes.startup.disk)
    return ledgers


def _instances(services: Sequence[Service], parts: int) -> dict[int, Instance]:
    """MIG instances by the parts of an accelerator that they take."""
    found, names = dict[int, Instance](), dict[int, str]()
    for service in services:
        if (slice_ := service.pool.slice) is None or not slice_.width or slice_.part == 1:
            continue
        size = int(service.accelerators_per_replica * parts)
        other = names.setdefault(size, slice_.name)
        if other != slice_.name:
            raise InputError(
                f"service {service.pool.name!r}: MIG instances {slice_.name} and {other} have the same processors and "
                "cannot be told apart on shared nodes; take one of them, or give the service a `buy` of its own"
            )
        found[size] = Instance(slice_.width, slice_.starts)
    return found


def _parts(services: Sequence[Service], nodes: SharedNodes) -> int:
    """Parts that an accelerator is counted in, so that each replica takes a whole number of them."""
    largest, names = max(kind.slots for kind in nodes.kinds), [service.pool.name for service in services]
    for service in services:
        name, takes = service.pool.name, service.accelerators_per_replica
        if names.count(name) > 1:
            raise InputError(f"service {name!r} appears twice; give each a name of its own")
        if takes <= 0 or (takes > 1 and takes.denominator > 1):
            raise InputError(
                f"service {name!r}: a replica takes {takes} accelerators; it can take a whole number, or a part of one"
            )
        if takes > largest:
            raise InputError(
                f"service {name!r}: a replica takes {takes} accelerators, the largest node has {largest}; order a "
                "larger instance, or split the model over fewer"
            )
    return lcm(*(service.accelerators_per_replica.denominator for service in services))
