"""A week of 20 services with an HPA each on the same nodes: 44 million requests in all.

    python bench/services.py [--services 20] [--requests 44000000] [--json]

Replicas take one, two or four accelerators of nodes with eight, which Karpenter orders, and consolidates where nothing
has moved for 10 minutes (not at once, as its default is). Every 15 s the metrics of each service are scraped and its
HPA decides. All services replay the trace of bench/week.py with their part of the requests; writing it is not part of
the measured work.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import measure
import week

QUIET_S = 600.0
"""Since a replica last came or went on a node, before Karpenter consolidates it."""


def main() -> None:
    options = parse()
    if options.part:
        print(json.dumps(PARTS[options.part](options)))
        return
    _, run = week.in_parts(__file__, options, "requests", "services")
    document = {
        "name": "services",
        "work": f"{run['requests']:,} requests, {options.services} services, an HPA each 15 s, shared nodes",
        **run,
        **week.speed(run),
    }
    measure.show(document, options)


def synthesize(options: argparse.Namespace) -> dict[str, Any]:
    options.requests //= options.services
    return week.synthesize(options)


def simulate(options: argparse.Namespace) -> dict[str, Any]:
    from simcost.ledger.requests import LatencyLimits
    from simcost.plan import PowerOfTwo, Startup
    from simcost.plan.autoscaling import Hpa
    from simcost.plan.autoscaling.hpa import Behavior, Metric
    from simcost.plan.nodes import NodeKind, NodePool
    from simcost.plan.shared_nodes import SharedNodes
    from simcost.sim import Pool, Service, simulate_services
    from simcost.trace.requests.store import read_batches

    running = Metric(type="Pods", name="running", target_type="AverageValue", target=options.target)

    def service(number: int) -> Service:
        batches: Any = read_batches(Path(options.trace))
        pool = Pool(
            name=f"service-{number}",
            step=week.step_time(),
            kv_capacity_tokens=466_160,
            router=PowerOfTwo(),
            scaling=Hpa(min=1, max=40, metrics=(running,), behavior=Behavior()),
            weights_bytes=16e9,
            accelerators_per_replica=2 ** (number % 3),
            startup=Startup(engine=90),
        )
        return Service(
            pool=pool,
            arrivals=iter([next(batches)]) if options.warm_up else batches,
            limits=LatencyLimits(ttft_s=0.5, tpot_s=0.05),
            seed=number,
            priority=number % 2,
        )

    rules = NodePool(instance_types=("gpu-8",), consolidate_after=QUIET_S)
    nodes = SharedNodes(kinds=(NodeKind(slots=8),), rules=rules)
    horizon_s = week.WEEK_S / 100 if options.warm_up else week.WEEK_S
    shared = simulate_services([service(number) for number in range(options.services)], nodes, horizon_s=horizon_s)
    ledgers = shared.services.values()
    seconds = shared.accelerator_seconds()
    return {
        "requests": sum(ledger.outcomes.arrived for ledger in ledgers),
        "completed": sum(ledger.outcomes.completed for ledger in ledgers),
        "nodes": len(shared.nodes),
        "accelerator_h": sum(seconds.values()) / 3600,
        "unallocated_share": seconds["unallocated"] / sum(seconds.values()),
        "cold_starts": sum(ledger.events["what"].to_pylist().count("started") for ledger in ledgers),
        "decisions": sum(ledger.events["what"].to_pylist().count("desired") for ledger in ledgers),
    }


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=44_000_000, help="of all services together")
    parser.add_argument("--services", type=int, default=20)
    parser.add_argument("--target", type=float, default=4.0, help="requests running per replica")
    return week.parsed(parser, PARTS)


PARTS = {"synthesize": synthesize, "simulate": simulate}

if __name__ == "__main__":
    main()
