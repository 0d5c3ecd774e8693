"""A week of 44 million requests over up to 200 replicas that an HPA scales on scraped metrics, on spot nodes.

    python bench/fleet.py [--requests 44000000] [--replicas 200] [--json]

Every 15 s the metrics of all replicas are scraped and the HPA decides; new replicas start cold, spot nodes are taken
back with two minutes' notice, once in 20 hours each in the mean, and their requests move. The trace is that of
bench/week.py; writing it is not part of the measured work.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import measure
import week


def main() -> None:
    options = parse()
    if options.part:
        print(json.dumps(PARTS[options.part](options)))
        return
    _, run = week.in_parts(__file__, options, "requests", "replicas")
    document = {
        "name": "fleet",
        "work": f"{run['requests']:,} requests, {run['most_ready']} replicas at most, HPA each 15 s, spot",
        **run,
        **week.speed(run),
    }
    measure.show(document, options)


def simulate(options: argparse.Namespace) -> dict[str, Any]:
    from simcost.ledger.requests import LatencyLimits
    from simcost.plan import PowerOfTwo, Startup
    from simcost.plan.autoscaling import Hpa
    from simcost.plan.autoscaling.hpa import Behavior, Metric
    from simcost.plan.interruptions import Interruptions, SpotHazard
    from simcost.plan.startup import Varying
    from simcost.sim import Pool, simulate
    from simcost.trace.requests.store import read_batches

    running = Metric(type="Pods", name="running", target_type="AverageValue", target=options.target)
    scaling = Hpa(min=min(20, options.replicas), max=options.replicas, metrics=(running,), behavior=Behavior())
    pool = Pool(
        name="week",
        step=week.step_time(),
        kv_capacity_tokens=466_160,
        router=PowerOfTwo(),
        scaling=scaling,
        weights_bytes=16e9,
        startup=Startup(node=Varying(median=120, sigma=0.3), engine=Varying(median=90, sigma=0.2), storage=100e9),
        interruptions=Interruptions(zones=3, spot=SpotHazard(per_node_h=0.05, whole_zone=0.01)),
    )
    batches: Any = read_batches(Path(options.trace))
    if options.warm_up:
        batches = iter([next(batches)])
    ledger = simulate(pool, batches, horizon_s=week.WEEK_S, limits=LatencyLimits(ttft_s=0.5, tpot_s=0.05))
    got, events = ledger.outcomes, ledger.events["what"].to_pylist()
    good = sum(got.windows["good"].to_pylist())
    return {
        "requests": got.arrived,
        "completed": got.completed,
        "lost": got.lost,
        "requeued": got.requeued,
        "attainment": good / max(got.completed, 1),
        "replica_h": sum(ledger.replica_hours().values()),
        "most_ready": max(ledger.pulse["ready"].to_pylist()),
        "decisions": events.count("desired"),
        "cold_starts": events.count("started"),
        "interruptions": events.count("noticed"),
    }


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=44_000_000)
    parser.add_argument("--replicas", type=int, default=200)
    parser.add_argument("--target", type=float, default=1.05, help="requests running per replica")
    return week.parsed(parser, PARTS)


PARTS = {"synthesize": week.synthesize, "simulate": simulate}

if __name__ == "__main__":
    main()
