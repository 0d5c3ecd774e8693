"""The sentences above an estimate and a comparison of training methods."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from simcost.units import format_count, format_seconds, format_usd

Document = Mapping[str, Any]
PURCHASE_OPTIONS = {"on_demand": "on demand", "spot": "on spot", "owned": "on your own hardware"}


def verdict(document: Document) -> str:
    """Duration and cost of a run, in one sentence."""
    gpus = document["layout"]["gpus"]
    return (
        f"{document['model']}, {document['method']}, {tokens(document['tokens'])} on {format_count(gpus)} x "
        f"{document['accelerator']} in {document['precision']}: {between(document['time_s'], format_seconds)}"
        f"{_paid(document['cost_usd'])}."
    )


def whole_runs(found: Document) -> str:
    """Duration of whole runs, where the speed is that of benchmarks."""
    return (
        f"The middle is the speed of published benchmarks; whole published runs took {found['mid']:.2f} times as long "
        f"({found['low']:.2f} to {found['high']:.2f} in {100 * found['level']:g} % of them): "
        f"{format_count(found['gpu_hours'])} GPU-hours at the median."
    )


def _paid(costs: Document) -> str:
    """The cheapest way that has a price; on demand comes first where both are said."""
    if not costs:
        return "; no way of buying has a price"
    cheapest = min(costs, key=lambda way: float(costs[way]["total"]["mid"]))
    ways = list(dict.fromkeys(way for way in ("on_demand", cheapest) if way in costs))
    return "".join(f", {between(costs[way]['total'], format_usd)} {PURCHASE_OPTIONS[way]}" for way in ways)


def levers_verdict(rows: Sequence[Document], serve_tokens: float | None) -> str:
    """The cheapest way, in training alone or with the serving of so many tokens, against full fine-tuning."""
    key = "cost_usd" if serve_tokens is None else "total_usd"
    usd = {
        row["method"]: row[key]["on_demand"] if serve_tokens is None else row[key]
        for row in rows
        if row["fits"] and row["cost_usd"].get("on_demand") and row[key] is not None
    }
    if not usd:
        fit = [row["method"] for row in rows if row["fits"]]
        return f"None of the ways has a price on demand; {', '.join(fit) or 'none'} would fit."
    best = min(usd, key=lambda method: float(usd[method]["mid"]))
    doing = "to train" if serve_tokens is None else f"to train and to serve {tokens(serve_tokens)}"
    said = f"{best} is the cheapest way {doing}: {between(usd[best], format_usd)} on demand"
    others = [method for method in ("full", *usd) if method in usd and method != best]
    if others:
        said += f", against {format_usd(usd[others[0]]['mid'])} of {others[0]}"
    known = next(row["quality"] for row in rows if row["method"] == best)
    return f"{said}; its quality {'is not known' if known is None else f'was measured as {known:g}'}."


def between(values: Document, show: Callable[[float], str]) -> str:
    """`5 h (4 h to 6 h)`."""
    low, mid, high = (show(values[name]) for name in ("low", "mid", "high"))
    return mid if low == high else f"{mid} ({low} to {high})"


def tokens(count: float) -> str:
    """`2B tokens`."""
    for size, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
        if count >= size:
            return f"{count / size:,.4g}{unit} tokens"
    return f"{count:,.0f} tokens"
