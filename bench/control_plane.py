"""Time that an autoscaler which samples 200 replicas every 15 s for a week adds to a simulation.

    python bench/control_plane.py [--json]

Both runs serve the same light load on 200 replicas; one never looks, the other looks 40,320 times and always finds
200 replicas right. The difference is the control plane.
"""

import argparse
import json
from typing import Any

import measure

WEEK_S = 7 * 86400.0
REPLICAS = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--part", choices=("never", "looking"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        print(json.dumps(run(looking=options.part == "looking")))
        return
    measure.in_process(__file__, "--part", "never")  # compiles and caches the kernel
    never, looking = (measure.in_process(__file__, "--part", part) for part in ("never", "looking"))
    document = {
        "name": "control_plane",
        "work": f"{looking['looks']:,} looks at {REPLICAS} replicas",
        **{key: looking[key] for key in ("cpu_s", "wall_s", "rss_bytes")},
        "cpu_s_without": never["cpu_s"],
        "added_cpu_s": looking["work_cpu_s"] - never["work_cpu_s"],
        "per_cpu_s": looking["looks"] / (looking["work_cpu_s"] - never["work_cpu_s"]),
    }
    measure.show(document, options)


def run(*, looking: bool) -> dict[str, Any]:
    import numpy as np

    from simcost.perf import StepTime
    from simcost.plan import Fixed, RoundRobin, Scaling, TargetConcurrency
    from simcost.sim import Pool, simulate
    from simcost.trace.requests.batch import RequestBatch

    count = 200_000
    times = np.linspace(0, WEEK_S * 1e9, count, endpoint=False).astype(np.int64)
    batch = RequestBatch(times, np.full(count, 500, np.int32), np.full(count, 100, np.int32))
    step = StepTime(
        a_s=6e-3,
        b_s_per_token=16e-6,
        c_s_per_sequence=13e-6,
        d_s_per_token=42e-9,
        q_s_per_pair=0.0,
        provenance="given",
        source="bench",
        sigma=0.0,
    )
    scaling: Scaling = Fixed(replicas=REPLICAS)
    if looking:
        scaling = TargetConcurrency(target=10, min=REPLICAS, max=REPLICAS)
    pool = Pool(name="p", step=step, kv_capacity_tokens=400_000, scaling=scaling, router=RoundRobin())
    start = measure.cpu_s()
    simulate(pool, iter([batch]), horizon_s=WEEK_S)
    return {"looks": int(WEEK_S / 15), "work_cpu_s": measure.cpu_s() - start}


if __name__ == "__main__":
    main()
