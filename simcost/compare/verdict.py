"""Verdict of a comparison in one sentence, with its parts: differences of money and missed targets."""

from collections.abc import Sequence

from simcost.compare.comparison import Comparison, Difference, differences
from simcost.compare.confidence import ConfidenceInterval
from simcost.compare.futures import quantiles
from simcost.compare.results import PlanSummary
from simcost.compare.significance import negligible_usd
from simcost.compare.slo_risk import keeps_spot
from simcost.compare.unit_costs import answered, unit_costs
from simcost.compare.unlike_lengths import cheaper_for_all_jobs
from simcost.slo import Check
from simcost.units import LARGEST_SHARE, format_seconds, format_share, format_usd, format_usd_range, how_many, plural

GPU_TIME = {
    "requests": "requests",
    "unallocated": "unallocated",
    "useful": "jobs",
    "checkpoint": "checkpoints",
    "lost": "work redone",
    "restart": "restarts",
    "idle_blocked": "idle (a job waits)",
    "idle_free": "idle (none waits)",
    "down": "not there",
}
"""Buckets of the GPU time of a cluster of jobs, in the order in which they are shown."""
FEWER = 0.05
"""Share of requests by which a plan answers fewer than another from which the verdict says so."""
JOBS = {"wait": "wait", "jct": "completion time", "mean": "mean", "max": "longest"}
"""Words for times of jobs and for levels that are no percentile."""


def monthly(cost: ConfidenceInterval) -> str:
    """`$1,234 a month (95 % interval $1,200 to $1,268)`."""
    return f"{format_usd(cost.mean)} a month ({bounds(cost)})"


def bounds(cost: ConfidenceInterval) -> str:
    """The bounds of an amount of money, or why there are none."""
    if cost.lo is None or cost.hi is None:
        return "one replication, so no interval"
    if cost.replications == 1:
        return "deterministic replay"
    if cost.lo == cost.hi:
        return f"the same in all {cost.replications} replications"
    ends = format_usd_range(cost.lo, cost.hi)
    if " to " not in ends:
        return f"almost the same in all {cost.replications} replications"
    return f"{100 * cost.level:g} % interval {ends}"


def against(change: Difference) -> str:
    """`$120 a month (26 %) less than b (95 % interval $100 to $140)`, or not significantly different."""
    cost = change.per_month_usd
    if _negligible(change):
        return f"at the same cost as {change.against}"
    if change.judgement.relation == "equivalent":
        return f"equivalent to {change.against} ({bounds(cost)})"
    if change.judgement.significant is False:
        return f"not significantly different from {change.against} ({_simultaneous(change)})"
    less = cost.mean < 0
    share = f" ({percent_change(abs(change.share))})" if change.share is not None else ""
    size = bounds(cost.scaled(-1.0 if less else 1.0))
    usd = format_usd(abs(cost.mean))
    return f"{usd} a month{share} {'less' if less else 'more'} than {change.against} ({size})"


def _simultaneous(change: Difference) -> str:
    """The bounds of a difference; those that hold for all of several at once where its own would leave out 0."""
    wide, count = change.judgement.interval, change.judgement.comparisons
    if change.per_month_usd.holds_zero is not False or wide.lo is None or wide.hi is None:
        return bounds(change.per_month_usd)
    level = 100 * change.per_month_usd.level
    return f"{level:g} % interval {format_usd_range(wide.lo, wide.hi)}, of {count} comparisons at once"


def _negligible(change: Difference) -> bool:
    """True if the costs differ by less than a cent a month or 0.01 % throughout; unknown bounds are as the mean."""
    cost = change.per_month_usd
    largest = max(abs(bound) for bound in (cost.mean, cost.lo, cost.hi) if bound is not None)
    against_usd = cost.mean / change.share if change.share else 0.0
    return largest < negligible_usd(against_usd)


def percent(share: float) -> str:
    """`0.52 %`, `26 %`, `1,250 %`; `99.9+ %` just below 100 %; for a base of almost 0 `> 999,999 %`."""
    return format_share(share) if 0.9995 <= share < 1 else percent_change(share)


def percent_change(share: float) -> str:
    """A change as a share, which may round to 100 %: `0.52 %`, `26 %`, `1,250 %`."""
    if share > LARGEST_SHARE:
        return format_share(share)
    return f"{100 * share:,.0f} %" if share >= 9.995 else f"{100 * share:.3g} %"


def on_futures(count: int, met: int, least: float, level: float) -> str:
    """`on 3 fresh futures, which show ... that it holds in at least 36.8 % of all`."""
    sure = f"show with {100 * level:g} % confidence that it holds in at least {format_share(least)} of all"
    return f"on {count} fresh futures, " + (f"which {sure}" if met == count else f"of which {met} meet it; they {sure}")


_MOST_NAMED = 6
"""Missed targets that are all named in a sentence; of more, as of many tenants, the first `_SHOWN` are."""
_SHOWN = 3
"""Services that miss their targets, named in a sentence."""


def missed(checks: Sequence[Check]) -> str:
    """`attainment 98.96 % (target 99 %) and TTFT p95 4.2 s (target 2 s)`; of many the first, and their number."""
    if len(checks) <= _MOST_NAMED:
        return " and ".join(map(_miss, checks))
    return f"{', '.join(map(_miss, checks[:_SHOWN]))} and {plural(len(checks) - _SHOWN, 'more target')}"


def missed_targets(plan: PlanSummary) -> str:
    """The targets that a plan misses, with the service that does; empty where it meets all."""
    late = [service for service in plan.services if not service.met]
    if not late:
        return missed(plan.broken) + _unasked(plan)
    named = [f"{missed(one.broken) or 'the SLO'} of {one.name}" for one in late[:_SHOWN]]
    rest = len(late) - _SHOWN
    more = f", and the targets of {how_many(rest, 'more service', 'more services')}" if rest > 0 else ""
    of_jobs = missed([check for check in plan.broken if _is_of_jobs(check)])
    return f"{of_jobs}{', ' if of_jobs else ''}{', '.join(named)}{more}"


def _unasked(plan: PlanSummary) -> str:
    """The reason for a miss in all futures: no request comes in any; empty where that is not so, or is said already."""
    futures = any(check.name == "futures" for check in plan.broken)
    asked = any(run.requests["arrived"] for run in plan.served)
    return ": no request to measure" if futures and plan.served and not asked else ""


def _is_of_jobs(check: Check) -> bool:
    return check.name.partition("_s ")[0] in JOBS or check.name == "deadlines"


def name_of(check: Check) -> str:
    """`ttft_s p95` as `TTFT p95`, `wait_s p95` as `P95 wait`; shares, tenants and services keep their name."""
    owner, colon, own = check.name.rpartition(": ")
    metric, _, level = own.partition("_s ")
    if metric in JOBS:
        return f"{JOBS.get(level, level.upper())} {JOBS[metric]}"
    return f"{owner}{colon}{metric.upper()} {level}" if level else check.name


def _miss(check: Check) -> str:
    """With as many digits as it takes to see the miss."""
    if check.measured is None:
        return f"{name_of(check)} ({_unmeasured(check)})"
    if check.name == "futures":
        allowed = percent(1 - check.target)
        return f"the SLO in {percent(1 - check.measured)} of the futures ({allowed} allowed)"
    if check.name.partition("_s ")[0] in JOBS:
        return f"{name_of(check)} {_long(check.measured, check.target)} (target {format_seconds(check.target)})"
    scale, unit = (1, "s") if "_s " in check.name else (100, "%")
    target = f"{scale * check.target:.6g}"
    shown = (f"{scale * check.measured:.{digits}g}" for digits in (3, 4, 6, 12))
    value = next((text for text in shown if text != target), target)
    return f"{name_of(check)} {value} {unit} (target {target} {unit})"


def _unmeasured(check: Check) -> str:
    if check.name.partition("_s ")[0] in JOBS:
        return "too many jobs are wider than the cluster, or of a type of GPU that it lacks"
    return "no job has one" if check.name == "deadlines" else "no request to measure"


def _long(value_s: float, target_s: float) -> str:
    """A time of hours as text; in seconds where its rounding hides the miss."""
    shown = format_seconds(value_s)
    return shown if shown != format_seconds(target_s) else f"{value_s:,.0f} s"


def verdict(comparison: Comparison) -> str:
    """Verdict: the plan to take, its cost a month, the difference, and what to do next."""
    if comparison.risk is None and not any(map(_measured, comparison.plans)):
        least = comparison.ranked[0]
        why = "no request came"
        return f"No plan can be judged: {why}; {least.name} costs {format_usd(least.per_month_usd.mean)} a month."
    if len(comparison.plans) == 1:
        only = comparison.baseline
        return " ".join([_single(comparison, only), *(cautions(only) if only.eligible else ())])
    best = comparison.best
    if best is None:
        return _none(comparison, comparison.ranked[0])
    less = [*_less_work(best, _second(comparison)), *cheaper_for_all_jobs(best, comparison.plans)]
    return " ".join([_best(comparison, best), *less, *cautions(best)])


def _measured(plan: PlanSummary) -> bool:
    """False for a plan that misses its SLO since no request came in any run."""
    return plan.met or bool(plan.trained) or any(run.requests["arrived"] for run in plan.served)


def cautions(plan: PlanSummary) -> list[str]:
    """Sentences on what is not in the SLO that a plan meets: jobs that it never runs, those that may miss it later,
    waits after they were stopped, interruptions of spot nodes where it never loses one, and answers that are not in
    the quality asked for.
    """
    jobs = max((run.slo.jobs for run in plan.trained), key=lambda jobs: jobs["failed"], default=None)
    text = "" if jobs is None else never_run(jobs["failed"], jobs["submitted"])
    names = " and ".join(map(name_of, _undecided(plan)))
    later = f"Its {names} may still miss: jobs count up to the end of the run; give a longer horizon."
    spot = kept_spot() if keeps_spot(plan.results) else ""
    unscored = map(_unscored, plan.services or (plan,))
    return list(filter(None, (text, later if names else "", *_after_stops(plan), spot, *unscored)))


def _after_stops(plan: PlanSummary) -> list[str]:
    """Sentences on the waits of jobs that are stopped, of which the SLO counts those up to the first start."""
    met = {check.name for check in plan.checks if check.met}
    missed_later = [check for run in plan.trained for check in run.slo.after_stops if met & {check.name, "futures"}]
    worst = {check.name: check for check in sorted(missed_later, key=lambda check: check.measured or 0.0)}
    return [
        f"Its {name_of(check)} ends with the first start: with the queue after jobs were stopped it is "
        f"{_long(check.measured, check.target)}; set a target on `jct`."
        for check in worst.values()
        if check.measured is not None
    ]


def _unscored(plan: PlanSummary) -> str:
    """Sentence on answers of an API, where the quality that is asked for does not count them."""
    score, answers = plan.quality, sum(run.requests["completed"] for run in plan.served)
    if plan.at_least is None or score is None or score.without_api is None or not answers:
        return ""
    of_api = percent(sum(run.overflowed or 0 for run in plan.served) / answers)
    return f"{score.without_api} gives {of_api} of the answers of {plan.name}, which its {score.metric} does not count."


def undecided(plan: PlanSummary) -> list[str]:
    """Names of the checks that a plan meets, and that its jobs without an end may still miss in some replication."""
    return [check.name for check in _undecided(plan)]


def _undecided(plan: PlanSummary) -> list[Check]:
    """Of futures, which are held against the target together, those of each that meets it."""
    met = {check.name for check in plan.checks if check.met}
    open_ended = {name for run in plan.trained for name in run.slo.undecided}
    checks = {check.name: check for run in plan.trained for check in run.slo.checks}
    return [check for name, check in checks.items() if name in open_ended and met & {name, "futures"}]


def kept_spot(services: str = "") -> str:
    """Sentence on spot nodes of which requests never lose one.

    Args:
        services: names of those that have such nodes, of several with plans of their own; empty = the plan has them.
    """
    nodes = f"No spot node of {services}" if services else "None of its spot nodes"
    return f"{nodes} is taken back in these runs, so what interruptions do to the SLO is not in it."


def never_run(failed: int, submitted: int) -> str:
    """Sentence on jobs that a cluster cannot hold; empty where it runs all.

    >>> never_run(2, 42), never_run(0, 42)
    ('2 of the 42 jobs are wider than its cluster, or of a type of GPU it lacks, and never run.', '')
    """
    be, run = ("is", "runs") if failed == 1 else ("are", "run")
    why = f"{be} wider than its cluster, or of a type of GPU it lacks, and never {run}"
    return f"{failed:,} of the {submitted:,} jobs {why}." if failed else ""


def none_eligible(poor: int, plans: int) -> str:
    """Reason that none of some plans may be chosen, where so many of them have a model that is not good enough.

    >>> none_eligible(0, 2), none_eligible(1, 2)
    ('no plan meets the SLO', 'no plan that is good enough meets the SLO: `quality.at_least` excludes 1 of 2')
    >>> none_eligible(2, 2)
    'no plan is good enough: `quality.at_least` excludes all 2'
    """
    if not poor:
        return "no plan meets the SLO"
    if poor == plans:
        return f"no plan is good enough: `quality.at_least` excludes {'it' if plans == 1 else f'all {plans:,}'}"
    return f"no plan that is good enough meets the SLO: `quality.at_least` excludes {poor:,} of {plans:,}"


def _single(comparison: Comparison, plan: PlanSummary) -> str:
    cost = monthly(plan.per_month_usd) if comparison.risk is None else _spread(plan)
    if plan.eligible:
        return f"{plan.name} meets the SLO{_how_often(comparison, plan)}{_gate(comparison)} at {cost}."
    if plan.met:
        return f"{plan.name} meets the SLO at {cost}, but is not good enough: {_broken(comparison, plan)}."
    if comparison.risk is not None:
        return f"{plan.name} misses {_broken(comparison, plan)}; it costs {cost}."
    return f"{plan.name} misses the SLO at {cost}: {missed_targets(plan) or 'nothing completed'}."


def _none(comparison: Comparison, closest: PlanSummary) -> str:
    often = "" if comparison.risk is None else f" in {percent(1 - comparison.risk)} of the futures"
    cost = format_usd(closest.per_month_usd.mean)
    lacks = "is not good enough:" if closest.met else "misses"
    return (
        f"No plan meets the SLO{often}{_gate(comparison)}; {closest.name} comes closest at {cost} a month, but {lacks} "
        f"{_broken(comparison, closest)}."
    )


def _second(comparison: Comparison) -> PlanSummary | None:
    """The next best of those that may be chosen."""
    return next((plan for plan in comparison.ranked[1:] if plan.eligible), None)


def _less_work(best: PlanSummary, second: PlanSummary | None) -> list[str]:
    """Sentence on the best plan where it answers fewer requests, as when clients wait for answers: costs a month are
    then not those of the same work.
    """
    if second is None:
        return []
    own, other = answered(best).requests, answered(second).requests
    if own >= (1 - FEWER) * other:
        return []
    fewer = f"{best.name} answers {percent(1 - own / other)} fewer requests than {second.name}"
    usd, there = (unit_costs(plan)["usd_per_million_output_tokens"] for plan in (best, second))
    if usd is None or there is None:
        return [f"{fewer}."]
    return [f"{fewer}: 1M output tokens cost {format_usd(usd)} with it, {format_usd(there)} with {second.name}."]


def _best(comparison: Comparison, best: PlanSummary) -> str:
    base, second = comparison.baseline, _second(comparison)
    role = ", the baseline," if best is base else ""
    cost = f"{format_usd(best.per_month_usd.mean)} a month" if comparison.risk is None else _spread(best)
    often = _how_often(comparison, best)
    gate, poor = _gate(comparison), _poor(comparison, best)
    text = f"{best.name}{role} is the cheapest plan that meets the SLO{often}{gate}: {cost}"
    if best is not base:
        text += (
            f", {against(next(difference for difference in comparison.differences if difference.plan == best.name))}"
        )
        text += "" if base.eligible else ", which is not good enough" if base.met else ", which misses the SLO"
    if second is None:
        return f"{text}; no other plan meets the SLO{gate}{poor}."
    if second is base:
        return f"{text}, the next best{poor}."
    rivals = [plan for plan in comparison.ranked[1:] if plan.eligible]
    changes = differences(rivals, best, comparison.level, comparison.margin, exact=comparison.exact)
    return f"{text}; next is {second.name}, {against(changes[0])}{poor}."


def _gate(comparison: Comparison) -> str:
    """` of all 3 services with mmlu of at least 64`, where there are several and that is asked for."""
    asked, count = comparison.quality, len(comparison.baseline.services)
    services = f" of all {count} services" if count > 1 else ""
    if asked is None or asked.at_least is None:
        return services
    return f"{services} with {asked.metric} of at least {asked.at_least:.6g}"


def _poor(comparison: Comparison, best: PlanSummary) -> str:
    """Plans that meet the SLO for less, and are not good enough."""
    limit = best.per_month_usd.mean * (1 - 1e-3)
    found = [plan for plan in comparison.plans if plan.met and not plan.good_enough and plan.per_month_usd.mean < limit]
    named = ", ".join(f"{plan.name} ({_scores(plan)})" for plan in found)
    return f"; cheaper, but not good enough: {named}" if named else ""


def _scores(plan: PlanSummary) -> str:
    """Of the model of a plan, or of those of its services that are not good enough."""
    poor = [f"{score(service)} of {service.name}" for service in plan.services if not service.good_enough]
    return ", ".join(poor) or score(plan)


def score(plan: PlanSummary) -> str:
    """`mmlu 60.5`, or that it is not known."""
    found = plan.quality
    if found is None or found.value is None:
        return f"{found.metric if found and found.metric else 'quality'} not known"
    return f"{found.metric} {found.value:.6g}"


def _how_often(comparison: Comparison, plan: PlanSummary) -> str:
    runs = len(plan.results)
    count = f"{round(plan.met_share * runs)} of {runs}"
    if comparison.risk is not None:
        return f" in {count} futures"
    return "" if plan.met_share == 1 else f" (on average; by itself in {count} runs)"


def _spread(plan: PlanSummary) -> str:
    """Cost over the futures."""
    cost = quantiles([run.bill.per_month_usd for run in plan.results])
    low, middle, high = (format_usd(cost[name]) for name in ("p10", "p50", "p90"))
    return f"{middle} a month at P50 (P10 {low}, P90 {high})"


def _broken(comparison: Comparison, plan: PlanSummary) -> str:
    if text := missed_targets(plan):
        return text
    if plan.met and comparison.quality is not None:
        return f"{_scores(plan)} (at least {comparison.quality.at_least:.6g} asked for)"
    return "it, since nothing completed"
