"""Settlement of a year by the clock-hour: 8,760 h x 200 SKUs with reservations and savings plans.

python bench/settle.py [--json] [--skus 200]
"""

import argparse
import time
from typing import Any

import measure
import numpy as np

from simcost.billing.commitment import Commitment, ReservedInstances, SavingsPlan
from simcost.billing.metering import Line, Metered, UsageIntervals
from simcost.billing.settlement import settle
from simcost.catalog import load_catalog

HOURS = 8760


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--skus", type=int, default=200)
    options = parser.parse_args()
    account, catalog = year(options.skus), load_catalog()
    since = time.monotonic(), measure.cpu_s()
    settled = settle(account, plans(), catalog)
    spent = measure.account(since, HOURS * options.skus)
    work = {
        "name": "settle",
        "work": f"{HOURS} h x {options.skus} SKUs",
        "effective_usd": settled.effective_usd,
    }
    measure.show({**work, **spent}, options)


def plans() -> list[Commitment]:
    return [
        SavingsPlan(name="compute", commitment=4000.0, discount=0.3),
        SavingsPlan(name="compute 3y", commitment=2000.0, discount=0.45, years=3),
        SavingsPlan(name="instance", covers="instance", family="f1", region="r", commitment=300.0, discount=0.4),
        ReservedInstances(name="reserved", sku="f2.xlarge", region="r", count=20, discount=0.4),
    ]


def year(skus: int) -> Metered:
    """Hourly demand of each SKU, with days and noise; about 40 % of it can be covered."""
    rng = np.random.default_rng(1)
    lines = tuple(
        Line(
            provider="aws",
            sku=f"f{i % 20}.{2 ** (i // 20)}xlarge".replace(".1x", ".x"),
            region="r",
            list_usd=(usd := round(1.0 + rng.exponential(3.0), 4)),
            contracted_usd=usd,
            as_of="",
            quality="given",
        )
        for i in range(skus)
    )
    shape = 1 + 0.5 * np.sin(np.arange(HOURS) / 24 * 2 * np.pi)
    hours = rng.gamma(4.0, 3.0, (HOURS, skus)) * shape[:, None]
    none: Any = np.empty(0)
    runs = UsageIntervals(start_s=none, end_s=none, line=none.astype(np.int64), units=none)
    return Metered(start_s=0.0, length_h=np.ones(HOURS), lines=lines, hours=hours, varying_usd=None, runs=runs)


if __name__ == "__main__":
    main()
