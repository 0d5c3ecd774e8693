"""The decision between fleets and APIs, in words."""

from collections.abc import Mapping
from typing import Any

from simcost.units import format_count, format_usd

Document = Mapping[str, Any]


def verdict(document: Document) -> str:
    """What is cheapest at the demand of the scenario, and from which demand on a fleet beats the cheapest API."""
    here = min(document["demands"], key=lambda one: max(one["scale"], 1 / one["scale"]))
    plans = [
        (plan["usd_per_month"]["mean"], f"the fleet {plan['name']}") for plan in here["plans"] if plan["met"]
    ]
    apis = [(api["usd_per_month"]["mean"], api["name"]) for api in here["apis"]]
    (usd, name), *others = sorted([*plans, *apis])
    text = f"At {rate(here['requests_per_s'])} the cheapest is {name}: {format_usd(usd)} a month"
    if others:
        text += f", next {others[0][1]} at {format_usd(others[0][0])}"
    return f"{text}; {_later(document, min(apis)[1])}."


def _later(document: Document, api: str) -> str:
    """From which demand on a plan costs less than an API; the lowest over the plans."""
    pairs = [pair for pair in document["break_even"] if pair["api"] == api and pair["place"] is not None]
    largest = rate(document["demands"][-1]["requests_per_s"])
    if not pairs:
        return "no plan meets the SLO at any size that was tried"
    crossing = [pair for pair in pairs if pair["requests_per_s"] is not None]
    always = [pair for pair in pairs if pair["place"] == "fleet"]
    if always:
        least = rate(document["demands"][0]["requests_per_s"])
        return f"{always[0]['plan']} costs less than {api} at every demand from {least} to {largest}"
    if crossing:
        first = min(crossing, key=lambda pair: float(pair["requests_per_s"]["mean"]))
        tokens = format_tokens(first["tokens_per_month"]["mean"])
        begin = f"from {spread(first['requests_per_s'])} on ({tokens} tokens a month)"
        return f"{begin} {first['plan']} costs less than {api}"
    best = min(pairs, key=lambda pair: float(pair["cost_ratio_at_largest"] or float("inf")))
    if best["crossed_in"]:
        return (
            f"{best['plan']} becomes cheaper than {api} below {largest} in {best['crossed_in']} of "
            f"{document['replications']} replications only, so that no break-even can be named"
        )
    closest = f"{best['plan']} comes closest, at {best['cost_ratio_at_largest']:.2g} times its cost"
    return f"up to {largest} {api} costs less than every fleet; {closest}"


def rate(per_s: float) -> str:
    """Requests per second, or per hour where they are few."""
    return f"{per_s:.3g} requests/s" if per_s >= 0.1 else f"{3600 * per_s:.3g} requests/h"


def spread(value: Mapping[str, float]) -> str:
    """A rate with its range over the replications."""
    mean = value["mean"]
    lo, hi = (f"{value[name] * (1.0 if mean >= 0.1 else 3600.0):.3g}" for name in ("lo", "hi"))
    return rate(mean) if lo == hi else f"{rate(mean)} ({lo} to {hi})"


def format_tokens(count: float) -> str:
    """`4.2B`, `310M`, `12,000`."""
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
        if count >= size:
            return f"{count / size:.3g}{letter}"
    return format_count(count)
