"""44 million requests priced per token, from a stored trace to money.

    python bench/tokens.py [--requests 44000000] [--json]

The trace is a week whose token pairs are resampled from the Azure conversation trace of 2023 where the reference data
are there, and drawn from log-normals otherwise; half of each prompt is read from the cache. Writing the trace is not
measured; reading it from Parquet is, and shown apart. Each part runs in a process of its own, imports included:

    total     input, cached and output tokens at the prices of a model without size tier
    tier      the same with a size tier that one request in some ten crosses
    column    a column with the cost of each request
    units     provisioned units by the minute, the rest per token
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import measure
import week


def main() -> None:
    options = parse()
    if options.part:
        print(json.dumps(PARTS[options.part](options)))
        return
    with tempfile.TemporaryDirectory() as folder:
        common = ["--requests", str(options.requests), "--trace", str(Path(folder, "week.parquet"))]
        part("synthesize", common)
        found = {name: part(name, common) for name in PARTS if name != "synthesize"}
    read_s = found["read"]["cpu_s"]
    total = found["total"]
    document = {
        "name": "tokens",
        "work": f"{options.requests:,} requests, half of each prompt cached",
        **{key: total[key] for key in ("cpu_s", "wall_s", "rss_bytes", "usd")},
        "per_cpu_s": options.requests / total["cpu_s"],
        "read_only_cpu_s": read_s,
        **{f"{name}_cpu_s": found[name]["cpu_s"] for name in ("tier", "column", "units")},
        **{f"{name}_rss_bytes": found[name]["rss_bytes"] for name in ("tier", "column", "units")},
    }
    measure.show(document, options)


def part(name: str, arguments: list[str]) -> dict[str, Any]:
    return measure.in_process(__file__, "--part", name, *arguments)


def read(options: argparse.Namespace) -> dict[str, Any]:
    return {"requests": sum(len(batch) for batch, _ in requests(options))}


def requests(options: argparse.Namespace) -> Iterator[Any]:
    from simcost.trace.requests.prefix_reuse import shared_in_trace

    return shared_in_trace(Path(options.trace), 300.0)


def bill(options: argparse.Namespace, units: bool = False, tier: bool = False) -> dict[str, Any]:
    from simcost.billing.api.pricing import PerToken, Provisioned, bill_tokens
    from simcost.billing.api.tokens import HitShare
    from simcost.catalog import load_catalog

    price = load_catalog().token_price("openai/gpt-5-mini")
    if tier:
        price = replace(price, tier_start_input_tokens=3000, tier_input_usd_per_m=0.5, tier_output_usd_per_m=3.0)
    capacity = Provisioned(units=40, price=1.0, input_tokens_per_min=60_000, output_weight=4)
    bought = PerToken(api=price.name, cache=HitShare(hit=0.5), provisioned=capacity if units else None)
    found = bill_tokens(requests(options), bought, price, week.WEEK_S)
    return {"requests": found.requests, "usd": found.total_usd}


def column(options: argparse.Namespace) -> dict[str, Any]:
    from simcost.billing.api.tokens import rates, request_usd
    from simcost.catalog import load_catalog

    paid = rates(load_catalog().token_price("openai/gpt-5-mini"))
    costs = [
        request_usd(batch.prompt_tokens, batch.output_tokens, paid, read=batch.prompt_tokens // 2)
        for batch, _ in requests(options)
    ]
    return {"requests": sum(map(len, costs)), "usd": float(sum(cost.sum() for cost in costs))}


PARTS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "synthesize": week.synthesize,
    "read": read,
    "total": bill,
    "tier": lambda options: bill(options, tier=True),
    "column": column,
    "units": lambda options: bill(options, units=True),
}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=44_000_000)
    parser.add_argument("--trace")
    parser.add_argument("--part", choices=PARTS)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
