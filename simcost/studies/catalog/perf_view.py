"""The performance of a replica, as parts."""

from collections.abc import Mapping
from typing import Any

from simcost.present.format import amount, count, seconds, size
from simcost.present.parts import Part, Table

Document = Mapping[str, Any]
_COEFFICIENTS = {
    "a_s": "a, each step",
    "b_s_per_token": "b, per prefill token",
    "c_s_per_sequence": "c, per decoding sequence",
    "d_s_per_token": "d, per KV token",
    "q_s_per_pair": "q, per attention pair of prefill",
}


def parts(document: Document) -> list[Part]:
    """The replica, its step time, its memory and its throughput."""
    split = [f"{name} {document[name]}" for name in ("tp", "pp", "dp", "ep") if document[name] > 1]
    layout = f" ({', '.join(split)})" if split else ""
    device = document["accelerator"] + (f" {document['slice']}" if document["slice"] else "")
    replica = (
        f"{document['model']} on {document['accelerators']} x {device}{layout}, weights "
        f"{document['precision']}, KV cache {document['kv_precision']}"
    )
    source = [
        *_base(document),
        *(f"a step asked for: {seconds(step_s)}" for step_s in document["step_s"]),
        f"{document['provenance']}: {document['source']}",
        f"spread of the real step time: log-normal, sigma {amount(document['sigma'])}",
    ]
    times = [
        {"coefficient": title, "time": seconds(document["coefficients"][name])} for name, title in _COEFFICIENTS.items()
    ]
    return [
        Part(title="Replica", titled=False, said=[replica, *document["assumptions"], *_speculation(document)]),
        Part(title="Step time  t = a + b P + c B + d K + q Q", rows=times, said=source),
        *_measured(document),
        Part(title="Memory", rows=memory(document), said=[document["memory_provenance"]]),
        _throughput(document),
    ]


def _speculation(document: Document) -> list[str]:
    """Tokens and drafting of a step."""
    found = document["speculation"]
    if found is None:
        return []
    rates = ", ".join(amount(rate) for rate in found["rates"])
    tokens, draft = amount(found["tokens_per_step"]), seconds(found["draft_s"])
    return [f"{tokens} tokens a step (accepted by position: {rates}); drafting for one sequence takes {draft} of it"]


def _base(document: Document) -> list[str]:
    """Lines of the base where it is not linear: every third power of two, and the last."""
    base = document["base"]
    if not base:
        return []
    shown = [*base[:-1:3], base[-1]]
    times = ", ".join(f"{seconds(row['seconds'])} at {count(row['tokens'])}" for row in shown)
    return [f"a, b and c sum up what is not linear in the tokens P + B: {times}"]


def _measured(document: Document) -> list[Part]:
    """Measurements of the user beside the predictions."""
    rows = [
        {
            "prompt": count(row["prompt_tokens"]),
            "output": count(row["output_tokens"]),
            "clients": count(row["clients"]),
            "measured": seconds(row["tpot_s"]),
            "predicted": seconds(row["predicted_tpot_s"]),
            "predicted / measured": amount(row["ratio"]),
            "95 % interval": "inside" if row["in_95_interval"] else "outside",
        }
        for row in document["measured"]
    ]
    return [Part(title="Time per output token, measured and predicted", rows=rows, left=0)] if rows else []


def memory(document: Document) -> Table:
    """Memory of the replica and of each device."""
    sizes = {
        "weights, replica": size(document["weights_bytes"]),
        "weights, per device": size(document["weights_bytes_per_device"]),
        **({"adapters, per device": size(adapters)} if (adapters := document["adapters_bytes_per_device"]) else {}),
        **({"drafter, per device": size(drafter)} if (drafter := document["drafter_bytes_per_device"]) else {}),
        "overhead, per device": size(document["overhead_bytes"]),
        "KV cache of one token, per device": size(document["kv_bytes_per_token"]),
        "KV cache, replica": f"{count(document['kv_capacity_tokens'])} tokens",
    }
    return [{"memory": name, "size": held} for name, held in sizes.items()]


def _throughput(document: Document) -> Part:
    prefill, context = document["prefill"], count(document["context_tokens"])
    first = (
        f"Prefill of {count(prefill['tokens'])} tokens in one step: {seconds(prefill['step_s'])}, "
        f"{count(prefill['tokens_per_s'])} tokens/s"
    )
    rows = [
        {
            "sequences": count(row["batch"]),
            "TPOT": seconds(row["tpot_s"]),
            "tokens/s": count(row["tokens_per_s"]),
            **({"speed-up": f"{row['speedup']:.2f}"} if "speedup" in row else {}),
        }
        for row in document["throughput"]
    ]
    none = f"The KV cache holds no sequence of {context} tokens."
    said = [first] if rows else [first, none]
    return Part(title=f"Decode at {context} tokens of context, no prefill", rows=rows, said=said, left=0)
