"""A calibration for people: how true the replay is, the coefficients, and what was not seen."""

from __future__ import annotations

from textwrap import fill

from simcost.present.chart_style import Document
from simcost.present.format import printable
from simcost.present.parts import Part, Table
from simcost.present.text_table import table_of
from simcost.studies.calibration import charts
from simcost.units import format_count, format_seconds

_WIDTH = 100
_TITLES = {
    "a_s": "a, each step",
    "b_s_per_token": "b, per prefill token",
    "c_s_per_sequence": "c, per decoding sequence",
    "d_s_per_token": "d, per KV token",
    "q_s_per_pair": "q, per attention pair of prefill",
    "first_token_overhead_s": "first-token overhead, each request",
}


def text(document: Document) -> str:
    """The document of `simcost calibrate`, laid out for people."""
    blocks = [fill(printable(document["verdict"]), _WIDTH)]
    for part in parts(document):
        said = "\n".join(fill(line, _WIDTH, subsequent_indent="  ") for line in part.said)
        body = "\n".join(block for block in (table_of(part.rows) if part.rows else "", said) if block)
        if body:
            blocks.append(f"{part.title}\n{body}" if part.titled else body)
    return "\n\n".join(blocks)


def parts(document: Document) -> list[Part]:
    """What the page shows below the verdict."""
    return [
        Part(title="Replay against observation", rows=errors(document), chart=lambda: charts.errors(document)),
        Part(title="Benchmark points", rows=points(document)),
        Part(title="Coefficients", rows=coefficients(document), said=[spread(document)]),
        Part(title="Not identified: measure next", said=missing(document)),
        Part(title="Notes", said=[printable(one["message"]) for one in document["findings"]]),
        Part(title="Files", said=document.get("files", [])),
    ]


def errors(document: Document) -> Table:
    """A row per latency and part of the observation: simulated over observed, less 1."""
    rows = []
    for key, title in (("holdout", "left out"), ("fit", "fitted"), ("catalog", "catalog alone")):
        for name, each in document[key].items():
            if any(value is not None for value in each.values()):
                shown = {statistic: "-" if value is None else f"{value:+.1%}" for statistic, value in each.items()}
                rows.append({"error": f"{name.upper()}, {title}", **shown})
    return rows


def points(document: Document) -> Table:
    """A row per benchmark point."""
    rows = []
    for point in document.get("each_point", []):
        row = {"point": printable(point["name"])}
        for name in ("ttft", "tpot", "e2e"):
            each = point.get(name, {})
            first = next((key for key in ("mean", "p50", "max") if key in each), None)
            row[name.upper()] = "-" if first is None else f"{each[first]:+.1%}"
        rows.append(row)
    return rows


def coefficients(document: Document) -> Table:
    """Each coefficient with its 95 % range, where there is one."""
    ranges = document["coefficients_95"]
    rows = []
    for name, title in _TITLES.items():
        each = ranges.get(name)
        between = f"{format_seconds(each['lo'])} to {format_seconds(each['hi'])}" if each else "-"
        row = {"coefficient": title, "time": format_seconds(document["coefficients"][name]), "95 %": between}
        rows.append(row)
    return rows


def spread(document: Document) -> str:
    """What is left, and the factor."""
    factor = document["engine_factor"]
    ratio = "" if factor is None else f"; the engine takes {factor:.2f} times as long as the catalog expects"
    tokens = document["kv_tokens"]
    cache = "" if tokens is None else f"; KV cache {format_count(tokens)} tokens"
    return f"spread left: log-normal, sigma {document['sigma']:.3f}{ratio}{cache}"


def missing(document: Document) -> list[str]:
    """A sentence for each coefficient that the observation does not fix."""
    return [f"{row['coefficient']}: {row['reason']}. Measure {row['measure']}." for row in document["not_identified"]]
