"""Actions for a plan, as parts."""

from collections.abc import Iterator

from simcost.present.format import amount, count, share, shortened, usd_change, usd_margin
from simcost.present.parts import Part, Table
from simcost.studies.advising import charts
from simcost.studies.advising.charts import of_service
from simcost.studies.advising.result import Advice, Saving

METHOD = (
    "An action is the cheapest plan of its kind whose SLO holds at the lower confidence bound (where demand is "
    "forecast, in as many futures as `risk` asks for), in the search and on seeds that the search never saw. Savings "
    "are paired differences on those seeds, and what the plan costs is of them too, not of the seeds of `simcost run`; "
    "`then` is what an action still saves after those above it, and a dash where it saves too little then, or the SLO "
    "does not hold. Savings alone do not add up. `At least` is the attainment at its lower confidence bound."
)
RISK = "SLO risk: probability that one more run of this length misses a target."
UNSEEN = "what one does to the SLO was not simulated, and the SLO risk takes"
CONFIDENCE = (
    "Confidence: high with a recorded workload of 14 days or more and a measured engine, medium with one of the two, "
    "low with neither."
)


def parts(advice: Advice) -> list[Part]:
    """Parts below the verdict, on every screen."""
    drawn = [Part(title="Savings", chart=lambda: charts.savings(advice))] if advice.actions else []
    said = [f"{i}. {action.action}" for i, action in enumerate(advice.actions, 1)]
    return [
        Part(title="Actions", titled=False, rows=actions(advice), left=1),
        *drawn,
        Part(title="Changes", said=said),
        Part(title="Tried", rows=tried(advice), left=1),
        Part(title="Notes", said=[METHOD, RISK, *_on_spot(advice), CONFIDENCE, *advice.assumptions]),
    ]


def _on_spot(advice: Advice) -> Iterator[str]:
    """Notes on actions with spot nodes, of which no run lost one."""
    for i, action in enumerate(advice.actions, 1):
        unseen = action.unseen_interruptions
        if unseen is None:
            continue
        hours = f"none of its spot nodes was taken back in {count(unseen.runs)} runs with {amount(unseen.node_hours)} "
        seen = f"Action {i}: {hours}node-hours on spot"
        if unseen.expected == 0:
            yield f"{seen}, as the plan states no rate of it: the SLO risk is without interruptions."
        elif unseen.expected is None:
            most = f"the up to {share(unseen.runs_with_one)} of runs that may have one"
            yield f"{seen}: {UNSEEN} {most} ({share(advice.level)} confidence) as missed."
        else:
            rate = f", where {amount(unseen.expected)} interruptions are expected at the stated rate"
            yield f"{seen}{rate}: {UNSEEN} the {share(unseen.runs_with_one)} of runs that have one as missed."


def actions(advice: Advice) -> Table:
    """An action in each row, in the order in which to take them."""
    return [
        {
            "action": f"{i}. {of_service(action)}",
            "saves $ a month": _saving(action.saving_usd_per_month),
            "then": usd_change(action.then_usd_per_month),
            "at least": share(action.after.attainment_at_least),
            "SLO risk": action.slo_risk_class,
            "effort": action.effort if action.reversible else f"{action.effort}, bound",
            "confidence": action.confidence,
        }
        for i, action in enumerate(advice.actions, 1)
    ]


def _saving(saving: Saving) -> str:
    margin = None if saving.lo is None or saving.hi is None else (saving.hi - saving.lo) / 2
    return usd_margin(saving.mean, margin)


def tried(advice: Advice) -> Table:
    """Kinds of actions, and what came of each."""
    return [
        {"kind": of_service(one), "plans": count(one.plans), "outcome": shortened(one.outcome, 60)}
        for one in advice.tried
    ]
