"""Similarity of a synthetic trace to a real one, in the terminal."""

from collections.abc import Mapping
from typing import Any

from simcost.present.text_table import table
from simcost.units import format_count, format_seconds

_COARSE_S = 0.1
_MEASURES = {"ratio": "x", "difference": "diff", "distance": "D"}


def text(document: Mapping[str, Any]) -> str:
    """Layout of the document of `trace compare`."""
    sides = [
        f"{side}: {document[side]['file']}, {format_count(document[side]['rows'])} requests in "
        f"{format_seconds(document[side]['span_s'])}"
        for side in ("real", "synthetic")
    ]
    rows = [_row(check) for check in document["checks"]]
    heads = ["check", "real", "synthetic", "apart", "tolerance", ""]
    note = (
        "x: synthetic over real; diff: synthetic less real; D: distance of the distributions,\n"
        "of which real and synthetic show the medians (of rate profile the peak over the mean)"
    )
    coarse = document["clock_s"]
    clock = f"clock of {format_seconds(coarse)} steps: what it hides is not compared" if coarse >= _COARSE_S else ""
    return "\n".join([document["verdict"], "", *sides, "", table(heads, rows), "", note, clock]).rstrip()


def _row(check: Mapping[str, Any]) -> list[str]:
    measure = next(name for name in _MEASURES if name in check)
    return [
        check["check"].replace("_", " "),
        f"{check['real']:.4g}",
        f"{check['synthetic']:.4g}",
        f"{_MEASURES[measure]} {check[measure]:.3f}",
        f"{check['tolerance']:g}",
        "ok" if check["within"] else "NO",
    ]
