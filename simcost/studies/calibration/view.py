"""A calibration, as parts: how true the replay is, the coefficients, and what was not seen."""

from __future__ import annotations

from typing import Any

from simcost.present.chart_style import Document
from simcost.present.format import NONE, amount, between, count, seconds, share, share_change
from simcost.present.parts import Part, Table, notes
from simcost.studies.calibration import charts

_COEFFICIENTS = {
    "a_s": "a, each step",
    "b_s_per_token": "b, per prefill token",
    "c_s_per_sequence": "c, per decoding sequence",
    "d_s_per_token": "d, per KV token",
    "q_s_per_pair": "q, per attention pair of prefill",
    "first_token_overhead_s": "first-token overhead, each request",
}
_PARTS = {"holdout": "left out", "fit": "fitted", "catalog": "catalog alone"}


def parts(document: Document) -> list[Part]:
    """Parts below the verdict, on every screen."""
    return [
        Part(title="Replay against observation", rows=errors(document), chart=lambda: charts.errors(document)),
        Part(title="Benchmark points", rows=points(document)),
        Part(title="Coefficients", rows=coefficients(document), said=[spread(document)]),
        Part(title="Not identified: measure next", said=[_missing(row) for row in document["not_identified"]]),
        notes(document),
    ]


def errors(document: Document) -> Table:
    """A row per latency and part of the observation: simulated over observed, less 1; of points the median size."""
    said = share if _several(document) else share_change
    return [
        {"error": f"{name.upper()}, {title}{_several(document)}", **{key: said(value) for key, value in each.items()}}
        for part, title in _PARTS.items()
        for name, each in document[part].items()
        if any(value is not None for value in each.values())
    ]


def _several(document: Document) -> str:
    return ", median point" if document["points"] > 1 else ""


def points(document: Document) -> Table:
    """A row per benchmark point, with the error of the mean, or else of the median."""
    return [
        {"point": point["name"], **{name.upper(): _first(point.get(name, {})) for name in ("ttft", "tpot", "e2e")}}
        for point in document.get("each_point", [])
    ]


def _first(each: Document) -> str:
    return next((share_change(each[key]) for key in ("mean", "p50", "max") if key in each), NONE)


def coefficients(document: Document) -> Table:
    """Each coefficient with its 95 % range, where there is one, or that the observation does not tell it."""
    ranges, unknown = document["coefficients_95"], {row["coefficient"] for row in document["not_identified"]}
    rows = []
    for name, title in _COEFFICIENTS.items():
        value, each = seconds(document["coefficients"][name]), ranges.get(name)
        whole = between(seconds(each["lo"]), value, seconds(each["hi"])) if each else value
        rows.append({"coefficient": title, "time (95 %)": f"{whole} (not identified)" if name in unknown else whole})
    return rows


def spread(document: Document) -> str:
    """Spread that is left, the factor, and the KV cache."""
    factor, tokens = document["engine_factor"], document["kv_tokens"]
    whose = "a step takes" if document["points"] else "a token takes, under this load,"
    ratio = "" if factor is None else f"; {whose} {amount(factor)} times as long as the catalog expects"
    cache = "" if tokens is None else f"; KV cache {count(tokens)} tokens"
    return f"spread left: log-normal, sigma {amount(document['sigma'])}{ratio}{cache}"


def _missing(row: dict[str, Any]) -> str:
    return f"{row['coefficient']}: {row['reason']}. Measure {row['measure']}."
