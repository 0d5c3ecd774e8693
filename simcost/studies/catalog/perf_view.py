"""The performance of a replica in the terminal."""

from collections.abc import Mapping
from typing import Any

from simcost.present.text_table import table
from simcost.units import format_bytes, format_count, format_seconds


def text(document: Mapping[str, Any]) -> str:
    """Layout of the document of `perf_document`."""
    return "\n\n".join((_title(document), _step(document), _memory(document), _throughput(document)))


def _title(document: Mapping[str, Any]) -> str:
    return (
        f"{document['model']} on {document['tp']} x {document['accelerator']}, weights {document['precision']}, "
        f"KV cache {document['kv_precision']}"
    )


def _step(document: Mapping[str, Any]) -> str:
    names = {
        "a_s": "a, each step",
        "b_s_per_token": "b, per prefill token",
        "c_s_per_sequence": "c, per decoding sequence",
        "d_s_per_token": "d, per KV token",
        "q_s_per_pair": "q, per attention pair of prefill",
    }
    rows = [[title, format_seconds(document["coefficients"][name])] for name, title in names.items()]
    return "\n".join(
        (
            "Step time  t = a + b P + c B + d K + q Q",
            table(["coefficient", "time"], rows),
            *_base(document),
            *(f"a step asked for: {format_seconds(step_s)}" for step_s in document["step_s"]),
            f"{document['provenance']}: {document['source']}",
            f"spread of the real step time: log-normal, sigma {document['sigma']:.2f}",
        )
    )


def _base(document: Mapping[str, Any]) -> list[str]:
    """Lines of the base where it is not linear: every third power of two, and the last."""
    base = document["base"]
    if not base:
        return []
    shown = [*base[:-1:3], base[-1]]
    times = ", ".join(f"{format_seconds(row['seconds'])} at {format_count(row['tokens'])}" for row in shown)
    return [f"a, b and c sum up what is not linear in the tokens P + B: {times}"]


def _memory(document: Mapping[str, Any]) -> str:
    rows = [
        ["weights, replica", format_bytes(document["weights_bytes"])],
        ["weights, per device", format_bytes(document["weights_bytes_per_device"])],
        ["overhead, per device", format_bytes(document["overhead_bytes"])],
        ["KV cache of one token, per device", format_bytes(document["kv_bytes_per_token"])],
        ["KV cache, replica", f"{format_count(document['kv_capacity_tokens'])} tokens"],
    ]
    return f"{table(['memory', 'size'], rows)}\n{document['memory_provenance']}"


def _throughput(document: Mapping[str, Any]) -> str:
    prefill, context = document["prefill"], format_count(document["context_tokens"])
    first = (
        f"Prefill of {format_count(prefill['tokens'])} tokens in one step: {format_seconds(prefill['step_s'])}, "
        f"{format_count(prefill['tokens_per_s'])} tokens/s"
    )
    rows = [
        [str(row["batch"]), format_seconds(row["tpot_s"]), format_count(row["tokens_per_s"])]
        for row in document["throughput"]
    ]
    if not rows:
        return f"{first}\nThe KV cache holds no sequence of {context} tokens."
    shown = table(["sequences", "TPOT", "tokens/s"], rows, left=0)
    return f"{first}\nDecode at {context} tokens of context, no prefill:\n{shown}"
