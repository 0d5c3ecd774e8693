"""The tables and sentences of a result."""

from collections.abc import Iterator, Mapping

from simcost.present.chart_style import Document
from simcost.present.format import (
    amount,
    attained,
    count,
    exact,
    seconds,
    share,
    share_change,
    usd,
    usd_change,
    usd_margin,
)
from simcost.present.parts import Table
from simcost.studies.plans import provisioning_view, quality_view, service_view
from simcost.studies.plans.contents import serves, trains, utilisation
from simcost.units import Formatted, plural

_DOT = " \N{MIDDLE DOT} "


def comparison(document: Document) -> Table:
    """One row per plan: money, service levels and use, in seven columns."""
    return [
        {
            "Plan": plan["name"],
            "$/month": usd_margin(plan["cost_usd"]["per_month"], _margin(plan)),
            "vs baseline": _against(document, plan["name"]),
            "SLO": _kept(document, plan),
            **_levels(document, plan),
            **_last(document, plan),
        }
        for plan in document["plans"]
    ]


def legend(document: Document) -> list[str]:
    """Meaning of the signs and of the last column of the comparison."""
    rows = comparison(document)
    best = ["* the cheapest that meets the SLO"] if any("*" in row["SLO"] for row in rows) else []
    noise = ["~ not significantly different"] if any("~" in row["vs baseline"] for row in rows) else []
    return ["; ".join([*best, *noise, _meaning(document)])]


def _meaning(document: Document) -> str:
    """Of the last column."""
    if quality_view.shown(document) and not service_view.has_services(document):
        return quality_view.meaning(document)
    return f"utilisation: {utilisation(document)}" if trains(document) else provisioning_view.legend(document)


def _margin(plan: Document) -> float | None:
    interval = plan["intervals"]["per_month_usd"]
    return interval["margin"] if interval else None


def _kept(document: Document, plan: Document) -> str:
    if not plan["slo"]["met"]:
        return "missed"
    return "met *" if plan["name"] == document["best"] else "met"


def _against(document: Document, name: str) -> str:
    """The difference to the baseline as a share, with a mark where it is within the noise."""
    if name == document["baseline"]:
        return Formatted("baseline", 0.0)
    change = next(row for row in document["differences"] if row["plan"] == name)
    shown = share_change(change["share"])
    return Formatted(f"~{shown}", change["share"]) if change["noise_explains"] and change["share"] else shown


def _last(document: Document, plan: Document) -> dict[str, str]:
    """The quality where it decides; of requests alone, over-provisioning; else the utilisation."""
    if quality_view.shown(document) and not service_view.has_services(document):
        return {quality_view.column(document): quality_view.cell(plan)}
    if trains(document):
        return {"Utilisation": share(plan["utilisation"])}
    return {"Over-provisioned": provisioning_view.cell(plan)}


def _levels(document: Document, plan: Document) -> dict[str, str]:
    """Two columns: of requests, of jobs, or one of each."""
    kept = {"Attainment": attained(plan["slo"]["attainment"], plan["slo"].get("target"))}
    if service_view.has_services(document):
        return kept | {"Services met": service_view.met(plan)}
    if not trains(document):
        return kept | {"TTFT p95": seconds(plan["slo"]["metrics"]["ttft_s"]["p95"])}
    wait = {"P95 wait": seconds(plan["wait_s"]["p95"])}
    return kept | wait if serves(document) else wait | {"Mean wait": seconds(plan["wait_s"]["mean"])}


def differences(document: Document) -> Table:
    """One row per plan but the baseline: what it costs more, with its interval."""
    return [
        {
            "Plan": row["plan"],
            "USD per month": usd_change(cost["mean"]),
            f"From ({exact(100 * cost['level'])} %)": usd_change(cost["lo"]),
            f"To ({exact(100 * cost['level'])} %)": usd_change(cost["hi"]),
            "Significant": _significant(document, row),
        }
        for row in document["differences"]
        for cost in [row["per_month_usd"]]
    ]


def corrected(document: Document) -> list[str]:
    """A note where a difference is not significant although its own interval leaves out zero."""
    found = [row for row in document["differences"] if _significant(document, row) == "no"]
    if not any((row["per_month_usd"]["lo"] > 0) or (row["per_month_usd"]["hi"] < 0) for row in found):
        return []
    several = plural(len(document["differences"]), "comparison")
    return [f"significant: corrected for {several} (Holm); each interval is of its own plan alone"]


def _significant(document: Document, row: Document) -> str:
    if row["per_month_usd"]["lo"] is None:
        return "exact" if document["deterministic"] else "one replication"
    if row.get("relation") == "equivalent":
        return "equivalent"
    return "no" if row["noise_explains"] else "yes"


def missed(document: Document) -> list[str]:
    """The targets that each plan misses, a sentence a plan."""
    return [f"{plan['name']}: {plan['slo']['missed']}" for plan in document["plans"] if plan["slo"]["missed"]]


def objectives(document: Document) -> Table:
    """One row per plan: its margin to the SLO, and the cost of a million output tokens; none without requests."""
    runs = document["replications"]
    return (
        []
        if not serves(document)
        else [
            {
                "Plan": plan["name"],
                "SLO met in": f"{round(plan['slo']['met_share'] * runs)} of {runs} runs",
                "Error budget consumed": share(plan["slo"]["error_budget_used"]),
                "Hours missed": amount(plan["slo"]["hours_missed"]),
                "Good requests/s": amount(plan["slo"]["goodput_per_s"]),
                "Output tokens/s": count(plan["slo"]["output_tokens_per_s"]),
                "$/1M output tokens": usd(plan["cost_usd"]["per_million_output_tokens"]),
            }
            for plan in document["plans"]
        ]
    )


def service_levels(document: Document) -> Table:
    """One row per plan: latencies at p50 / p95 / p99 and outcomes of the requests; none without requests."""
    return (
        []
        if not serves(document)
        else [
            {
                "Plan": plan["name"],
                **{
                    f"{name} p50/p95/p99": percentiles(plan["slo"]["metrics"][metric])
                    for metric, name in (("ttft_s", "TTFT"), ("tpot_s", "TPOT"), ("e2e_s", "E2E"))
                },
                "Requests": count(plan["requests"]["arrived"]),
                "Rejected/timed out": counts(plan["requests"], "rejected", "timed_out"),
            }
            for plan in document["plans"]
        ]
    )


def percentiles(levels: Mapping[str, float | None]) -> str:
    """Times at p50, p95 and p99."""
    return _DOT.join(seconds(levels[name]) for name in ("p50", "p95", "p99"))


def counts(found: Mapping[str, int], *keys: str) -> str:
    """Several counts in one cell."""
    return _DOT.join(count(found[key]) for key in keys)


def unanswered(document: Document) -> list[str]:
    """Requests rejected or timed out, by plan."""
    return [line for plan in document["plans"] for line in _unanswered(plan)]


def _unanswered(plan: Document) -> Iterator[str]:
    """Requests that a plan did not answer, and how many of them another service got."""
    lost = "their replica was taken away"
    if plan.get("disaggregation"):
        lost += ", or the transfer of their KV cache failed"
    reasons = {
        "rejected": "longer than the KV cache of a replica, or turned away at the gateway",
        "timed_out": "clients gave up",
        "lost": lost,
    }
    if limited := sum(one["rate_limited"] for one in plan.get("by_tenant", ())):
        reasons["rejected"] += f"; rate limits of tenants turned away {count(limited)}, each sending counted"
    arrived = count(plan["requests"]["arrived"])
    for key, reason in reasons.items():
        if requests := plan["requests"].get(key, 0):
            yield f"{plan['name']}: {count(requests)} of {arrived} {key.replace('_', ' ')} ({reason})"
    if plan.get("fell_back"):
        yield f"{plan['name']}: {count(plan['fell_back'])} of these fell back: another service answers them or not"


def unfinished(document: Document) -> list[str]:
    """Jobs kept out or not ended, by plan; targets that these may still miss."""
    if not trains(document):
        return []
    reasons = {
        "failed": "wider than the cluster or their quota (in GPUs, CPUs or memory), or of a type of GPU that it lacks: "
        "in targets they wait for ever, and the waits shown leave them out",
        "in_system": "waiting or running when the run ends",
    }
    lines = [
        f"{plan['name']}: {count(jobs)} of {count(plan['jobs']['submitted'])} {reason}"
        for plan in document["plans"]
        for key, reason in reasons.items()
        if (jobs := plan["jobs"][key])
    ]
    open_ended = [plan["name"] for plan in document["plans"] if plan["slo"].get("undecided")]
    said = "these count until then, and may still make it miss the SLO; give a longer horizon"
    return [*lines, f"{', '.join(open_ended)}: {said}"] if open_ended else lines


def provenance(document: Document) -> str:
    """Version, seed, catalog and inputs in one line."""
    origin = document["provenance"]
    inputs = ", ".join(f"{path} ({digest[:12]})" for path, digest in origin["inputs"].items())
    line = f"simcost {origin['simcost_version']}, seed {origin['seed']}, catalog of {origin['catalog_date']}"
    return f"{line}; inputs: {inputs}." if inputs else f"{line}."
