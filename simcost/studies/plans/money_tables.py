"""Cost of plans: charge by charge, per unit of work, energy."""

from typing import Any

from simcost.present.format import NONE, count, usd, usd_change
from simcost.present.parts import Table

Document = dict[str, Any]
_TELLING = (" covered by ", ", unused", " spot")
"""Charges that show a way of buying other than on demand."""


def bought_otherwise(document: Document) -> bool:
    """True if some plan does not buy its nodes on demand."""
    names = [charge["charge"] for plan in document["plans"] for charge in plan.get("charges", [])]
    return any(word in name for name in names for word in _TELLING)


def charge_changes(document: Document) -> list[str]:
    """Difference of a plan from the baseline by charge, a month; only where plans buy differently."""
    if not bought_otherwise(document):
        return []
    result = []
    for change in document["differences"]:
        parts = "; ".join(
            f"{charge['charge']} {usd_change(charge['usd_per_month'])}" for charge in change.get("charges", [])[:_SHOWN]
        )
        more = len(change.get("charges", [])) - _SHOWN
        result.append(f"{change['plan']}: {parts or 'no charge differs'}{f'; {more} more' if more > 0 else ''}")
    return result


_SHOWN = 6


def units(document: Document) -> Table:
    """A row per plan: invoiced cost, unit cost, energy and carbon."""
    rows = []
    for plan in document["plans"]:
        costs, energy = plan.get("unit_costs"), plan.get("energy") or {}
        if costs is None:
            return []
        row = {"Plan": plan["name"], "invoiced in the run, $": usd(plan["cost_usd"]["billed"])}
        for key, title in _UNITS.items():
            row[title] = usd(costs[key])
        row["kWh/month"] = count(energy.get("kwh_per_month"))
        carbon_g = energy.get("gco2e_per_month")
        row["kg CO2e/month"] = count(None if carbon_g is None else carbon_g / 1000)
        rows.append(row)
    used = {title for row in rows for title, cell in row.items() if cell != NONE}
    return [{title: cell for title, cell in row.items() if title in used} for row in rows]


_UNITS = {
    "usd_per_request": "$/request",
    "usd_per_million_tokens": "$/1M tokens",
    "usd_per_million_output_tokens": "$/1M output tokens",
    "usd_per_completed_job": "$/job",
    "usd_per_useful_accelerator_hour": "$/useful GPU-h",
}


def unit_notes(document: Document) -> list[str]:
    """Note on unit costs of plans that serve requests and run jobs, whose bills pay for both."""
    costs = [plan.get("unit_costs") or {} for plan in document["plans"]]
    if not any(one.get("usd_per_request") and one.get("usd_per_completed_job") for one in costs):
        return []
    whole = (
        "unit costs divide the whole bill of a plan: those of requests and tokens include jobs and idle nodes, that of "
        "a job includes requests; Service level has $/1M output tokens of each service by itself"
    )
    return [whole]


def energy_notes(document: Document) -> list[str]:
    """Basis of the energy figures, said once; and unknown figures."""
    said = [plan.get("energy") for plan in document["plans"]]
    without = [plan["name"] for plan, energy in zip(document["plans"], said, strict=True) if energy is None]
    lines = [line for energy in said if energy for line in energy["assumptions"]]
    missing = [line for energy in said if energy for line in energy["unknown"]]
    if any(said) and without:
        missing.append(f"that of {', '.join(without)}, some of whose nodes the catalog has no machine of")
    return [*dict.fromkeys(lines), *(f"Energy or CO2e unknown: {line}" for line in dict.fromkeys(missing))]
