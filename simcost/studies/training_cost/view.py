"""The estimate of a training run: one run, its number of GPUs, and training methods compared."""

from collections.abc import Mapping
from typing import Any

from simcost.present.format import NONE, Show, amount, count, exact, seconds, share, size, usd
from simcost.present.parts import Part, Table
from simcost.studies.training_cost import charts, wording

Document = Mapping[str, Any]

WAYS = {"on_demand": "on demand", "spot": "spot", "owned": "owned"}
_PARTS = {
    "useful_compute": "useful compute",
    "failures_and_checkpoints": "failures",
    "storage": "storage",
    "egress": "egress",
}


def parts(document: Document) -> list[Part]:
    """Parts below the verdict, on every screen."""
    if "methods" in document:
        return _of_methods(document)
    if "points" in document:
        return _of_counts(document)
    return _of_run(document)


def _of_run(document: Document) -> list[Part]:
    layout = document["layout"]
    how = (
        f"tp {layout['tp']}, pp {layout['pp']}, ZeRO {layout['zero']}, {count(layout['sequence_tokens'])} tokens x "
        f"{layout['micro_batch']}, recompute {layout['recompute']}"
    )
    usable = size(document["memory_bytes"]["usable"])
    return [
        Part(
            title="Time and speed",
            titled=False,
            rows=speed(document),
            said=[*reliability(document), *basis(document)],
        ),
        Part(title="What it costs", titled=False, rows=costs(document), said=below_costs(document)),
        Part(title="Cost by part", chart=lambda: charts.costs(document)),
        Part(title=f"Memory of each GPU ({how}); {usable} usable", rows=memory(document)),
        Part(title="Memory", chart=lambda: charts.memory(document)),
        Part(title="Assumptions", said=document["assumptions"]),
    ]


def reliability(document: Document) -> list[str]:
    """Ratio of whole runs to benchmarks, and what is out of published practice."""
    found = document["whole_runs"]
    said = [] if found is None else [wording.whole_runs(found)]
    return said + [f"warning: {one}" for one in document["warnings"]]


def speed(document: Document) -> Table:
    """Time, GPU-hours, utilisation and energy with their ranges."""
    rows = [
        ("time", document["time_s"], seconds),
        ("compute time", document["compute_s"], seconds),
        ("GPU-hours", document["gpu_hours"], count),
        ("MFU", document["mfu"], share),
        ("effective training time", document["ettr"], share),
        ("tokens/s", document["tokens_per_s"], count),
    ]
    if document["energy_kwh"]:
        rows.append(("energy, kWh", document["energy_kwh"], count))
    middle = "measured" if document["whole_runs"] is None else "benchmark"
    return [_ends(middle, *row) for row in rows]


def _ends(middle: str, name: str, values: Document, show: Show) -> dict[str, str]:
    low, mid, high = (show(values[end]) for end in ("low", "mid", "high"))
    return {"time and speed": name, "low": low, middle: mid, "high": high}


def basis(document: Document) -> list[str]:
    """FLOPs, both hazards, checkpoints, and the spread of simulated runs."""
    flops, failures, written = document["flops"], document["failures"], document["checkpoints"]
    mtbf, interval = failures["mtbf_s"], written["interval_s"]
    every = "at the end only" if interval is None else f"every {seconds(interval)} ({_rule(written)})"
    fails = "never" if mtbf is None else f"every {seconds(mtbf)}, {amount(failures['expected'])} in all"
    hazard = (
        f"{count(failures['nodes'])} nodes x {amount(failures['per_node_day']['mid'])} a day = "
        f"{amount(failures['of_nodes_per_day'])}, and {amount(failures['size_independent_per_day'])} whatever the size"
    )
    said = [
        f"{exact(flops['per_token'])} FLOPs a token, {exact(flops['total'])} in all",
        f"interruptions {fails}: {hazard}{_together(failures['correlated'], failures['spares'])}",
        f"checkpoints of {size(written['bytes'])} {every}, {seconds(written['write_s'])} each",
    ]
    found = failures["simulated"]
    if found:
        spent = {name: seconds(time_s) for name, time_s in found["parts_s"].items() if time_s}
        where = ", ".join(f"{name} {time}" for name, time in spent.items())
        times = [seconds(found["time_s"][name]) for name in ("mean", "p5", "p95")]
        said.append(
            f"{count(found['runs'])} runs under {failures['model']} failures at that speed: {times[0]} on average "
            f"({times[1]} to {times[2]} in nine of ten), {amount(found['failures'])} failures; {where}"
        )
    return said


def _rule(written: Document) -> str:
    if written["rule"] != "given":
        return f"{written['rule'].capitalize()}'s optimum"
    best = written["daly_s"]
    return "given" if best is None else f"given; the best is {seconds(best)}"


def _together(loss: Document | None, spares: int) -> str:
    if loss is None:
        return ""
    outage = seconds(loss["outage"])
    kept = f", {count(spares)} spares" if spares else ""
    return f"; {count(loss['nodes'])} nodes at once {amount(loss['per_day'])} times a day, gone for {outage}{kept}"


def costs(document: Document) -> Table:
    """One row per way of buying that has a price."""
    return [
        {
            "way to buy": WAYS[way],
            "$/GPU-h": usd(cost["usd_per_gpu_h"]),
            **{said: usd(cost[part]["mid"]) if cost[part] else "unknown" for part, said in _PARTS.items()},
            "total": wording.range_of(cost["total"], usd),
        }
        for way, cost in document["cost_usd"].items()
    ]


def _prices(document: Document) -> list[str]:
    """Price of a GPU-hour and its source."""
    return [
        f"{WAYS[price['way']]}: {usd(price['usd_per_gpu_h'])} per GPU-hour, {price['source']}"
        for price in document["prices"]
    ]


def below_costs(document: Document) -> list[str]:
    """Sources of prices, and what has none."""
    gpus, paid = document["layout"]["gpus"], document["cost_usd"]
    lines = [
        f"{WAYS[way]}: {cost['price_source']}"
        + (f"; {count(cost['paid_gpus'])} GPUs are paid for, whole machines" if cost["paid_gpus"] != gpus else "")
        for way, cost in paid.items()
    ]
    lines += [f"not in the total, {WAYS[way]}: {gap}" for way, cost in paid.items() for gap in cost["missing"]]
    return lines + [f"not priced, {WAYS[gap['way']]}: {gap['reason']}" for gap in document["not_priced"]]


def memory(document: Document) -> Table:
    """The parts of the memory of each GPU."""
    sizes = document["memory_bytes"]
    return [{"part": name, "size": size(held)} for name, held in sizes.items() if held and name != "usable"]


def _of_counts(document: Document) -> list[Part]:
    drawn = [Part(title="Time and money", chart=lambda: charts.counts(document))] if len(document["points"]) > 1 else []
    left = [f"{count(one['gpus'])} GPUs: {one['reason']}" for one in document["left_out"]]
    chosen = document["estimate"]
    return [
        Part(
            title="Number of GPUs",
            titled=False,
            rows=counts(document),
            said=[*document["notes"], *_prices(document)],
        ),
        *drawn,
        Part(title="Left out", said=left),
        *(_of_run(chosen) if chosen else []),
    ]


def counts(document: Document) -> Table:
    """One row per number of GPUs."""
    target = document["deadline_s"] is not None or document["budget_usd"] is not None
    return [
        {
            "GPUs": count(point["gpus"]),
            "time": wording.range_of(point["time_s"], seconds),
            **{WAYS[way]: wording.range_of(total, usd) for way, total in point["cost_usd"].items()},
            "effective": share(point["ettr"]),
            "MFU": share(point["mfu"]),
            **({"keeps the target": "yes" if point["keeps"] else "no"} if target else {}),
        }
        for point in document["points"]
    ]


def _of_methods(document: Document) -> list[Part]:
    refused = [f"{row['method']}: {row['reason']}" for row in document["methods"] if not row["fits"]]
    said = [*refused, *filter(None, [break_even(document)])]
    drawn = [Part(title="What each way costs", chart=lambda: charts.methods(document))]
    return [
        Part(title="Training methods", titled=False, rows=methods(document), said=said),
        *(drawn if any((row["cost_usd"] or {}).get("on_demand") for row in document["methods"]) else []),
        Part(title="Notes", said=[*document["notes"], *_prices(document)]),
    ]


def methods(document: Document) -> Table:
    """One row per way to train."""
    return [_method(row, served=document["serve_tokens"] is not None) for row in document["methods"]]


def _method(row: Document, *, served: bool) -> dict[str, str]:
    fits, paid, serving = row["fits"], (row["cost_usd"] or {}).get("on_demand"), row["serving"]
    each = {"serving, $/1M tokens": usd(serving and serving["usd_per_million_tokens"])}
    whole = {"with serving": wording.range_of(row["total_usd"], usd)}
    return {
        "method": row["method"],
        "GPUs": f"{count(row['gpus'])} (needs {count(row['gpus_needed'])})" if fits else NONE,
        "memory": size(row["memory_bytes"]) if fits else "does not fit",
        "time": NONE
        if not fits
        else seconds(row["time_s"]["mid"])
        if served
        else wording.range_of(row["time_s"], seconds),
        "on demand": usd(paid and paid["mid"]) if served else wording.range_of(paid, usd),
        **(whole if served else each),
        "quality": "unknown" if row["quality"] is None else exact(row["quality"]),
    }


def break_even(document: Document) -> str:
    """Time at which a distilled model has paid for itself."""
    found = document["break_even"]
    if found is None:
        return ""
    against, tokens = found["against"], found["output_tokens"]
    if tokens is None:
        return f"Serving the distilled model is not cheaper than after {against}: it never pays for its training."
    if tokens == 0:
        return f"Distilling costs no more than {against}, and serving is cheaper from the first token."
    extra = usd(found["extra_training_usd"])
    served = f"{amount(tokens)} tokens"
    return f"Distilling costs {extra} more than {against}; it has paid for itself after {served} of output."
