"""The estimate of a training run: one run, its number of GPUs, and training methods compared."""

from simcost.documents import values
from simcost.perf.training.utilization import Mfu
from simcost.plan.failures import CorrelatedLoss
from simcost.present.format import NONE, Show, amount, count, exact, seconds, share, size, usd
from simcost.present.parts import Part, Table
from simcost.studies.training_cost import charts, wording
from simcost.studies.training_cost.inputs import ValueRange
from simcost.studies.training_cost.result import (
    CheckpointPlan,
    GpuCounts,
    MethodComparison,
    PurchaseCost,
    TrainedMethod,
    TrainingEstimate,
    UnfitMethod,
)
from simcost.units import plural

WAYS = {"on_demand": "on demand", "spot": "spot", "owned": "owned"}
ENDS = "Low and high are the ends of each row by itself: the low speed makes the high time."


def parts(result: TrainingEstimate | GpuCounts | MethodComparison) -> list[Part]:
    """Parts below the verdict, on every screen."""
    if isinstance(result, MethodComparison):
        return _of_methods(result)
    if isinstance(result, GpuCounts):
        return _of_counts(result)
    return _of_run(result)


def _of_run(result: TrainingEstimate) -> list[Part]:
    layout = result.layout
    how = (
        f"tp {layout.tp}, pp {layout.pp}, ZeRO {layout.zero}, {count(layout.sequence_tokens)} tokens x "
        f"{layout.micro_batch}, recompute {layout.recompute}"
    )
    usable = size(result.memory_bytes.usable)
    return [
        Part(
            title="Time and speed",
            titled=False,
            rows=speed(result),
            said=[*reliability(result), ENDS, *basis(result)],
        ),
        Part(title="What it costs", titled=False, rows=costs(result), said=below_costs(result)),
        Part(title="Cost by part", chart=lambda: charts.costs(result)),
        Part(title=f"Memory of each GPU ({how}); {usable} usable", rows=memory(result)),
        Part(title="Memory", chart=lambda: charts.memory(result)),
        Part(title="Assumptions", said=result.assumptions),
    ]


def reliability(result: TrainingEstimate) -> list[str]:
    """Ratio of whole runs to benchmarks, and what is out of published practice."""
    found = result.whole_runs
    said = [] if found is None else [wording.whole_runs(found)]
    return said + [f"warning: {warning}" for warning in result.warnings]


def speed(result: TrainingEstimate) -> Table:
    """Time, GPU-hours, utilisation, energy and carbon with their ranges."""
    rows: list[tuple[str, ValueRange | Mfu, Show]] = [
        ("time", result.time_s, seconds),
        ("compute time", result.compute_s, seconds),
        ("GPU-hours", result.gpu_hours, count),
        ("MFU", result.mfu, share),
        ("effective training time", result.ettr, share),
        ("tokens/s", result.tokens_per_s, count),
    ]
    if result.energy_kwh is not None:
        rows.append(("energy, kWh", result.energy_kwh, count))
    if result.carbon_kg is not None:
        rows.append(("carbon, kg CO2e", result.carbon_kg, count))
    middle = "measured" if result.whole_runs is None else "benchmark"
    return [_ends(middle, *row) for row in rows]


def _ends(middle: str, name: str, found: ValueRange | Mfu, show: Show) -> dict[str, str]:
    low, mid, high = (show(value) for value in (found.low, found.mid, found.high))
    return {"time and speed": name, "low": low, middle: mid, "high": high}


def basis(result: TrainingEstimate) -> list[str]:
    """FLOPs, both hazards, checkpoints, and the spread of simulated runs."""
    flops, failures, written = result.flops, result.failures, result.checkpoints
    mtbf, interval = failures.mtbf_s, written.interval_s
    every = (
        _at_the_end(written)
        if interval is None or written.at_the_end
        else f"every {seconds(interval)} ({_rule(written)})"
    )
    fails = "never" if mtbf is None else f"every {seconds(mtbf)}, {amount(failures.expected)} in all"
    nodes = "1 node" if failures.nodes == 1 else f"{count(failures.nodes)} nodes"
    hazard = (
        f"{nodes} x {amount(failures.per_node_day.mid)} a day = "
        f"{amount(failures.of_nodes_per_day)}, and {amount(failures.size_independent_per_day)} whatever the size"
    )
    said = [
        f"{exact(flops.per_token)} FLOPs a token, {exact(flops.total)} in all",
        f"interruptions {fails}: {hazard}{_together(failures.correlated, failures.spares)}",
        f"checkpoints of {size(written.bytes)} {every}, {seconds(written.write_s)} each",
    ]
    found = failures.simulated
    if found:
        spent = {name: seconds(time_s) for name, time_s in found.parts_s.items() if time_s}
        where = ", ".join(f"{name} {time}" for name, time in spent.items())
        times = [seconds(when) for when in (found.time_s.mean, found.time_s.p5, found.time_s.p95)]
        said.append(
            f"{count(found.runs)} runs under {failures.model} failures at that speed: {times[0]} on average "
            f"({times[1]} to {times[2]} in nine of ten), {amount(found.failures)} failures; {where}"
        )
    return said


def _at_the_end(written: CheckpointPlan) -> str:
    if written.rule != "given" or written.daly_s is None:
        return "at the end only"
    best = seconds(written.daly_s)
    return f"at the end only (the run is shorter than the interval given; the best is {best})"


def _rule(written: CheckpointPlan) -> str:
    if written.rule != "given":
        return f"{written.rule.capitalize()}'s optimum"
    best = written.daly_s
    return "given" if best is None else f"given; the best is {seconds(best)}"


def _together(loss: CorrelatedLoss | None, spares: int) -> str:
    if loss is None:
        return ""
    outage = seconds(loss.outage)
    few = " (too few to stand in for them)" if spares < loss.nodes else ""
    kept = f", {plural(spares, 'spare')}{few}" if spares else ""
    return f"; {count(loss.nodes)} nodes at once {amount(loss.per_day)} times a day, gone for {outage}{kept}"


def costs(result: TrainingEstimate) -> Table:
    """One row per way of buying that has a price."""
    return [
        {
            "way to buy": WAYS[way],
            "$/GPU-h": usd(cost.usd_per_gpu_h),
            "useful compute": _mid(cost.useful_compute),
            "failures": _mid(cost.failures_and_checkpoints),
            "storage": _mid(cost.storage),
            "egress": _mid(cost.egress),
            "total": wording.range_of(cost.total, usd),
        }
        for way, cost in result.cost_usd.items()
    ]


def _mid(found: ValueRange | None) -> str:
    return "unknown" if found is None else usd(found.mid)


def _prices(result: GpuCounts | MethodComparison) -> list[str]:
    """Price of a GPU-hour and its source."""
    return [f"{WAYS[price.way]}: {usd(price.usd_per_gpu_h)} per GPU-hour, {price.source}" for price in result.prices]


def below_costs(result: TrainingEstimate) -> list[str]:
    """Sources of prices, and what has none."""
    gpus, paid = result.layout.gpus, result.cost_usd
    what = "whole machines, spare nodes among them" if result.failures.spares else "whole machines"
    lines = [
        f"{WAYS[way]}: {cost.price_source}"
        + (f"; {count(cost.paid_gpus)} GPUs are paid for, {what}" if cost.paid_gpus != gpus else "")
        for way, cost in paid.items()
    ]
    lines += [on_spot(paid["spot"])] if "spot" in paid else []
    lines += [f"not in the total, {WAYS[way]}: {gap}" for way, cost in paid.items() for gap in cost.missing]
    return lines + [f"not priced, {WAYS[gap.way]}: {gap.reason}" for gap in result.not_priced]


def on_spot(cost: PurchaseCost) -> str:
    """Time of the run on spot, and the checkpoints that it writes there."""
    every = "at the end only" if cost.checkpoint_interval_s is None else f"every {seconds(cost.checkpoint_interval_s)}"
    return f"spot: {wording.range_of(cost.time_s, seconds)} with its interruptions, and checkpoints {every}"


def memory(result: TrainingEstimate) -> Table:
    """The parts of the memory of each GPU."""
    sizes = values(result.memory_bytes)
    return [{"part": name, "size": size(held)} for name, held in sizes.items() if held and name != "usable"]


def _of_counts(result: GpuCounts) -> list[Part]:
    drawn = [Part(title="Time and money", chart=lambda: charts.counts(result))] if len(result.points) > 1 else []
    left = [f"{count(one.gpus)} GPUs: {one.reason}" for one in result.left_out]
    chosen = result.estimate
    return [
        Part(
            title="Number of GPUs",
            titled=False,
            rows=counts(result),
            said=[*result.notes, *_times(result), *_prices(result)],
        ),
        *drawn,
        Part(title="Left out", said=left),
        *(_of_run(chosen) if chosen else []),
    ]


def _times(result: GpuCounts) -> list[str]:
    """A note on the times where there are two: without the interruptions of spot, and with them."""
    if result.way == "spot":
        return ["times are those on spot, with its interruptions"]
    if "spot" not in result.points[0].way_time_s:
        return []
    chosen = next((point for point in result.points if point.gpus == result.chosen_gpus), result.points[0])
    longer = wording.range_of(chosen.way_time_s["spot"], seconds)
    return [f"on spot the run takes longer, for its interruptions: {longer} on {count(chosen.gpus)} GPUs"]


def counts(result: GpuCounts) -> Table:
    """One row per number of GPUs."""
    target = result.deadline_s is not None or result.budget_usd is not None
    return [
        {
            "GPUs": count(point.gpus),
            "time": wording.range_of(point.time_by(result.way), seconds),
            **{WAYS[way]: wording.range_of(total, usd) for way, total in point.cost_usd.items()},
            "effective": share(point.ettr),
            "MFU": share(point.mfu),
            **({"keeps the target": "yes" if point.keeps else "no"} if target else {}),
        }
        for point in result.points
    ]


def _of_methods(result: MethodComparison) -> list[Part]:
    refused = [f"{row.method}: {row.reason}" for row in result.methods if not row.fits]
    said = [*refused, *filter(None, [break_even(result)])]
    drawn = [Part(title="What each way costs", chart=lambda: charts.methods(result))]
    return [
        Part(title="Training methods", titled=False, rows=methods(result), said=said),
        *(drawn if any(row.fits and "on_demand" in row.cost_usd for row in result.methods) else []),
        Part(title="Notes", said=[*result.notes, *_prices(result)]),
    ]


def methods(result: MethodComparison) -> Table:
    """One row per way to train."""
    return [_method(row, served=result.serve_tokens is not None) for row in result.methods]


def _method(row: TrainedMethod | UnfitMethod, *, served: bool) -> dict[str, str]:
    paid = row.cost_usd.get("on_demand") if row.fits else None
    each = {"serving, $/1M tokens": NONE if row.serving is None else usd(row.serving.usd_per_million_tokens)}
    whole = {"with serving": wording.range_of(row.total_usd, usd)}
    return {
        "method": row.method,
        "GPUs": f"{count(row.gpus)} (needs {count(row.gpus_needed)})" if row.fits else NONE,
        "memory": size(row.memory_bytes) if row.fits else "does not fit",
        "time": _range_or_mid(row.time_s if row.fits else None, seconds, alone=served),
        "on demand": _range_or_mid(paid, usd, alone=served),
        **(whole if served else each),
        "quality": "unknown" if row.quality is None else exact(row.quality),
    }


def _range_or_mid(found: ValueRange | None, show: Show, *, alone: bool) -> str:
    """A range; its middle alone where other columns need the room."""
    return show(found.mid) if alone and found is not None else wording.range_of(found, show)


def break_even(result: MethodComparison) -> str:
    """Time at which a distilled model has paid for itself."""
    found = result.break_even
    if found is None:
        return ""
    against, tokens = found.against, found.output_tokens
    if tokens is None:
        return f"Serving the distilled model is not cheaper than after {against}: it never pays for its training."
    if tokens == 0:
        return f"Distilling costs no more than {against}, and serving is cheaper from the first token."
    extra = usd(found.extra_training_usd)
    served = f"{amount(tokens)} tokens"
    return f"Distilling costs {extra} more than {against}; it has paid for itself after {served} of output."
