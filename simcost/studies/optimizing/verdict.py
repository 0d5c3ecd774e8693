"""Verdict of a search in a few sentences."""

from collections.abc import Iterable, Mapping, Sequence
from math import inf
from typing import Any

from simcost.compare.racing import PROBABLY_MORE
from simcost.compare.results import PlanSummary
from simcost.compare.significance import negligible_usd
from simcost.compare.slo_risk import unseen_interruptions
from simcost.compare.verdict import cautions, missed, name_of, on_futures, percent
from simcost.gates import above
from simcost.scenario.inputs.control import spot_rates
from simcost.scenario.schema.scenario import Plan
from simcost.slo import FUTURES, Check, is_to_reach
from simcost.studies.optimizing.levels import least_attainment
from simcost.units import format_seconds, format_share, format_usd, format_usd_range, plural

ALIKE = 1.01
"""Misses or times that are less than a hundredth apart are called as good."""


def verdict(document: Mapping[str, Any], told_of_best: Sequence[str] = ()) -> str:
    """The plan to take, its confirmation, what that does not show, what else could cost less, and the runner-up."""
    best = document["best"]
    if best is None:
        return _none(document)
    bought = _commitments(document, best)
    told = [_best(document, best), *told_of_best, *bought, *_left(document, best), _bound(document)]
    return " ".join([*told, *_mixes(document), _second(document, best), *_untried(document)])


def cautions_of(plan: PlanSummary, parts: Iterable[Plan], level: float) -> list[str]:
    """Sentences on what is not in the SLO that the best plan meets.

    Args:
        plan: as it did on fresh seeds.
        parts: the plan itself, or that of each service.
        level: of confidence.
    """
    told, rates = cautions(plan), [rate for rate in spot_rates(parts) if rate]
    unseen = unseen_interruptions(plan.results, max(rates), level) if rates else None
    if unseen is not None:
        told.append(
            f"At the stated rate {percent(unseen.runs_with_one)} of runs as long as these have an interruption: a "
            "longer horizon or more --seeds show what it does."
        )
    return told


def _best(document: Mapping[str, Any], best: Mapping[str, Any]) -> str:
    cost = best["intervals"]["per_month_usd"]
    spread = ""
    if cost is not None and cost["lo"] is not None:
        bounds = format_usd_range(cost["lo"], cost["hi"])
        spread = f" ({100 * cost['level']:g} % interval {bounds})" if " to " in bounds else ""
    least = least_attainment(best["lower_bounds"])
    of = " of each tenant" if best.get("by_tenant") else ""
    share = "" if least is None else f", attainment{of} at least {format_share(least)}{_slowest_engine(best)}"
    how = f"confirmed on {document['replications']} fresh seeds"
    if document.get("deterministic"):
        how = "with nothing random in it"
    elif document["replications"] == 1:
        how = "in a single replication, which tells nothing of others (--seeds 10 does)"
    elif "futures" in best["lower_bounds"]:
        count = document["replications"]
        met = round(best["slo"]["met_share"] * count)
        how = f"confirmed {on_futures(count, met, best['lower_bounds']['futures'], document['level'])}"
    return (
        f"{best['name']} is the cheapest of {plural(document['candidates'], 'plan')} that meets the SLO"
        f"{within_others(document)}{even_if_slower(document)}: "
        f"{format_usd(cost['mean'] if cost else best['cost_usd']['per_month'])} a month{spread}, {how}{share}."
    )


def _slowest_engine(best: Mapping[str, Any]) -> str:
    """The slowest engine of the runs: a bound from few of them tells nothing of slower ones."""
    slowest = max((factor for one in best.get("services", [best]) for factor in one["engine_factors"]), default=1.0)
    return f" with steps up to {slowest:.2f} times as long as modelled" if slowest > 1 else ""


def within_others(document: Mapping[str, Any]) -> str:
    """The rest of the limits that a service has, where others had to be considered."""
    return " with what the other services leave of the limits" if document.get("within_others") else ""


def even_if_slower(document: Mapping[str, Any]) -> str:
    """The factor on step times, where one was asked for: a condition where it makes them faster."""
    factor = document.get("step_factor", 1.0)
    even = " even" if factor > 1 else ""
    return "" if factor == 1.0 else f"{even} if each step takes {factor:g} times as long"


def _left(document: Mapping[str, Any], best: Mapping[str, Any]) -> list[str]:
    """Rest of a budget, where there is one."""
    if "budget" not in document:
        return []
    budget = document["budget"]["usd_per_month"]
    rest = budget - best["cost_usd"]["per_month"]
    return [f"It leaves {format_usd(rest)} of the budget of {format_usd(budget)}."]


def over_budget(document: Mapping[str, Any]) -> str:
    """Sentences where the cheapest plan that meets the SLO costs more than the budget; else nothing."""
    near = document.get("nearest")
    if near is None or "over_budget_usd" not in near:
        return ""
    budget = document["budget"]["usd_per_month"]
    text = (
        f"No plan of {document['candidates']:,} meets the SLO{even_if_slower(document)} within {format_usd(budget)} a "
        f"month. The cheapest that meets it costs {format_usd(near['usd_per_month'])}, "
        f"{format_usd(near['over_budget_usd'])} more: {near['name']}."
    )
    return f"{text}{_most_attaining(document)}"


def _most_attaining(document: Mapping[str, Any]) -> str:
    """A sentence: what a budget reaches; nothing without one, or where no plan that was simulated is within it."""
    most = document.get("budget", {}).get("most_attaining")
    if most is None:
        return ""
    reached = f"{most['name']} reaches the highest attainment, {percent(most['attainment'])}"
    return f" Within the budget {reached} at {format_usd(most['usd_per_month'])}, of the plans that were simulated."


def _commitments(document: Mapping[str, Any], best: Mapping[str, Any]) -> list[str]:
    """Commitments of the plan, where some were offered."""
    found = document.get("commitments")
    if found is None:
        return []
    useless = [f"{name} covers nodes of no plan: check its provider, SKU and region." for name in found["of_no_plan"]]
    if not found["bought"]:
        offered = found["offered"]
        none = "The commitment on offer does not make" if offered == 1 else f"None of the {offered} commitments makes"
        return [f"{none} it cheaper.", *useless]
    saved = found["on_demand_usd_per_month"] - best["cost_usd"]["per_month"]
    words = ", ".join(map(_commitment, found["bought"]))
    return [f"It commits to {words}, which saves {format_usd(saved)} a month of on demand.", *useless]


def _commitment(one: Mapping[str, Any]) -> str:
    """Its amount, what it is of, and for how long."""
    years = f"{one.get('years', 1)} year{'s' if one.get('years', 1) > 1 else ''}"
    if "count" in one:
        return f"{one['count']} x {one['sku']} for {years} ({one['name']})"
    return f"${one['commitment']:.4g}/h for {years} ({one['name']})"


def _bound(document: Mapping[str, Any]) -> str:
    bound, confidence = format_usd(document["bound_usd_per_month"]), document["confidence"]
    if left := left_by_confidence(document):
        were = "was" if left == 1 else "were"
        other = f"{plural(left, 'other plan')} that may meet it {were} not simulated to the end"
        return (
            f"It is the cheapest with {sure(confidence)} confidence: {other}, since the runs made cost more. Even if "
            f"all runs left out cost the least possible, no plan that may meet it costs less than {bound}."
        )
    fits = "fits there and " if document.get("within_others") else ""
    text = f"No plan of the space that {fits}may meet it costs less than {bound}"
    return f"{text}." if confidence is None else f"{text}; cheapest with {sure(confidence)} confidence."


def left_by_confidence(document: Mapping[str, Any]) -> int:
    """Plans whose bound is below the cost of the best, and whose runs so far tell that they cost more; 0 where the
    bound is of something else: fleets of several kinds of replicas, or the rest of limits.
    """
    mixes = document.get("mixes")
    if document["confidence"] is None or document.get("within_others") or (mixes and not mixes["proved"]):
        return 0
    return sum(row["count"] for row in document["excluded"] if row["reason"] == PROBABLY_MORE)


def sure(confidence: float) -> str:
    """A confidence as a verdict states it, never as certainty."""
    return f"{100 * min(confidence, 0.9999):.4g} %"


def _mixes(document: Mapping[str, Any]) -> list[str]:
    """Fleets of several kinds of replicas, where they were proposed."""
    mixes = document.get("mixes")
    if mixes is None or mixes["shapes"] < 2:
        return []
    if mixes["refused"] and not mixes["tried"]:
        return [f"No fleet that mixes kinds of replicas was simulated: {mixes['refused']}."]
    tried = f"{mixes['tried']} fixed fleets that mix {mixes['shapes']} kinds of replicas were simulated"
    other = "no other costs less" if document["best"] or (document["nearest"] or {}).get("met") else "none meets it"
    if mixes["proved"]:
        return [f"{tried}: by the bound of the fleet program {other}."]
    return [f"{tried}; the search of mixes ended before it was shown that {other}."]


def _second(document: Mapping[str, Any], best: Mapping[str, Any]) -> str:
    second = document["runner_up"]
    if second is None:
        return "No other plan that was tried meets it."
    gap = second["difference"]
    if abs(gap["mean"]) < negligible_usd(best["cost_usd"]["per_month"]):
        if second["name"] in document["equal_cost"]["plans"]:
            return f"It costs the same as the runner-up, {second['name']}, {_serves(best, second)}."
        return f"Runner-up: {second['name']}, at the same cost."
    if gap["lo"] is not None and gap["lo"] <= 0 <= gap["hi"]:
        return f"Runner-up: {second['name']}, not significantly different in cost."
    return f"Runner-up: {second['name']}, {format_usd(gap['mean'])} a month more."


def _serves(best: Mapping[str, Any], second: Mapping[str, Any]) -> str:
    """The difference in service of two plans that cost the same, at the bounds of their targets on fresh seeds."""
    mine, other = best["lower_bounds"], second["lower_bounds"]
    both = [name for name in mine if mine[name] is not None and other.get(name) is not None]
    times = {name: _times_as_bad(name, mine[name], other[name]) for name in both}
    most = max(times, key=times.__getitem__, default="")
    if mine == other or 1.0 < times.get(most, 0.0) < ALIKE:
        return "and serves as well"
    if times.get(most, 0.0) > 1.0:
        return f"and serves better: {_apart(most, mine[most], other[most])}"
    return "and served no worse in the search"


def _times_as_bad(name: str, more: float, less: float) -> float:
    """The misses or the time of the second bound of a target over those of the first."""
    best, second = (1 - more, 1 - less) if is_to_reach(name) else (more, less)
    return second / best if best > 0 else inf if second > 0 else 1.0


def _apart(name: str, more: float, less: float) -> str:
    """Two different bounds of a target; attainments in as many digits as it takes to tell them apart."""
    words = name_of(Check.of(name, more, less))
    if not is_to_reach(name):
        return f"{words} at most {format_seconds(more)} against {format_seconds(less)}"
    shown = [(f"{100 * more:.{digits}f}", f"{100 * less:.{digits}f}") for digits in range(1, 13)]
    apart = (pair for pair in shown if pair[0] != pair[1] and float(pair[0]) <= 100 * more)
    first, second = next(apart, shown[-1])
    return f"{words} at least {first} % against {second} %"


def _untried(document: Mapping[str, Any]) -> list[str]:
    """Number of plans that may cost the same, where some were not simulated."""
    count = document["equal_cost"]["not_simulated"]
    if not count:
        return []
    many = f"{count:,} more plans may cost the same and serve better; they were"
    return [f"{many if count > 1 else '1 more plan may cost the same and serve better; it was'} not simulated."]


def _none(document: Mapping[str, Any]) -> str:
    told = over_budget(document) or f"{_missed(document)}{_most_attaining(document)}"
    return " ".join([told, *_mixes(document)])


def infeasible(document: Mapping[str, Any]) -> str:
    """The reason for which no plan is the best, as the sentence of a gate."""
    near = document.get("nearest")
    if near is not None and "over_budget_usd" in near:
        budget = document["budget"]["usd_per_month"]
        usd = above(near["usd_per_month"], budget)
        return f"no plan meets the SLO within {format_usd(budget)} a month: the cheapest that meets it costs {usd}"
    if missing := [service for service in document.get("services", ()) if service["best"] is None]:
        return "; ".join(f"{service['name']}: {infeasible(service)}" for service in missing)
    if "short" in document:
        return "no plans of the services are within the limits together"
    return f"no plan of {document['candidates']:,} {_lacking(document)}"


def _lacking(document: Mapping[str, Any]) -> str:
    """End of a sentence on all plans, and what excludes most of them; the nearest one, if any, misses the SLO."""
    sure = " in enough futures" if _is_of_futures(document) else f" with {100 * document['level']:g} % confidence"
    misses = f"meets the SLO{even_if_slower(document)}{sure}"
    if not document["excluded"]:
        return misses
    first = document["excluded"][0]
    does = "can be chosen" if document["nearest"] is None else misses
    return f"{does}; {first['count']:,} of them: {first['reason']}"


def _is_of_futures(document: Mapping[str, Any]) -> bool:
    """True where futures are counted that meet the SLO, by the nearest plan that misses it."""
    near = document["nearest"] or {}
    return any(check["name"] == FUTURES for check in near.get("failed", ()))


def _missed(document: Mapping[str, Any]) -> str:
    """The reason that no plan meets the SLO, and the one that misses it by the least."""
    near = document["nearest"]
    text = f"No plan of {document['candidates']:,} {_lacking(document)}."
    if near is None:
        return text
    if "attainment_at_most" in near:
        most = percent(near["attainment_at_most"])
        near_text = f"{text} Nearest: {near['name']}, which reaches an attainment of {most} at most."
        if "alone" not in near:
            return near_text
        limit, least = near["alone"]["limit"].removesuffix("_s"), format_seconds(near["alone"]["least_s"])
        return f"{near_text} Alone on a replica, enough of its requests would keep a {limit} of {least}."
    share = "" if near["attainment"] is None else f", attainment {percent(near['attainment'])}"
    told = f"{text} Nearest: {near['name']} at {format_usd(near['usd_per_month'])} a month{share}"
    if near["failed"]:
        bound = " at the confidence bound" if near["replications"] > 1 and not _is_of_futures(document) else ""
        seeds = " on fresh seeds" if near.get("confirmed") is False else ""
        told += f"; {missed([Check(**check) for check in near['failed']])}{bound}{seeds}"
    close = near["missed"] is not None and near["missed"] <= 1
    return f"{told}; more --seeds or a longer horizon bring the two closer." if close else f"{told}."
