"""The sentences above an estimate and a comparison of training methods."""

from collections.abc import Sequence

from simcost.present.format import NONE, Show, amount, between, count, exact, seconds, usd
from simcost.studies.training_cost.inputs import ValueRange
from simcost.studies.training_cost.result import (
    TrainedMethod,
    TrainingEstimate,
    UnfitMethod,
    WholeRunHours,
)

PURCHASE_OPTIONS = {"on_demand": "on demand", "spot": "on spot", "owned": "on your own hardware"}


def verdict(result: TrainingEstimate) -> str:
    """Duration and cost of a run, in one sentence."""
    gpus = result.layout.gpus
    return (
        f"{result.model}, {result.method}, {amount(result.tokens)} tokens on {count(gpus)} x "
        f"{result.accelerator} in {result.precision}: {range_of(result.time_s, seconds)}"
        f"{_paid(result)}."
    )


def whole_runs(found: WholeRunHours) -> str:
    """Duration of whole runs, where the speed is that of benchmarks."""
    return (
        f"The middle is the speed of published benchmarks; whole published runs took {amount(found.mid)} times as "
        f"long ({amount(found.low)} to {amount(found.high)} in {exact(100 * found.level)} % of them): "
        f"{count(found.gpu_hours)} GPU-hours at the median."
    )


def _paid(result: TrainingEstimate) -> str:
    """The cheapest way that has a price; on demand comes first where both are said. On spot with the time of the run,
    where interruptions make it longer.
    """
    costs, time = result.cost_usd, range_of(result.time_s, seconds)
    if not costs:
        return "; no way of buying has a price"
    cheapest = min(costs, key=lambda way: costs[way].total.mid)
    said = ""
    for way in dict.fromkeys(way for way in ("on_demand", cheapest) if way in costs):
        taken = range_of(costs[way].time_s, seconds)
        longer = "" if taken == time else f" in {taken}"
        said += f", {range_of(costs[way].total, usd)}{longer} {PURCHASE_OPTIONS[way]}"
    return said


def levers_verdict(rows: Sequence[TrainedMethod | UnfitMethod], serve_tokens: float | None) -> str:
    """The cheapest way, in training alone or with the serving of so many tokens, against full fine-tuning."""
    fit = [row for row in rows if row.fits]
    costs = {
        row.method: row.cost_usd["on_demand"] if serve_tokens is None else row.total_usd
        for row in fit
        if "on_demand" in row.cost_usd
    }
    paid = {method: cost for method, cost in costs.items() if cost is not None}
    if not paid:
        return f"None of the ways has a price on demand; {', '.join(row.method for row in fit) or 'none'} would fit."
    best = min(paid, key=lambda method: paid[method].mid)
    doing = "to train" if serve_tokens is None else f"to train and to serve {amount(serve_tokens)} tokens"
    said = f"{best} is the cheapest way {doing}: {range_of(paid[best], usd)} on demand"
    others = [method for method in ("full", *paid) if method in paid and method != best]
    if others:
        said += f", against {usd(paid[others[0]].mid)} of {others[0]}"
    known = next(row.quality for row in rows if row.method == best)
    return f"{said}; its quality {'is not known' if known is None else f'was measured as {exact(known)}'}."


def range_of(values: ValueRange | None, show: Show) -> str:
    """`5 h (4 to 6 h)`."""
    return NONE if values is None else between(show(values.low), show(values.mid), show(values.high))
