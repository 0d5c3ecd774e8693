"""How many GPUs a queue needs, in the terminal."""

from textwrap import fill
from typing import Any

from simcost.report.table import table
from simcost.units import format_seconds, format_share, format_usd

Document = dict[str, Any]
WIDTH = 100


def text(document: Document) -> str:
    """The document of `simcost train size`: the verdict, the policies, and the curve of each."""
    target = f"P{100 * document['target']['percentile']:g} wait"
    parts = [
        fill(document["verdict"], WIDTH),
        f"offered load: {document['offered_gpus']:,.1f} GPUs on average",
    ]
    parts.append(_policies(document, target))
    parts += [f"{one['policy']}\n{_curve(one, target)}" for one in document["policies"]]
    parts += [fill(f"note: {finding['message']}", WIDTH) for finding in document.get("findings", ())]
    return "\n\n".join(parts)


def _policies(document: Document, target: str) -> str:
    rows = [[one["policy"], *_cells(one)] for one in document["policies"]]
    return table(["policy", *_heads(target)], rows)


def _curve(one: Document, target: str) -> str:
    return table(_heads(target), [_cells(point) for point in one["curve"]], left=0)


def _heads(target: str) -> list[str]:
    return ["GPUs", "$/month", target, "mean wait", "utilisation"]


def _cells(point: Document) -> list[str]:
    usd = point["usd_per_month"]
    return [
        f"{point['gpus']:,}",
        "-" if usd is None else format_usd(usd),
        format_seconds(point["wait_s"]["target"]),
        format_seconds(point["wait_s"]["mean"]),
        format_share(point["utilisation"]),
    ]
