"""The estimate of a training run, and ways to train side by side, in the terminal."""

from collections.abc import Callable, Mapping
from typing import Any

from simcost.report.table import table
from simcost.units import format_bytes, format_count, format_seconds, format_share, format_usd

Document = Mapping[str, Any]

_WAYS = {"on_demand": "on demand", "spot": "spot", "owned": "owned"}
_PARTS = {"useful_compute": "useful compute", "failures_and_checkpoints": "failures", "storage": "storage",
          "egress": "egress"}  # fmt: skip


def text(document: Document) -> str:
    """The document of `estimate` or `compare_methods`, laid out for people."""
    return _methods(document) if "methods" in document else _run(document)


def _run(document: Document) -> str:
    parts = [_verdict(document), _memory(document), _time(document), _costs(document), _said(document)]
    return "\n\n".join(filter(None, parts))


def _verdict(document: Document) -> str:
    gpus = document["layout"]["gpus"]
    cost = document["cost_usd"].get("on_demand")
    paid = "" if cost is None else f", {_range(cost['total'], format_usd)} on demand"
    return (
        f"{document['model']}, {document['method']}, {_tokens(document['tokens'])} on {format_count(gpus)} x "
        f"{document['accelerator']} in {document['precision']}: {_range(document['time_s'], format_seconds)}{paid}."
    )


def _memory(document: Document) -> str:
    sizes = document["memory_bytes"]
    rows = [[name, format_bytes(size)] for name, size in sizes.items() if size and name != "usable"]
    layout = document["layout"]
    how = (
        f"tp {layout['tp']}, pp {layout['pp']}, ZeRO {layout['zero']}, {layout['sequence_tokens']:,} tokens x "
        f"{layout['micro_batch']}, recompute {layout['recompute']}"
    )
    return (
        f"Memory of each GPU ({how}); {format_bytes(sizes['usable'])} usable\n{table(['part', 'size'], rows)}"
    )


def _time(document: Document) -> str:
    flops, failures, written = document["flops"], document["failures"], document["checkpoints"]
    rows = [
        ["time", *_three(document["time_s"], format_seconds)],
        ["GPU-hours", *_three(document["gpu_hours"], format_count)],
        ["MFU", *_three(document["mfu"], format_share)],
        ["effective training time", *_three(document["ettr"], format_share)],
        ["tokens/s", *_three(document["tokens_per_s"], format_count)],
    ]
    if document["energy_kwh"]:
        rows.append(["energy, kWh", *_three(document["energy_kwh"], format_count)])
    mtbf, interval = failures["mtbf_s"], written["interval_s"]
    every = "the end only" if interval is None else f"every {format_seconds(interval)}"
    fails = "never" if mtbf is None else f"every {format_seconds(mtbf)}, {failures['expected']:.3g} in all"
    shown = table(["time and speed", "low", "likely", "high"], rows)
    return (
        f"{shown}\n{flops['per_token']:.4g} FLOPs a token, {flops['total']:.4g} in all; interruptions {fails}; "
        f"checkpoints of {format_bytes(written['bytes'])} {every}, {format_seconds(written['write_s'])} each"
    )


def _costs(document: Document) -> str:
    costs = document["cost_usd"]
    rows = [
        [_WAYS[way], _hourly(cost), *(_usd(cost[part]) for part in _PARTS), _range(cost["total"], format_usd)]
        for way, cost in costs.items()
    ]
    lines = [table(["way to buy", "$/GPU-h", *_PARTS.values(), "total"], rows)] if rows else []
    lines += [f"{_WAYS[way]}: {cost['price_source']}" for way, cost in costs.items()]
    lines += [
        f"not in the total, {_WAYS[way]}: {gap}" for way, cost in costs.items() for gap in cost["missing"]
    ]
    lines += [f"not priced, {_WAYS[gap['way']]}: {gap['reason']}" for gap in document["not_priced"]]
    return "\n".join(lines)


def _said(document: Document) -> str:
    return "\n".join(("Assumptions", *(f"- {line}" for line in document["assumptions"])))


def _methods(document: Document) -> str:
    header = ["method", "GPUs", "memory", "time", "on demand", "serving, $/1M tokens", "quality"]
    rows = [_method(row) for row in document["methods"]]
    on = f"{document['accelerator']} in {document['precision']}"
    title = f"{document['model']}, {_tokens(document['tokens'])} on {on}"
    refused = [f"{row['method']}: {row['reason']}" for row in document["methods"] if not row["fits"]]
    notes = [f"- {note}" for note in document["notes"]]
    return "\n".join((title, "", table(header, rows), *refused, _break_even(document), *notes))


def _method(row: Document) -> list[str]:
    if not row["fits"]:
        return [row["method"], "-", "does not fit", "-", "-", "-", _quality(row)]
    paid, serving = row["cost_usd"].get("on_demand"), row["serving"]
    return [
        row["method"],
        f"{row['gpus']:,} (needs {row['gpus_needed']:,})",
        format_bytes(row["memory_bytes"]),
        _range(row["time_s"], format_seconds),
        "-" if paid is None else _range(paid, format_usd),
        "-" if serving is None else f"{serving['usd_per_million_tokens']:.3g}",
        _quality(row),
    ]


def _break_even(document: Document) -> str:
    found = document["break_even"]
    if found is None:
        return ""
    against, tokens = found["against"], found["output_tokens"]
    if tokens is None:
        return f"Serving the distilled model is not cheaper than after {against}: it never pays for its training."
    if tokens == 0:
        return f"Distilling costs no more than {against}, and serving is cheaper from the first token."
    extra = format_usd(found["extra_training_usd"])
    return f"Distilling costs {extra} more than {against}; it has paid for itself after {_tokens(tokens)} of output."


def _quality(row: Document) -> str:
    return "unknown" if row["quality"] is None else f"{row['quality']:g}"


def _hourly(cost: Document) -> str:
    return f"{cost['usd_per_gpu_h']:.3f}"


def _usd(part: Document | None) -> str:
    return "unknown" if part is None else format_usd(part["mid"])


def _three(values: Document, show: Callable[[float], str]) -> list[str]:
    return [show(values[name]) for name in ("low", "mid", "high")]


def _range(values: Document, show: Callable[[float], str]) -> str:
    low, mid, high = _three(values, show)
    return mid if low == high else f"{mid} ({low} to {high})"


def _tokens(count: float) -> str:
    for size, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
        if count >= size:
            return f"{count / size:.3g}{unit} tokens"
    return f"{count:,.0f} tokens"
