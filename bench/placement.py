"""Cost of gangs on nodes: the Philly pools of Helios, FGD's packing experiment, placements on 1,500 nodes.

    python bench/placement.py [--json]

Measured for comparison, on one core: HeliosArtifact places 313 jobs per CPU second in the first of them.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import measure
import numpy as np

from simcost.plan.scheduling import (
    BestFit,
    Consolidate,
    Fgd,
    FifoSkip,
    FifoStrict,
    OnNodes,
    Random,
    Spread,
    Topology,
)
from simcost.sim.jobs.packing import pack
from simcost.sim.jobs.simulate_on_nodes import schedule_on_nodes
from simcost.trace.jobs.jobs import Jobs
from simcost.trace.jobs.nodes import NodeTable, read_nodes
from simcost.trace.jobs.reader import read_jobs

DATA = measure.SHARED / "data"
PLACEMENTS: tuple[OnNodes, ...] = (Consolidate(), Spread(), Random(), BestFit(), Fgd())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not (DATA / "philly_jobs.csv.gz").exists():
        print('{"name": "placement", "skipped": "no reference data"}')
        return
    since = time.monotonic(), measure.cpu_s()
    parts = {**on_philly(), **packing(), **on_1500_nodes()}
    count = sum(part["placements"] for part in parts.values())
    work = {"name": "placement", "work": f"{count} placements, and compiling"}
    measure.show({**work, **measure.account(since, count), **parts}, options)


def timed(count: int, work: Callable[[], object]) -> dict[str, Any]:
    """Cost of the second call: the first one compiles."""
    work()
    before = measure.cpu_s()
    work()
    used_s = measure.cpu_s() - before
    return {"placements": count, "cpu_s": used_s, "per_cpu_s": count / used_s}


def on_philly() -> dict[str, Any]:
    nodes = read_nodes(DATA / "philly_vc_nodes.csv")
    found = {}
    for window_s, by in ((1_209_600, 4), (5_270_340, 1)):
        fewer = nodes.divided(by)
        jobs, _ = read_jobs(DATA / "philly_jobs.csv.gz", pools=nodes.pool_gpus, since="2017-10-01", window_s=window_s)
        found[f"philly, nodes / {by}"] = timed(
            len(jobs), partial(schedule_on_nodes, jobs, fewer, FifoStrict(), Consolidate())
        )
    return found


def packing() -> dict[str, Any]:
    pods, nodes = (
        read_jobs(DATA / "openb_pod_list_default.csv")[0],
        read_nodes(DATA / "openb_node_list_gpu_node.csv"),
    )
    count = pack(pods, nodes, Fgd())["pods"]
    return {f"openb, {placement.kind}": timed(count, partial(pack, pods, nodes, placement)) for placement in PLACEMENTS}


def on_1500_nodes() -> dict[str, Any]:
    """Jobs of all sizes that come and go, on nodes of 8 GPUs that are nearly full; some wait."""
    jobs, nodes = busy(), eights(1500)
    return {
        f"1,500 nodes, {placement.kind}": timed(
            len(jobs), partial(schedule_on_nodes, jobs, nodes, FifoSkip(), placement)
        )
        for placement in (*PLACEMENTS, Topology())
    }


def busy() -> Jobs:
    rng = np.random.default_rng(0)
    count = 50_000
    gpus = rng.choice([1, 1, 1, 1, 2, 4, 8, 16, 32], count)
    duration = rng.lognormal(7, 1, count).astype(int) + 1
    submit = np.sort(rng.uniform(0, gpus @ duration / 12_000 / 0.95, count)).astype(int)
    milli = np.where((gpus == 1) & (rng.random(count) < 0.4), 500, 1000)
    return Jobs.of(submit_s=submit, duration_s=duration, gpus=gpus, gpu_milli=milli)


def eights(count: int) -> NodeTable:
    """Nodes of 8 GPUs, nine of them in an NVLink domain, four domains in a rack."""
    none = np.zeros(count, np.int64)
    names = tuple(f"n{i:04}" for i in range(count))
    return NodeTable(
        names=names,
        gpus=none + 8,
        cpu_milli=none,
        memory_mib=none,
        pool=none,
        gpu_type=none,
        pools=("",),
        domain=np.arange(count) // 9,
        rack=np.arange(count) // 36,
    )


if __name__ == "__main__":
    main()
