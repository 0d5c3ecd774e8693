"""Share of a cluster that placements allocate, in the terminal."""

from textwrap import fill
from typing import Any

from simcost.present.text_table import table
from simcost.units import format_share

Document = dict[str, Any]
WIDTH = 100
SHOWN = ("50", "80", "90", "100")


def text(document: Document) -> str:
    """The document of `simcost train pack`: the verdict, and a row for each placement."""
    asked = [at for at in SHOWN if all(at in one["allocated"] for one in document["placements"])]
    header = ["placement", *(f"at {at} %" for at in asked), "at the end"]
    rows = [
        [one["placement"], *(_spread(one["allocated"][at]) for at in asked), _spread(one["allocated_at_end"])]
        for one in document["placements"]
    ]
    idle = [
        [one["placement"], *(_spread(one["fragmented"][at]) for at in asked), f"{one['refused_gpus']:,.0f}"]
        for one in document["placements"]
    ]
    times = f"mean of {document['orders']} orders of arrival" if document["orders"] > 1 else "one order of arrival"
    parts = [
        fill(document["verdict"], WIDTH),
        f"GPUs allocated when so many have been requested ({times})\n{table(header, rows)}",
        "idle GPUs that no typical job could use, and GPUs refused\n" + table([*header[:-1], "GPUs refused"], idle),
        *(fill(f"note: {finding['message']}", WIDTH) for finding in document.get("findings", ())),
    ]
    return "\n\n".join(parts)


def _spread(of: dict[str, float]) -> str:
    deviation = f" ± {100 * of['sd']:.1f}" if of["sd"] else ""
    return f"{format_share(of['mean'])}{deviation}"
