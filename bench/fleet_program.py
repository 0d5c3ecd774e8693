"""Fleet program of 12 shapes, 5 buckets, 168 hours and 20 paths: time, bound and gap by the number of its points.

python bench/fleet_program.py [--json] [--points 96]
"""

import argparse
import time

import measure
import numpy as np

from simcost.compare.fleet_program import cheapest_fleet
from simcost.compare.fleets import DemandPoints, FleetAim, FleetLimit, FleetPurchase, FleetShape

SHAPES, BUCKETS, HOURS, PATHS = 12, 5, 168, 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--points", type=int, default=96)
    parser.add_argument("--weight", type=float, default=0.0, help="of the mean over the worst 5 per cent of the paths")
    options = parser.parse_args()
    shapes, demand = program()
    limit = FleetLimit(
        coefficients={
            (s.name, purchase.name): (purchase.name == "spot") - 0.3 for s in shapes for purchase in s.purchases
        },
        most=0.0,
    )
    aim = FleetAim(whole=False, overflow_usd=(1.0, 2.0, 6.0, 12.0, 30.0), limits=(limit,), weight=options.weight)
    since = time.monotonic(), measure.cpu_s()
    found = cheapest_fleet(shapes, demand, aim, points=options.points)
    assert found is not None
    work = {
        "name": "fleet_program",
        "work": f"{SHAPES} shapes, {BUCKETS} buckets, {HOURS} h, {PATHS} paths, {options.points} points",
        "expected_usd": found.expected_usd,
        "bound_usd": found.bound_usd,
        "gap": found.gap,
        "committed": sum(found.counts.values()),
        "overflow_share": found.overflow_share,
    }
    measure.show({**work, **measure.account(since, 1)}, options)


def program() -> tuple[list[FleetShape], DemandPoints]:
    """Shapes of unlike sizes, reserved, on demand and spot; a week whose level differs between the paths."""
    rng = np.random.default_rng(1)
    shapes = []
    for i in range(SHAPES):
        usd = float(rng.uniform(1, 12))
        rates = usd * np.array([3.0, 1.5, 0.5, 0.2, 0.06]) * rng.uniform(0.6, 1.5, BUCKETS)
        rates[rng.random(BUCKETS) < 0.12] = 0.0
        ways = (("reserved", 0.6, True), ("on_demand", 1.0, False), ("spot", 0.45, False))
        bought = [FleetPurchase(name=name, usd_per_h=part * usd, committed=first) for name, part, first in ways]
        shapes.append(FleetShape(name=f"shape {i}", capacity=tuple(rates), purchases=tuple(bought)))
    hours = np.arange(HOURS)
    day = 1 + 0.6 * np.sin(hours / 24 * 2 * np.pi) - 0.3 * (hours % 168 >= 120)
    levels = rng.lognormal(0, 0.25, (PATHS, 1, BUCKETS)) * rng.lognormal(0, 0.15, (PATHS, HOURS, BUCKETS))
    rates = levels * day[None, :, None] * np.array([60.0, 30.0, 10.0, 4.0, 1.0])
    return shapes, DemandPoints.of_paths(rates, np.full(PATHS, 1 / PATHS), 1.0)


if __name__ == "__main__":
    main()
