"""Likeness of a synthetic trace to a real one, as parts."""

from collections.abc import Mapping
from typing import Any

from simcost.present.format import amount, exact, seconds
from simcost.present.parts import Part
from simcost.units import plural

Document = Mapping[str, Any]
_COARSE_S = 0.1
_MEASURES = {"ratio": "x", "difference": "diff", "distance": "D"}
_MEANING = (
    "x: synthetic over real; diff: synthetic less real; D: distance of the distributions, of which real and synthetic "
    "show the medians (of rate profile the peak over the mean)"
)


def parts(document: Document) -> list[Part]:
    """Parts below the verdict, on every screen."""
    sides = [
        f"{side}: {document[side]['file']}, {plural(document[side]['rows'], 'request')} in "
        f"{seconds(document[side]['span_s'])}"
        for side in ("real", "synthetic")
    ]
    step_s = document["clock_s"]
    coarse = [f"clock of {seconds(step_s)} steps: what it hides is not compared"] if step_s >= _COARSE_S else []
    rows = [_row(check) for check in document["checks"]]
    return [
        Part(title="Traces", titled=False, said=sides),
        Part(title="Checks", titled=False, rows=rows, said=[_MEANING, *coarse]),
    ]


def _row(check: Document) -> dict[str, str]:
    measure = next(name for name in _MEASURES if name in check)
    return {
        "check": check["check"].replace("_", " "),
        "real": amount(check["real"]),
        "synthetic": amount(check["synthetic"]),
        "apart": f"{_MEASURES[measure]} {amount(check[measure])}",
        "tolerance": exact(check["tolerance"]),
        "": "ok" if check["within"] else "NO",
    }
