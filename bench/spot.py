"""A spot study of 10,000 runs: five policies from 2,000 starts along a public availability trace.

python bench/spot.py [--json]
"""

import argparse
import json
from typing import Any

import measure

STARTS = 2000
TRACE = "availability/1-node/aws-10-26-2022/us-west-2b_v100_8"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--part", choices=("study",), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        print(json.dumps(study()))
        return
    measure.in_process(__file__, "--part", "study")  # compiles
    found = measure.in_process(__file__, "--part", "study")
    document = {
        "name": "spot",
        "work": f"{found['runs']:,} runs of 48 h of work within 60 h, ticks of 10 min",
        **{key: found[key] for key in ("cpu_s", "wall_s", "rss_bytes", "work_cpu_s")},
        "per_cpu_s": found["runs"] / found["cpu_s"],
    }
    measure.show(document, options)


def study() -> dict[str, Any]:
    from simcost.plan.spot import Greedy, SpotOnly, SpotPolicy, TimeSliced, UniformProgress
    from simcost.studies.spot.study import spot_study
    from simcost.trace.spot import read_availability

    traces = read_availability(measure.SHARED / "data" / "spot_availability_rle.csv.gz")
    zone = next(trace for trace in traces if trace.name == TRACE)
    policies: list[SpotPolicy] = [SpotOnly(), Greedy(), UniformProgress(), TimeSliced(slices=4)]
    start = measure.cpu_s()
    document = spot_study(
        [zone],
        work_h=48,
        deadline_h=60,
        changeover_h=0.2,
        policies=policies,
        od_usd_per_h=3.06,
        spot_usd_per_h=0.918,
        starts=STARTS,
    )
    return {"runs": STARTS * len(document.policies), "work_cpu_s": measure.cpu_s() - start}


if __name__ == "__main__":
    main()
