"""The estimate of a training run: one run, its number of GPUs, and training methods compared."""

from collections.abc import Callable, Mapping
from textwrap import fill
from typing import Any

from simcost.present.parts import Part, Table
from simcost.present.text_table import table_of
from simcost.studies.training_cost import charts, wording
from simcost.units import format_bytes, format_count, format_seconds, format_share, format_usd

Document = Mapping[str, Any]

WIDTH = 100
WAYS = {"on_demand": "on demand", "spot": "spot", "owned": "owned"}
_PARTS = {
    "useful_compute": "useful compute",
    "failures_and_checkpoints": "failures",
    "storage": "storage",
    "egress": "egress",
}
_NONE = "\N{EN DASH}"


def text(document: Document) -> str:
    """Layout of the document of `estimate`, `choose_count` or `compare_methods`."""
    blocks = [fill(document["verdict"], WIDTH)]
    for part in parts(document):
        body = [table_of(part.rows)] if part.rows else []
        dash = "- " if part.listed else ""
        body += [fill(f"{dash}{line}", WIDTH, subsequent_indent="  ") for line in part.said]
        if body:
            blocks.append("\n".join([part.title, *body] if part.titled else body))
    return "\n\n".join(blocks)


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
        f"tp {layout['tp']}, pp {layout['pp']}, ZeRO {layout['zero']}, {layout['sequence_tokens']:,} tokens x "
        f"{layout['micro_batch']}, recompute {layout['recompute']}"
    )
    usable = format_bytes(document["memory_bytes"]["usable"])
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
        Part(title="Assumptions", said=document["assumptions"], listed=True),
    ]


def reliability(document: Document) -> list[str]:
    """Ratio of whole runs to benchmarks, and what is out of published practice."""
    found = document["whole_runs"]
    said = [] if found is None else [wording.whole_runs(found)]
    return said + [f"warning: {one}" for one in document["warnings"]]


def speed(document: Document) -> Table:
    """Time, GPU-hours, utilisation and energy with their ranges."""
    rows = [
        ("time", document["time_s"], format_seconds),
        ("compute time", document["compute_s"], format_seconds),
        ("GPU-hours", document["gpu_hours"], format_count),
        ("MFU", document["mfu"], format_share),
        ("effective training time", document["ettr"], format_share),
        ("tokens/s", document["tokens_per_s"], format_count),
    ]
    if document["energy_kwh"]:
        rows.append(("energy, kWh", document["energy_kwh"], format_count))
    middle = "measured" if document["whole_runs"] is None else "benchmark"
    return [_ends(middle, *row) for row in rows]


def _ends(middle: str, name: str, values: Document, show: Callable[[float], str]) -> dict[str, str]:
    low, mid, high = (show(values[end]) for end in ("low", "mid", "high"))
    return {"time and speed": name, "low": low, middle: mid, "high": high}


def basis(document: Document) -> list[str]:
    """FLOPs, both hazards, checkpoints, and the spread of simulated runs."""
    flops, failures, written = document["flops"], document["failures"], document["checkpoints"]
    mtbf, interval = failures["mtbf_s"], written["interval_s"]
    every = "at the end only" if interval is None else f"every {format_seconds(interval)} ({_rule(written)})"
    fails = "never" if mtbf is None else f"every {format_seconds(mtbf)}, {failures['expected']:.3g} in all"
    hazard = (
        f"{failures['nodes']:,} nodes x {failures['per_node_day']['mid']:.3g} a day = "
        f"{failures['of_nodes_per_day']:.3g}, and {failures['size_independent_per_day']:.3g} whatever the size"
    )
    said = [
        f"{flops['per_token']:.4g} FLOPs a token, {flops['total']:.4g} in all",
        f"interruptions {fails}: {hazard}{_together(failures['correlated'], failures['spares'])}",
        f"checkpoints of {format_bytes(written['bytes'])} {every}, {format_seconds(written['write_s'])} each",
    ]
    found = failures["simulated"]
    if found:
        spent = {name: format_seconds(seconds) for name, seconds in found["parts_s"].items() if seconds}
        where = ", ".join(f"{name} {time}" for name, time in spent.items())
        times = [format_seconds(found["time_s"][name]) for name in ("mean", "p5", "p95")]
        said.append(
            f"{found['runs']:,} runs under {failures['model']} failures at that speed: {times[0]} on average "
            f"({times[1]} to {times[2]} in nine of ten), {found['failures']:.1f} failures; {where}"
        )
    return said


def _rule(written: Document) -> str:
    if written["rule"] != "given":
        return f"{written['rule'].capitalize()}'s optimum"
    best = written["daly_s"]
    return "given" if best is None else f"given; the best is {format_seconds(best)}"


def _together(loss: Document | None, spares: int) -> str:
    if loss is None:
        return ""
    outage = format_seconds(loss["outage"])
    kept = f", {spares:,} spares" if spares else ""
    return f"; {loss['nodes']:,} nodes at once {loss['per_day']:.3g} times a day, gone for {outage}{kept}"


def costs(document: Document) -> Table:
    """One row per way of buying that has a price."""
    return [
        {
            "way to buy": WAYS[way],
            "$/GPU-h": f"{cost['usd_per_gpu_h']:.3f}",
            **{said: _usd(cost[part]) for part, said in _PARTS.items()},
            "total": wording.between(cost["total"], format_usd),
        }
        for way, cost in document["cost_usd"].items()
    ]


def _prices(document: Document) -> list[str]:
    """Price of a GPU-hour and its source."""
    return [
        f"{WAYS[price['way']]}: {format_usd(price['usd_per_gpu_h'])} per GPU-hour, {price['source']}"
        for price in document["prices"]
    ]


def below_costs(document: Document) -> list[str]:
    """Sources of prices, and what has none."""
    gpus, paid = document["layout"]["gpus"], document["cost_usd"]
    lines = [
        f"{WAYS[way]}: {cost['price_source']}"
        + (f"; {cost['paid_gpus']:,} GPUs are paid for, whole machines" if cost["paid_gpus"] != gpus else "")
        for way, cost in paid.items()
    ]
    lines += [f"not in the total, {WAYS[way]}: {gap}" for way, cost in paid.items() for gap in cost["missing"]]
    return lines + [f"not priced, {WAYS[gap['way']]}: {gap['reason']}" for gap in document["not_priced"]]


def memory(document: Document) -> Table:
    """The parts of the memory of each GPU."""
    sizes = document["memory_bytes"]
    return [{"part": name, "size": format_bytes(size)} for name, size in sizes.items() if size and name != "usable"]


def _of_counts(document: Document) -> list[Part]:
    drawn = [Part(title="Time and money", chart=lambda: charts.counts(document))] if len(document["points"]) > 1 else []
    left = [f"{one['gpus']:,} GPUs: {one['reason']}" for one in document["left_out"]]
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
            "GPUs": f"{point['gpus']:,}",
            "time": wording.between(point["time_s"], format_seconds),
            **{WAYS[way]: wording.between(total, format_usd) for way, total in point["cost_usd"].items()},
            "effective": format_share(point["ettr"]),
            "MFU": format_share(point["mfu"]),
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
        Part(title="Notes", said=[*document["notes"], *_prices(document)], listed=True),
    ]


def methods(document: Document) -> Table:
    """One row per way to train."""
    return [_method(row, served=document["serve_tokens"] is not None) for row in document["methods"]]


def _method(row: Document, *, served: bool) -> dict[str, str]:
    fits, paid, serving = row["fits"], (row["cost_usd"] or {}).get("on_demand"), row["serving"]
    each = {"serving, $/1M tokens": _NONE if serving is None else f"{serving['usd_per_million_tokens']:.3g}"}
    whole = {"with serving": _NONE if row["total_usd"] is None else wording.between(row["total_usd"], format_usd)}
    return {
        "method": row["method"],
        "GPUs": f"{row['gpus']:,} (needs {row['gpus_needed']:,})" if fits else _NONE,
        "memory": format_bytes(row["memory_bytes"]) if fits else "does not fit",
        "time": wording.between(row["time_s"], format_seconds) if fits else _NONE,
        "on demand": _NONE if paid is None else wording.between(paid, format_usd),
        **(whole if served else each),
        "quality": "unknown" if row["quality"] is None else f"{row['quality']:g}",
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
    extra = format_usd(found["extra_training_usd"])
    served = wording.tokens(tokens)
    return f"Distilling costs {extra} more than {against}; it has paid for itself after {served} of output."


def _usd(part: Document | None) -> str:
    return "unknown" if part is None else format_usd(part["mid"])
