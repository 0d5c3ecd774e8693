"""Plans over many futures, as a table and sentences; for results whose demand was forecast."""

from simcost.present.chart_style import Document
from simcost.present.format import NONE, seconds, share, usd
from simcost.present.parts import Part, Table


def table(document: Document) -> Table:
    """One row per plan: cost and attainment over the futures, and the chances of a breach; empty without futures."""
    found = document.get("futures")
    return [_row(plan, found["budget_usd"]) for plan in found["plans"]] if found else []


def bills(document: Document) -> list[Part]:
    """The bill of the horizon over the futures, one row per plan; none without futures."""
    if "futures" not in document:
        return []
    rows = [
        {"Plan": plan["plan"], **{name.upper(): usd(value) for name, value in plan["total_usd"].items()}}
        for plan in document["futures"]["plans"]
    ]
    title = f"Bill of the next {seconds(document['plans'][0]['horizon_s'])}"
    return [Part(title=title, rows=rows, said=_invoiced(document))]


def _invoiced(document: Document) -> list[str]:
    """Amounts that fall due within the horizon, of plans that pay in advance."""
    costs = {plan["name"]: plan["cost_usd"] for plan in document["plans"]}
    due = [f"{name} {usd(cost['billed'])}" for name, cost in costs.items() if usd(cost["billed"]) != usd(cost["total"])]
    if not due:
        return []
    return [
        f"what is paid in advance counts by its share of the term; invoiced in this time, in the mean: {', '.join(due)}"
    ]


def _row(plan: Document, budget_usd: float | None) -> dict[str, str]:
    cost, kept = plan["per_month_usd"], plan["attainment"]
    row = {
        "Plan": plan["plan"],
        "USD/month P10": usd(cost["p10"]),
        "P50": usd(cost["p50"]),
        "P90": usd(cost["p90"]),
        "Attainment P10": share(kept["p10"]) if kept else NONE,
        "Misses SLO": share(plan["breach_slo"]),
    }
    if budget_usd is not None:
        row |= {"Over budget": share(plan["breach_budget"])}
    return row


def sentences(document: Document) -> list[str]:
    """Cost of not knowing the future, plan by plan and for the best one."""
    found = document.get("futures")
    return [*map(_wrong, found["plans"]), *_waiting(document, found)] if found else []


def _wrong(plan: Document) -> str:
    """Being wrong downwards and upwards."""
    over, rescue = plan["overspend_usd"], plan["rescue_usd"]
    down = (
        "never meets the SLO"
        if over is None
        else "is the cheapest that meets the SLO wherever it meets it"
        if over == 0
        else f"costs {usd(over)} a month more than the cheapest plan that would have done"
    )
    if rescue is None:
        up = "" if plan["breach_slo"] == 0 else "; where it misses the SLO, so does every other"
    else:
        more = "more" if rescue >= 0 else "less"
        up = f"; where it misses the SLO, the cheapest plan that meets it costs {usd(abs(rescue))} {more}"
    return f"{plan['plan']} {down}{up}."


def _waiting(document: Document, found: Document) -> list[str]:
    worth = found["value_of_waiting_usd"]
    if worth is None:
        return []
    saved = f"save {usd(worth)}" if worth >= 0 else f"cost {usd(-worth)} more, to meet the SLO,"
    best = document["best"]
    lines = [f"Value of waiting: to know the demand before choosing, instead of taking {best}, would {saved} a month."]
    if found["rescued"]:
        lines.append(f"In {found['rescued']} of the futures it would also avoid missing the SLO.")
    return lines


def demand_sentences(demand: Document) -> list[str]:
    """Expected demand, stated events, and findings."""
    from simcost.present.forecast_wording import against_naive, basis, findings, verdict

    told = [basis(demand), against_naive(demand), *findings(demand)]
    return [verdict(demand["name"], demand), *(f"{text[0].upper()}{text[1:]}" for text in told if text)]
