"""A comparison as text for a terminal: the verdict first, then the table, drivers, assumptions."""

from textwrap import fill
from typing import Any

from simcost.present.text_table import table
from simcost.studies.plans import fleet_view, futures_view, job_tables, provisioning_view, retry_tables
from simcost.studies.plans.contents import serves, trains, utilisation
from simcost.studies.plans.money_tables import charge_changes
from simcost.units import format_seconds, format_share, format_usd

Document = dict[str, Any]
WIDTH = 100
_GAP = "  "
_NAME = 30
_LEGEND = {
    "*": "cheapest that meets the SLO",
    "x": "misses the SLO",
    "~": "not significantly different",
}


def text(document: Document) -> str:
    """Layout of the document of `simcost run` in at most 100 columns."""
    misses = [f"{p['name']}: {p['slo']['missed']}" for p in document["plans"] if p["slo"]["missed"]]
    parts = [
        fill(document["verdict"], WIDTH),
        _table(document),
        _section("Findings", [finding["message"] for finding in document.get("findings", [])]),
        _section("Targets missed", misses),
        _section(f"Requests without an answer{of_which(document)}", unanswered(document)),
        _titled(f"Retries of clients{of_which(document)}", retry_tables.table(document)),
        _titled(f"By priority{of_which(document)}", retry_tables.by_priority(document)),
        _section(f"Prefixes{of_which(document)}", retry_tables.prefixes(document)),
        _section(f"Jobs without an end{of_which(document)}", _unfinished(document)),
        _titled("Where the GPU time went", job_tables.gpu_time(document)),
        _provisioned(document),
        _followed(document),
        _futures(document),
        _section("What not knowing the demand costs", futures_view.sentences(document)),
        _section("The demand", futures_view.demand_sentences(document["demand"]) if "demand" in document else []),
        _section("What drives the difference", document["drivers"]),
        _section(f"Charge by charge, a month, against {document['baseline']}", charge_changes(document)),
        _section("Assumptions", [*document["assumptions"], _provenance(document)]),
        _section("Files", document["files"]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _followed(document: Document) -> str:
    """Tracking of demand by the fleets that changed."""
    found = _titled("How the fleets followed demand", fleet_view.table(document))
    return "\n".join([found, *(fill(note, WIDTH) for note in fleet_view.notes(document))])


def _provisioned(document: Document) -> str:
    """Paid and needed replicas of each plan."""
    found = _titled("Paid and needed replica-hours, a month", provisioning_view.table(document))
    return "\n".join([found, *(fill(note, WIDTH) for note in provisioning_view.notes(document))])


def _futures(document: Document) -> str:
    """Cost and service of each plan over the futures."""
    return _titled(f"Over {document['replications']} futures", futures_view.table(document))


def _titled(title: str, rows: list[dict[str, str]]) -> str:
    """A table under its title; nothing where there is none."""
    if not rows:
        return ""
    cells = [[_cut(row["Plan"]), *list(row.values())[1:]] for row in rows]
    return f"{title}\n" + table(list(rows[0]), cells)


def _cut(name: str) -> str:
    return name if len(name) <= _NAME else name[: _NAME - 1] + "…"


def of_which(document: Document) -> str:
    """Replication whose requests are counted."""
    return f", first of {document['replications']} replications" if document["replications"] > 1 else ""


def unanswered(document: Document) -> list[str]:
    """Requests rejected or timed out, by plan."""
    reasons = {
        "rejected": "longer than the KV cache of a replica, or turned away at the gateway",
        "timed_out": "clients gave up",
        "lost": "their replica was taken away",
    }
    return [
        f"{plan['name']}: {count:,} of {plan['requests']['arrived']:,} {key.replace('_', ' ')} ({reason})"
        for plan in document["plans"]
        for key, reason in reasons.items()
        if (count := plan["requests"].get(key, 0))
    ]


def _unfinished(document: Document) -> list[str]:
    """Jobs kept out or not ended, by plan."""
    reasons = {"failed": "wider than the cluster", "in_system": "wait or run when the run ends"}
    return [
        f"{plan['name']}: {count:,} of {plan['jobs']['submitted']:,} {reason}"
        for plan in document["plans"]
        for key, reason in reasons.items()
        if trains(document) and (count := plan["jobs"][key])
    ]


def _section(title: str, lines: list[str]) -> str:
    """A title and its points, wrapped; nothing where there are none."""
    points = [
        fill(line, WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False) for line in lines
    ]
    return "\n".join([title, *points]) if points else ""


def _table(document: Document) -> str:
    rows = [_head(document), *(_row(document, plan) for plan in document["plans"])]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rest = sum(widths[1:]) + len(_GAP) * len(widths)
    widths[0] = min(widths[0], WIDTH - rest)
    marks = [" ", *(_mark(document, plan) for plan in document["plans"])]
    lines = [f"{mark} {_line(row, widths)}" for mark, row in zip(marks, rows, strict=True)]
    lines.insert(1, "-" * (sum(widths) + len(_GAP) * len(widths)))
    used = "".join(marks) + "".join(row[2] for row in rows)
    legend = "   ".join(f"{mark} {meaning}" for mark, meaning in _LEGEND.items() if mark in used)
    meaning = f"utilisation: {utilisation(document)}" if trains(document) else fill(provisioning_view.MEANING, WIDTH)
    return "\n".join([*lines, *([legend] if legend else []), meaning])


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    name, width = row[0], widths[0]
    name = name if len(name) <= width else name[: width - 1] + "…"
    cells = (cell.rjust(size) for cell, size in zip(row[1:], widths[1:], strict=True))
    return _GAP.join([name.ljust(width), *cells]).rstrip()


def _mark(document: Document, plan: Document) -> str:
    if plan["name"] == document["best"]:
        return "*"
    return " " if plan["slo"]["met"] else "x"


def _row(document: Document, plan: Document) -> tuple[str, ...]:
    money = (plan["name"], _cost(plan), _against(document, plan["name"]))
    return (*money, *_levels(document, plan).values(), _use(document, plan))


def _head(document: Document) -> tuple[str, ...]:
    use = "utilisation" if trains(document) else "over-provisioned"
    return ("plan", "$/month", "vs baseline", *_levels(document, document["plans"][0]), use)


def _use(document: Document, plan: Document) -> str:
    """Of requests alone, over-provisioning; else the utilisation."""
    return format_share(plan["utilisation"]) if trains(document) else provisioning_view.cell(plan)


def _levels(document: Document, plan: Document) -> dict[str, str]:
    """Three columns: of requests, of jobs, or of both."""
    slo, metrics = plan["slo"], plan["slo"]["metrics"]
    kept = {"attainment": "-" if slo["attainment"] is None else format_share(slo["attainment"])}
    ttft = {"TTFT p95": _seconds(metrics["ttft_s"]["p95"])}
    if not trains(document):
        return kept | ttft | {"TPOT p95": _seconds(metrics["tpot_s"]["p95"])}
    wait = {"P95 wait": _seconds(plan["wait_s"]["p95"])}
    if serves(document):
        return kept | ttft | wait
    mean = {"mean wait": _seconds(plan["wait_s"]["mean"]), "mean completion": _seconds(plan["jct_s"]["mean"])}
    return wait | mean


def _cost(plan: Document) -> str:
    interval = plan["intervals"]["per_month_usd"]
    mean = plan["cost_usd"]["per_month"]
    digits = 0 if mean >= 1000 else 2
    margin = f"{interval['margin']:,.{digits}f}" if interval and interval["margin"] else "0"
    return format_usd(mean) if float(margin.replace(",", "")) == 0 else f"{format_usd(mean)} ± ${margin}"


def _against(document: Document, name: str) -> str:
    """The difference to the baseline in per cent, with a mark where it is within the noise."""
    if name == document["baseline"]:
        return "baseline"
    change = next(row for row in document["differences"] if row["plan"] == name)
    if change["share"] is None:
        return "-"
    noise = "~" if change["noise_explains"] and change["share"] else ""
    shown = f"{change['share']:+,.1%}".replace("%", " %")
    return f"{noise}{'0.0 %' if shown in ('+0.0 %', '-0.0 %') else shown}"


def _seconds(value: float | None) -> str:
    return "-" if value is None else format_seconds(value)


def _provenance(document: Document) -> str:
    """Version, seed, catalog and inputs in one line."""
    origin = document["provenance"]
    inputs = ", ".join(f"{path} ({digest[:12]})" for path, digest in origin["inputs"].items())
    line = f"simcost {origin['simcost_version']}, seed {origin['seed']}, catalog of {origin['catalog_date']}"
    return f"{line}; inputs: {inputs}." if inputs else f"{line}."
