"""A result as one self-contained HTML page: no script, no font, no image from outside."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import simcost.present
from simcost.documents import to_document
from simcost.outputs import whole_file
from simcost.present.chart_style import Document
from simcost.present.forecast_charts import fan
from simcost.present.parts import Part, page
from simcost.scenario.storage.folders import check_result, made_of, no_result, sealed_page
from simcost.studies.plans import (
    cost_charts,
    fleet_view,
    futures_view,
    group_view,
    job_charts,
    job_tables,
    money_tables,
    pool_view,
    provisioning_view,
    quality_view,
    retry_tables,
    service_view,
    side_tables,
    tables,
    tenant_view,
)
from simcost.studies.plans.contents import counted, of_which, serves, trains
from simcost.studies.plans.cost_charts import spread
from simcost.studies.plans.fleet_chart import fleets_side_by_side
from simcost.studies.plans.latency_charts import has_latencies
from simcost.units import plural

FEW_SERVICES = 3
"""Services that are shown one by one alone; of more the chosen plan is shown as a whole too."""


def write_html(folder: Path) -> Path:
    """Write `report.html` into a finished result folder and return its path; a whole one of this result stays.

    Raises:
        InputError: the folder holds no finished result.
    """
    target = folder / "report.html"
    stamp = _stamp(folder)
    with suppress(OSError):
        if stamp is not None and made_of(target) == stamp:
            return target
    document, shown = read(folder)
    text = page(document["scenario"], to_document(document), parts(document, shown))
    with whole_file(target) as draft:
        draft.write_text(sealed_page(text, str(stamp)), encoding="utf-8")
    return target


def _stamp(folder: Path) -> str | None:
    """Hash of all that the report is made of: the result and the code that draws it; None = no result."""
    inputs = sha256()
    try:
        for path in (
            *_files(folder, ".json"),
            *_files(folder / "tables"),
            *_files(Path(__file__).parent),
            *_files(Path(simcost.present.__file__).parent),
        ):
            inputs.update(path.read_bytes())
    except OSError:
        return None
    return inputs.hexdigest()


def _files(folder: Path, suffix: str = "") -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and path.name.endswith(suffix))


def read(folder: Path) -> tuple[Document, dict[str, Any]]:
    """The document of a result folder, and by name the tables that charts draw.

    Raises:
        InputError: the folder holds no finished result.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        check_result(folder)
        document = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        names = [
            *(cost_charts.TABLES if serves(document) else ()),
            *(job_charts.TABLES if trains(document) else ()),
            *(("runs",) if "futures" in document else ()),
            *(("followed",) if fleet_view.table(service_view.one_by_one(document)) else ()),
        ]
        files = {name: folder / "tables" / f"{name}.parquet" for name in names}
        shown = {name: pq.ParquetFile(file).read() for name, file in files.items() if name != "gpus" or file.exists()}
        futures = document.get("futures", {"plans": []})["plans"]
        if any("per_month_by_part" not in plan["cost_usd"] for plan in document["plans"]) or any(
            "total_usd" not in plan for plan in futures
        ):
            raise ValueError("it was written by an older simcost")  # noqa: TRY301  # as any other unusable file
        if "demand" in document:
            shown["demand"] = json.loads((folder / "demand.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise no_result(folder, error) from None
    return document, shown


def parts(document: Document, shown: dict[str, Any] | None = None) -> list[Part]:
    """Parts below the verdict, on every screen, in the order in which a reader asks.

    Args:
        document: of `simcost run`.
        shown: the tables that charts draw; None = no charts.
    """
    demand = futures_view.demand_sentences(document["demand"]) if "demand" in document else []
    charges = money_tables.charge_changes(document)
    forwarded = service_view.forwarded(document)
    return [
        Part(title="Plans compared", titled=False, rows=tables.comparison(document), said=tables.legend(document)),
        *futures_view.bills(document),
        Part(
            title="Services",
            rows=service_view.table(document),
            said=service_view.unallocated(document),
            left=2,
        ),
        Part(
            title="Requests between services",
            rows=forwarded,
            said=[service_view.FORWARDED, *counted(document)] if forwarded else [],
            left=2,
        ),
        Part(
            title="Pools",
            rows=pool_view.table(document),
            said=[*pool_view.overflow(document), *pool_view.unused(document), *pool_view.notes(document)],
            left=2,
        ),
        Part(
            title="Differences from the baseline",
            rows=tables.differences(document),
            said=tables.corrected(document),
            detail=True,
        ),
        Part(title="Findings", said=[finding["message"] for finding in document.get("findings", [])]),
        Part(title="Targets missed", said=tables.missed(document)),
        *([] if shown is None else pictures(document, shown)),
        *_requests(service_view.one_by_one(document)),
        *_jobs(document),
        *_fleets(document),
        Part(title=f"Over {plural(document['replications'], 'future')}", rows=futures_view.table(document)),
        Part(title="What not knowing the demand costs", said=futures_view.sentences(document)),
        Part(title="The demand", said=demand),
        Part(title="What drives the difference", said=document["drivers"]),
        Part(title=f"Charge by charge, a month, against {document['baseline']}", said=charges),
        Part(
            title="Unit costs and energy",
            rows=money_tables.units(document),
            said=[*money_tables.unit_notes(document), *money_tables.energy_notes(document)],
            detail=True,
        ),
        Part(title="Quality of the models", said=quality_view.sentences(service_view.by_quality(document))),
        Part(title="Assumptions", said=[*document["assumptions"], tables.provenance(document)]),
    ]


def _requests(document: Document) -> list[Part]:
    """Outcomes of the requests."""
    first, tenants, sides = of_which(document), tenant_view.table(document), side_tables.table(document)
    levels = tables.service_levels(document)
    return [
        Part(title="Service level", rows=tables.objectives(document), detail=True),
        Part(title="Latency and answers", rows=levels, said=counted(document) if levels else [], detail=True),
        Part(title=f"Requests without an answer{first}", said=tables.unanswered(document)),
        Part(title=f"Retries of clients{first}", rows=retry_tables.table(document)),
        Part(title=f"By priority{first}", rows=retry_tables.by_priority(document)),
        Part(
            title="By tenant",
            rows=tenants,
            said=[tenant_view.notes(document), *counted(document)] if tenants else [],
            most=tenant_view.MOST_ROWS,
            closed=len(tenants) > tenant_view.MOST_ROWS,
        ),
        Part(title=f"Prefixes{first}", said=retry_tables.prefixes(document)),
        Part(
            title="Prefill and decode apart",
            rows=sides,
            said=[*side_tables.transfers(document), *(counted(document, "transfers") if sides else [])],
        ),
        Part(title="Prefix cache of the engines", rows=retry_tables.prefix_caches(document)),
        Part(title="Adapters loaded", rows=retry_tables.adapters(document)),
    ]


def _fleets(document: Document) -> list[Part]:
    """Replica-hours paid and needed, and how fleets followed their demand."""
    fleets, replicas = fleet_view.table(service_view.one_by_one(document)), provisioning_view.table(document)
    one_by_one = service_view.one_by_one(document)
    regrets, without = provisioning_view.regrets(one_by_one), provisioning_view.without_bound(one_by_one)
    return [
        Part(
            title="Paid and needed replica-hours, a month",
            rows=replicas,
            said=provisioning_view.meaning(document),
        ),
        Part(title="How the fleets followed demand", rows=fleets, said=[fleet_view.NOTE] if fleets else []),
        Part(
            title="Against a perfect autoscaler, USD a month",
            rows=regrets,
            said=[*([provisioning_view.BOUND, *provisioning_view.fixed(document)] if regrets else []), *without],
        ),
    ]


def _jobs(document: Document) -> list[Part]:
    """Outcomes of the jobs, and use of the GPU time."""
    times = job_tables.times(document)
    return [
        Part(title="Jobs", rows=times, said=counted(document, "counts of jobs") if times else [], detail=True),
        Part(title=f"Jobs without an end{of_which(document)}", said=tables.unfinished(document)),
        Part(title="Where the GPU time went", rows=job_tables.gpu_time(document)),
        *(_group(document, kind) for kind in ("pool", "user")),
    ]


def _group(document: Document, kind: str) -> Part:
    """Jobs, waits and cost by pool or by user."""
    rows = group_view.table(document, kind)
    return Part(
        title=f"Jobs by {kind}",
        rows=rows,
        said=[group_view.note(document, kind)] if rows else [],
        left=2,
        detail=len(rows) > group_view.MOST_ROWS,
    )


def pictures(document: Document, shown: dict[str, Any]) -> Iterator[Part]:
    """The charts that a result has."""
    if "futures" in document:
        yield Part(title="Cost over the futures", chart=lambda: spread(document, shown["runs"]))
    if "demand" in document:
        yield Part(title="Demand", chart=lambda: fan(shown["demand"]))
    yield Part(title="Where the money went", chart=lambda: cost_charts.cost_stack(document))
    if trains(document):
        yield Part(title="Cost against waiting", chart=lambda: job_charts.cost_against_wait(document))
        yield Part(title="GPU time", chart=lambda: job_charts.gpu_time(document))
        if "gpus" in shown:
            yield Part(title="GPUs over time", chart=lambda: job_charts.gpus_over_time(document, shown["gpus"]))
        yield Part(title="Waiting", chart=lambda: job_charts.wait_spread(document, shown["waits"]))
    if service_view.has_services(document):
        yield from _pictures_of_services(document, shown)
    elif serves(document):
        if any(plan["slo"]["attainment"] is not None for plan in document["plans"]):
            yield Part(title="Cost against service level", chart=lambda: cost_charts.cost_against_slo(document))
        yield Part(title="Service level by hour", chart=lambda: cost_charts.slo_heat(document, shown["hours"]))
        if has_latencies(shown["latency"]):
            yield Part(title="Latency", chart=lambda: cost_charts.latency_cdf(document, shown["latency"]))
        if "followed" in shown:
            yield Part(title="Demand and fleet", chart=lambda: fleet_view.picture(document, shown["followed"]))
        yield Part(title="Fleet", chart=lambda: cost_charts.fleet_timeline(document, shown["timeline"]))


def _pictures_of_services(document: Document, shown: dict[str, Any]) -> Iterator[Part]:
    """The bill by service, of many how the chosen plan serves all, then for each service how it was served."""
    yield Part(title="Cost by service", chart=lambda: service_view.cost_by_service(document))
    if len(service_view.services(document)) > FEW_SERVICES:
        yield from _pictures_of_all(document, shown)
    for name in service_view.services(document):
        yield from _pictures_of(name, *service_view.of_service(document, shown, name))


def _pictures_of_all(document: Document, shown: dict[str, Any]) -> Iterator[Part]:
    plan = service_view.chosen_plan(document)
    services, tables = service_view.of_plan(document, shown, plan)
    for title, draw, table in (
        ("Service level of all services by hour", cost_charts.slo_heat, "hours"),
        ("Fleets of all services", fleets_side_by_side, "timeline"),
    ):
        yield Part(title=title, chart=partial(_drawn_of, plan["name"], draw, services, tables[table]))


def _pictures_of(name: str, document: Document, shown: dict[str, Any]) -> Iterator[Part]:
    for title, draw, table in (
        (f"Service level of {name} by hour", cost_charts.slo_heat, "hours"),
        (f"Latency of {name}", cost_charts.latency_cdf, "latency"),
        (f"Fleet of {name}", cost_charts.fleet_timeline, "timeline"),
    ):
        if table != "latency" or has_latencies(shown[table]):
            yield Part(title=title, chart=partial(_drawn_of, name, draw, document, shown[table]))


def _drawn_of(name: str, draw: Callable[[Document, Any], Any], document: Document, table: Any) -> Any:
    """A chart whose title names the service, or the plan."""
    chart = draw(document, table)
    chart.title.text = f"{name}: {chart.title.text}"
    return chart
