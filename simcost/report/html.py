"""A result as one HTML page that needs nothing else: no script, no font, no picture from outside."""

import json
import os
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from simcost.errors import InputError
from simcost.report import charts, following, futures, job_charts, job_tables, money, tables
from simcost.report.forecast_charts import fan
from simcost.report.futures_chart import spread
from simcost.report.page import bullets, frame, section, table
from simcost.report.sides import serves, trains
from simcost.report.style import Document, to_svg


def write_html(folder: Path) -> Path:
    """Write `report.html` into a finished result folder and return its path.

    Raises:
        InputError: the folder holds no finished result.
    """
    target = folder / "report.html"
    draft = folder / f".report.html.{os.getpid()}.tmp"
    text = page(*read(folder))
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    return target


def read(folder: Path) -> tuple[Document, dict[str, Any]]:
    """The document of a result folder, and by name the tables that charts draw.

    Raises:
        InputError: the folder holds no finished result.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        document = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        names = [*(charts.TABLES if serves(document) else ()), *(job_charts.TABLES if trains(document) else ()),
                 *(("runs",) if "futures" in document else ()),
                 *(("followed",) if following.table(document) else ())]  # fmt: skip
        files = {name: folder / "tables" / f"{name}.parquet" for name in names}
        shown = {
            name: pq.ParquetFile(file).read()
            for name, file in files.items()
            if name != "gpus" or file.exists()
        }
        if "demand" in document:
            shown["demand"] = json.loads((folder / "demand.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InputError(
            f"{folder}: no finished result ({error}); write one with `simcost run FILE.yaml --out {folder}`"
        ) from None
    return document, shown


def page(document: Document, shown: dict[str, Any]) -> str:
    """The whole page; every text of the result is escaped."""
    body = [
        section("Plans compared", table(tables.comparison(document))),
        section("Over the futures", table(futures.table(document)), bullets(futures.sentences(document))),
        section("Targets missed", bullets(tables.missed(document))),
        section("Jobs", table(job_tables.times(document)), table(job_tables.gpu_time(document))),
        section("How the fleets followed demand", table(following.table(document))),
        section("What drives the difference", bullets(document["drivers"])),
        section(
            f"Charge by charge, a month, against {document['baseline']}",
            bullets(money.charge_changes(document)),
        ),
        *(figure(title, chart, i) for i, (title, chart) in enumerate(pictures(document, shown))),
        section("Requests", table(tables.objectives(document)), table(tables.service_levels(document))),
        section("Demand", bullets(futures.demand_sentences(document["demand"])))
        if "demand" in document
        else "",
        section("Unit costs and energy", table(money.units(document)), bullets(money.energy_notes(document))),
        section("Assumptions", bullets(document["assumptions"])),
        section("Provenance", table(tables.provenance(document), left=True)),
    ]
    return frame(document["scenario"], document["verdict"], document.get("question", ""), "".join(body))


def pictures(document: Document, shown: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Name and chart, in the order in which a reader asks."""
    if "futures" in document:
        yield "Cost over the futures", spread(document, shown["runs"])
    if "demand" in document:
        yield "Demand", fan(shown["demand"])
    yield "Where the money went", charts.cost_stack(document)
    if trains(document):
        yield "Cost against waiting", job_charts.cost_against_wait(document)
        yield "GPU time", job_charts.gpu_time(document)
        if "gpus" in shown:
            yield "GPUs over time", job_charts.gpus_over_time(document, shown["gpus"])
        yield "Waiting", job_charts.wait_spread(document, shown["waits"])
    if serves(document):
        yield "Cost against service level", charts.cost_against_slo(document)
        yield "Service level by hour", charts.slo_heat(document, shown["hours"])
        yield "Latency", charts.latency_cdf(document, shown["latency"])
        if "followed" in shown:
            yield "Demand and fleet", following.picture(document, shown["followed"])
        yield "Fleet", charts.fleet_timeline(document, shown["timeline"])


def figure(title: str, chart: Any, index: int) -> str:
    """The chart as inline SVG, its ids made unique on the page and its white ground left out."""
    svg = re.sub(r'<rect width="\d+" height="\d+" fill="white"/>', "", to_svg(chart), count=1)
    svg = re.sub(r'(\bid="|url\(#)', rf"\g<1>chart{index}-", svg)
    return f'<figure role="img" aria-label="{escape(title)}">{svg}</figure>\n'
