"""Sentences of a review: recommendation, decision asked for, plans rejected, risks, assumptions by subject."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from math import fsum
from typing import Any

from simcost.present.format import amount, attained, exact, seconds, share, share_change, usd
from simcost.studies.review.result import Document
from simcost.units import Formatted, plural

NOT_SIMULATED = "Not simulated"
_SUBJECTS = {
    NOT_SIMULATED: r"never taken back|is not billed|not sampled|feel nothing|Screening:|not simulated|not modelled",
    "Prices and billing": r"price of \d|A month is|are billed|quality [ABC]\b|discount|commitment",
    "Engine": r"Step time|step time|Memory:|sparsity|precision|KV|[Ee]ngine",
    "Statistics": r"replication|futures|Percentiles|[Dd]eterministic",
    "Fleet and start-up": r"[Cc]old start|startup|[Rr]eplica|nodes",
    "Jobs": r"[Jj]obs",
}
_GIVEN = "given"
"""Quality of a price of the user's own."""
_LARGE_BUDGET = 0.5
"""Part of the error budget whose use is worth a warning."""


def recommendation(document: Document) -> str:
    """The plan to take, why, and its cost."""
    plan = chosen_plan(document)
    cost = _cost(document)
    alone = len(document["plans"]) == 1
    if _is_unasked(plan):
        return f"No plan can be judged: no request came; {plan['name']} costs {cost}."
    if document["best"] is None and plan["slo"]["met"]:
        lacks = f"meets the SLO at {cost}, but its model is not good enough"
        return (
            f"Do not take {plan['name']}: it {lacks}."
            if alone
            else f"Take none of these plans: {plan['name']} {lacks}."
        )
    if document["best"] is None:
        if alone:
            return f"Do not take {plan['name']} as it is: it misses the SLO, at {cost}."
        return f"Take none of these plans as it is: {plan['name']} comes closest to the SLO, at {cost}."
    if alone:
        return f"Take {plan['name']}: it meets the SLO at {cost}."
    return f"Take {plan['name']}: the cheapest plan that meets the SLO, {cost}."


def _cost(document: Document) -> str:
    """Cost of the chosen plan; of a forecast its mean, beside which the verdict states the median."""
    of = " in the mean over the futures" if "futures" in document else ""
    return f"{usd(chosen_plan(document)['cost_usd']['per_month'])} a month{of}"


def _is_unasked(plan: Mapping[str, Any]) -> bool:
    """True for a plan that missed its SLO since no request came."""
    requests = plan.get("requests")
    return requests is not None and not requests["arrived"] and not plan["slo"]["met"] and "jobs" not in plan


def chosen_plan(document: Document) -> Mapping[str, Any]:
    """The best plan, or the closest one."""
    name = document["best"] or document["closest"]
    return next(plan for plan in document["plans"] if plan["name"] == name)


def is_good_enough(plan: Mapping[str, Any]) -> bool:
    """True unless the model of a plan, or of one of its services, is below the quality that is asked for."""
    return not any(one["quality"] and one["quality"]["met"] is False for one in (plan, *plan.get("services", ())))


def badge(document: Document) -> str:
    """The SLO of the chosen plan in words, and its quality where that is too low."""
    poor = "" if is_good_enough(chosen_plan(document)) else f"; {_too_low(document)}"
    return f"{_slo(document)}{poor}"


def _too_low(document: Document) -> str:
    """`quality too low: mmlu 65.3, at least 70 asked for`."""
    at_least = exact(document["quality"]["at_least"])
    return f"quality too low: {_scores_below(chosen_plan(document))}, at least {at_least} asked for"


def _scores_below(plan: Mapping[str, Any]) -> str:
    """`mmlu 61.4`, or that it is not known, of the models that are below the quality that is asked for."""
    below = [one for one in (plan, *plan.get("services", ())) if one["quality"] and one["quality"]["met"] is False]
    return ", ".join(dict.fromkeys(_score(one["quality"]) for one in below))


def _score(quality: Mapping[str, Any]) -> str:
    return f"{quality['metric']} {'not known' if quality['value'] is None else exact(quality['value'])}"


def _slo(document: Document) -> str:
    plan = chosen_plan(document)
    slo = plan["slo"]
    if _is_unasked(plan):
        return "SLO not measured: no request came"
    if not slo["met"]:
        return f"SLO missed: {slo['missed']}"
    if "futures" in document:
        return f"SLO met in {in_futures(document, slo['met_share'])}"
    if "services" in plan:
        return f"SLO met by all {len(plan['services'])} services"
    if slo["attainment"] is None:
        return f"SLO met: {', '.join(map(_check, slo['checks']))}"
    return f"SLO met: {share(slo['attainment'])} of requests within all limits, target {target(slo)}"


def in_futures(document: Document, part: float) -> str:
    """Number of the simulated futures that are a share of them: `6 of 8 futures`."""
    runs = document["replications"]
    return f"{round(part * runs)} of {plural(runs, 'future')}"


def _check(check: Mapping[str, Any]) -> str:
    return f"{name_of(check)} {measure(check, 'measured')} (target {measure(check, 'target')})"


def name_of(check: Mapping[str, Any]) -> str:
    """`wait p95` of `wait_s p95`."""
    return str(check["name"]).replace("_s ", " ")


def measure(check: Mapping[str, Any], key: str) -> str:
    """The measured value of a check, or its target: a time or a share, in as many digits as show a narrow miss."""
    value, limit = check[key], check["target"]
    if "_s " not in check["name"]:
        return attained(value, limit)
    shown = seconds(value)
    is_narrow = value is not None and value > limit and shown == seconds(limit)
    return Formatted(f"{exact(value)} s", value) if is_narrow else shown


def target(slo: Mapping[str, Any]) -> str:
    """The target of the attainment."""
    return f"{exact(round(100 * slo['target'], 6))} %"


def decision(document: Document) -> str:
    """The request to those who decide."""
    plan = chosen_plan(document)
    if _is_unasked(plan):
        return (
            "A demand with requests, or a longer run: none came, so that no plan can be judged. No spend is asked for."
        )
    if document["best"] is None and plan["slo"]["met"]:
        return "A better model, or another limit of quality; then run the scenario again. No spend is asked for."
    if document["best"] is None:
        return "More capacity, other hardware or another SLO; then run the scenario again. No spend is asked for."
    return f"Approve {plan['name']} at {_cost(document)}, for the demand described below.{_signed(plan)}"


def _signed(plan: Mapping[str, Any]) -> str:
    """A sentence on what the plan needs signed; empty where it needs nothing."""
    owed = plan.get("obligations", ())
    upfront, total = (fsum(one[key] or 0.0 for one in owed) for key in ("upfront_usd", "total_usd"))
    monthly = fsum(one["per_month_usd"] for one in owed if one["total_usd"] is None)
    amounts = [
        *([f"{usd(upfront)} at the start"] if upfront else []),
        *([f"{usd(total)} in all over the terms"] if total > upfront else []),
        *([f"{usd(monthly)} a month with no stated end"] if monthly else []),
    ]
    return f" To be signed for, used or not: {' and '.join(amounts)}." if amounts else ""


def rejected(document: Document) -> Iterator[str]:
    """A sentence for each plan that was not chosen."""
    chosen = chosen_plan(document)
    for plan in document["plans"]:
        if plan is not chosen:
            yield f"{plan['name']}: {_why(plan, chosen)}."


def _why(plan: Mapping[str, Any], chosen: Mapping[str, Any]) -> str:
    usd_per_month, chosen_usd = plan["cost_usd"]["per_month"], chosen["cost_usd"]["per_month"]
    cost = f"{usd(usd_per_month)} a month"
    if chosen_usd:
        cost += f" ({share_change(usd_per_month / chosen_usd - 1)} against {chosen['name']})"
    if not plan["slo"]["met"]:
        return f"misses {plan['slo']['missed'] or 'the SLO'}; {cost}"
    if not is_good_enough(plan):
        return f"its model is not good enough ({_scores_below(plan)}); {cost}"
    return f"meets the SLO, {cost}"


def risks(document: Document) -> Iterator[str]:
    """The risks of the recommendation, the gravest first."""
    plan, runs = chosen_plan(document), document["replications"]
    slo = plan["slo"]
    if "futures" in document and slo["met_share"] < 1:
        yield f"{plan['name']} misses the SLO in {in_futures(document, 1 - slo['met_share'])}."
    elif document["best"] is not None and slo["met_share"] < 1:
        alone = round(slo["met_share"] * runs)
        yield f"{plan['name']} meets the SLO on average; by itself in {alone} of {runs} replications."
    yield from _over_budget(document)
    if runs == 1 and not document["deterministic"]:
        yield "One replication: no interval says how far these figures may be off."
    for name, used in _error_budgets(plan):
        if used is not None and used > _LARGE_BUDGET:
            yield f"{name} consumes {share(used)} of its error budget: little room for more demand."
    if slo["hours_missed"]:
        hours = amount(slo["hours_missed"])
        yield f"{plan['name']} misses the SLO in {hours} hour{'' if hours == '1' else 's'} of the run."
    yield from _near(document)
    yield from _prices(plan)


def _over_budget(document: Document) -> Iterator[str]:
    """The budget of a forecast, where the chosen plan costs more in some futures."""
    found, name = document.get("futures", {}), chosen_plan(document)["name"]
    over = next((one["breach_budget"] for one in found.get("plans", ()) if one["plan"] == name), None)
    if over:
        budget = f"the budget of {usd(found['budget_usd'])} a month"
        yield f"{name} costs more than {budget} in {in_futures(document, over)}."


def _error_budgets(plan: Mapping[str, Any]) -> list[tuple[str, float | None]]:
    """Of each service, where there are several: the plan then has none of its own."""
    own = (plan["name"], plan["slo"]["error_budget_used"])
    services = plan.get("services", ())
    return [own, *((f"{one['name']} under {plan['name']}", one["slo"]["error_budget_used"]) for one in services)]


def _near(document: Document) -> Iterator[str]:
    for row in document["differences"]:
        if row["noise_explains"] and document["best"] in (row["plan"], row["against"]):
            yield f"The costs of {row['plan']} and {row['against']} are not significantly different."


def _prices(plan: Mapping[str, Any]) -> Iterator[str]:
    """Prices whose quality is below A, and those of the user's own."""
    weak = [
        f"{price['provider']}/{price['sku']} ({price['quality']}, {price['as_of']})"
        for price in plan["prices"]
        if price["quality"] not in ("A", _GIVEN)
    ]
    if weak:
        yield f"Prices of a quality below A: {', '.join(dict.fromkeys(weak))}."
    given = [f"{price['provider']}/{price['sku']}" for price in plan["prices"] if price["quality"] == _GIVEN]
    if given:
        yield f"Prices that the scenario states, which no source confirms: {', '.join(dict.fromkeys(given))}."


def by_subject(assumptions: Iterator[str] | list[str]) -> dict[str, list[str]]:
    """The assumptions, each once, under the first subject that it names."""
    found: dict[str, list[str]] = {subject: [] for subject in (*_SUBJECTS, "Other")}
    for text in assumptions:
        subject = next((name for name, words in _SUBJECTS.items() if re.search(words, text)), "Other")
        found[subject].append(text)
    return {subject: texts for subject, texts in found.items() if texts}
