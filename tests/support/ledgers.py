"""Small ledgers, facts and a catalog for tests of money and service levels."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simcost.catalog.contracts import Contracted
from simcost.catalog.facts import BillingRule, Eligible, Offer, TierPrice
from simcost.ledger.request_tables import EVENTS, NODES, OUTCOMES, PULSE, REPLICAS, TIMELINE, WINDOWS
from simcost.ledger.requests import METRICS, Buckets, LatencyLimits, Ledger, RequestOutcomes

FACT = {"source": "test", "as_of": "2026-07-20", "quality": "A"}
HOUR = 3600.0

Node = tuple[float, float]
Replica = tuple[int, str, float, float, float]
"""node, state, start_s, end_s, busy_s."""


def offer(usd_per_h: float = 3.6) -> Offer:
    return Offer(
        provider="acme",
        sku="big",
        region="any",
        accelerator="h100",
        accelerators=8,
        on_demand_usd_per_h=usd_per_h,
        **FACT,
    )


def rule(granularity_s: float = 1.0, minimum_s: float = 0.0) -> BillingRule:
    return BillingRule(provider="acme", granularity_s=granularity_s, minimum_s=minimum_s, **FACT)


def tiers(item: str, *steps: tuple[float, float | None, float]) -> tuple[TierPrice, ...]:
    unit = "GB-month" if item == "storage" else "GB"
    return tuple(
        TierPrice(provider="acme", item=item, unit=unit, from_gb=a, to_gb=b, price_usd=usd, **FACT)
        for a, b, usd in steps
    )


BY_THE_SECOND = rule()
BUCKETS = Buckets()


class Book:
    """As much of a catalog as a bill asks for."""

    def __init__(self, price: float = 3.6, rule: BillingRule = BY_THE_SECOND, **items: tuple[TierPrice, ...]):
        self.price, self.rule, self.items = price, rule, items

    def offer(self, name: str, region: str | None) -> Offer:
        return offer(self.price)

    def contracted(self, offer: Offer) -> Contracted:
        return Contracted(offer.on_demand_usd_per_h, offer.on_demand_usd_per_h, offer)

    def with_discount(self, _provider: str, discount: float | None) -> "Book":
        assert discount is None
        return self

    def contract_for(self, *_: object) -> None:
        return None

    def service_name(self, _provider: str, name: str, _sku: str) -> str:
        return name

    def eligibility(self, *_: object, **__: object) -> Eligible:
        return "yes"

    def billing_rule(self, provider: str) -> BillingRule:
        return self.rule

    def tier_prices(self, provider: str, item: str, region: str = "any") -> Sequence[TierPrice]:
        return self.items.get(item, ())


def outcomes(
    windows: Sequence[dict[str, int]] = ({},),
    values: Sequence[tuple[int, float, float, int]] = (),
    *,
    window_s: float = HOUR,
    rows: Path | None = None,
    buckets: Buckets = BUCKETS,
    in_system: int = 0,
) -> RequestOutcomes:
    """Outcomes of completed requests (window, ttft_s, e2e_s, output_tokens) and of further counts per window."""
    zero = dict.fromkeys(WINDOWS.names[1:], 0)
    table = [zero | {"start_s": i * window_s} | counts for i, counts in enumerate(windows)]
    histograms = np.zeros((len(windows), len(METRICS), buckets.count), dtype=np.int64)
    for window, ttft, e2e, tokens in values:
        tpot = (e2e - ttft) / (tokens - 1) if tokens > 1 else None
        for metric, value in enumerate((ttft, tpot, e2e)):
            if value is not None:
                histograms[window, metric, bucket(buckets, value)] += 1
    total = {name: sum(row[name] for row in table) for name in zero}
    return RequestOutcomes(
        **{name: total[name] for name in ("arrived", "completed", "rejected", "timed_out", "lost")},
        in_system=in_system,
        prompt_tokens=total["prompt_tokens"],
        output_tokens=total["output_tokens"],
        generated_tokens=total["output_tokens"],
        preemptions=0,
        requeued=0,
        steps=0,
        work_s=0.0,
        outstanding_s=0.0,
        limits=LatencyLimits(),
        window_s=window_s,
        windows=pa.Table.from_pylist(table, schema=WINDOWS),
        buckets=buckets,
        histograms=histograms,
        rows=rows,
    )


def bucket(buckets: Buckets, value: float) -> int:
    """The bucket of a value, written as its docstring says."""
    octave = int(np.floor(np.log2(value / buckets.smallest_s)))
    mantissa = value / (buckets.smallest_s * 2.0**octave) - 1
    return min(max(int(buckets.per_octave * (octave + mantissa)), 0), buckets.count - 1)


def write_rows(path: Path, values: Sequence[tuple[int, float, float, int]], window_s: float = HOUR) -> Path:
    """The same requests as Parquet rows, and two that were not completed."""
    done = [
        {
            "request": i,
            "arrival_s": w * window_s + 1.0,
            "status": "completed",
            "prompt_tokens": 1,
            "output_tokens": n,
            "ttft_s": ttft,
            "e2e_s": e2e,
            "preemptions": 0,
            "retries": 0,
        }
        for i, (w, ttft, e2e, n) in enumerate(values)
    ]
    lost = [
        {
            "request": -1,
            "arrival_s": 2.0,
            "status": status,
            "prompt_tokens": 1,
            "output_tokens": 0,
            "ttft_s": None,
            "e2e_s": 99.0,
            "preemptions": 0,
            "retries": 0,
        }
        for status in ("rejected", "timed_out")
    ]
    pq.write_table(pa.Table.from_pylist([*lost, *done], schema=OUTCOMES), path, row_group_size=7)
    return path


def ledger(
    nodes: Sequence[Node] = (),
    replicas: Sequence[Replica] = (),
    *,
    horizon_s: float = 24 * HOUR,
    slots: int = 1,
    disk_gb: float = 0.0,
    gb_out: float = 0.0,
    felt: RequestOutcomes | None = None,
) -> Ledger:
    node_rows = [{"pool": "p", "node": i, "kind": 0, "start_s": a, "end_s": b} for i, (a, b) in enumerate(nodes)]
    worked = replace(outcomes(), work_s=sum(busy for *_, busy in replicas))  # tokens take all the time with requests
    replica_rows = [
        {"pool": "p", "replica": i, "node": n, "state": state, "start_s": a, "end_s": b, "busy_s": busy}
        for i, (n, state, a, b, busy) in enumerate(replicas)
    ]
    return Ledger(
        horizon_s=horizon_s,
        slots=(slots,),
        accelerators_per_replica=1,
        nodes=pa.Table.from_pylist(node_rows, schema=NODES),
        replicas=pa.Table.from_pylist(replica_rows, schema=REPLICAS),
        timeline=TIMELINE.empty_table(),
        events=EVENTS.empty_table(),
        pulse=PULSE.empty_table(),
        outcomes=felt or worked,
        provisioning_s=0.0,
        disk_gb_per_node=disk_gb,
        gb_out=gb_out,
    )
