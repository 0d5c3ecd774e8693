"""`simcost report`: a finished result as a review, from its document, its charges and its scenario."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from simcost.documents import to_document
from simcost.scenario.runs.provenance import dump
from simcost.scenario.storage.results import first_run, plan_charges, scenario_as_run
from simcost.studies.review import wording
from simcost.studies.review.money import charge_rows, charges_of, commitments_of, on_demand_spending, price_flips
from simcost.studies.review.plan_terms import terms_of
from simcost.studies.review.result import ChargeOfMonth, CommitmentOfMonth, DemandFacts, Document, Review
from simcost.studies.review.short_scenario import SERVICES, with_defaults
from simcost.units import SECONDS_PER_HOUR

HEAD = "# As it was run, in SI units; fields without a value are left out. Paths are relative to the scenario's file.\n"
"""First line of the scenario in a review."""


def review(
    folder: Path, document: Document, tables: Mapping[str, Any], *, date: str, author: str = "", title: str = ""
) -> Review:
    """Compose the review of a result.

    Args:
        folder: of the result.
        document: of the result.
        tables: by name; `timeline` and `hours` where the plans serve requests.
        date: of the review.
        author: of the review; empty = not said.
        title: of the review; empty = that of the scenario.

    Raises:
        InputError: a part of the folder cannot be read.
    """
    _, scenario = scenario_as_run(folder)
    chosen = wording.chosen_plan(document)
    plans = {plan["name"]: plan for plan in document["plans"]}
    rows = {name: charge_rows(plan_charges(folder, name)[0]) for name in plans}
    charges, commitments = _money(document, rows)
    return Review(
        document=to_document(document),
        title=title or f"Capacity review: {document['scenario']}",
        author=author,
        date=date,
        command=_command(document),
        chosen=chosen["name"],
        recommendation=wording.recommendation(document),
        badge=wording.badge(document),
        decision=wording.decision(document),
        terms=[row for plan in scenario["plans"] for row in terms_of(plan, plans[plan["name"]])],
        peak_replicas=_peak(tables.get("timeline"), chosen["name"]),
        demand=_demand(folder, chosen, tables.get("hours")),
        charges=charges,
        commitments=commitments,
        flips=price_flips(document, on_demand_spending(document["plans"], rows)),
        flips_known=document["best"] is not None,
        factors=_factors(scenario),
        rejected=list(wording.rejected(document)),
        risks=list(wording.risks(document)),
        assumptions=wording.by_subject(document["assumptions"]),
        scenario=shown_scenario(scenario),
    )


def _factors(scenario: Mapping[str, Any]) -> list[str]:
    """`demand` where requests come by themselves, as a closed loop sends what is answered; `engine` where any come."""
    services = scenario.get(SERVICES) or [scenario]
    streams = [stream for service in services for stream in service.get("workload") or ()]
    if not streams and not any(service.get("demand") for service in services):
        return []
    return ["engine"] if any(stream["kind"] == "closed" for stream in streams) else ["demand", "engine"]


def shown_scenario(scenario: Mapping[str, Any]) -> str:
    """The scenario as YAML without keys that have no value; what all plans share stands in `defaults`."""
    found = _stated(scenario)
    plans = found.pop("plans")
    first = plans[0]
    if SERVICES in first:
        defaults, plans = with_defaults(plans)
        return HEAD + dump({**found, "defaults": defaults, "plans": plans}, compact=True)
    shared = {key: first[key] for key in first if key != "name" and all(plan.get(key) == first[key] for plan in plans)}
    if len(plans) > 1 and shared:
        found["defaults"] = shared
        plans = [{key: plan[key] for key in plan if key not in shared} for plan in plans]
    return HEAD + dump({**found, "plans": plans}, compact=True)


def _stated(value: Any) -> Any:
    """Plain data without the keys that have no value: `null`, `[]`, `{}`."""
    if isinstance(value, dict):
        found = {key: _stated(child) for key, child in value.items()}
        return {key: child for key, child in found.items() if child is not None and child not in ([], {})}
    return [_stated(child) for child in value] if isinstance(value, list) else value


def _money(
    document: Document, rows: Mapping[str, Sequence[Mapping[str, Any]]]
) -> tuple[list[ChargeOfMonth], list[CommitmentOfMonth]]:
    charges: list[ChargeOfMonth] = []
    commitments: list[CommitmentOfMonth] = []
    for plan in document["plans"]:
        charges += charges_of(plan, rows[plan["name"]])
        commitments += commitments_of(plan, rows[plan["name"]])
    return charges, commitments


def _command(document: Document) -> str:
    origin = document["provenance"]
    file = next(iter(origin["inputs"]), f"{document['scenario']}.yaml")
    data = f" --data {shlex.quote(origin['data'])}" if "data" in origin else ""
    return f"simcost run {shlex.quote(file)}{data} --seed {origin['seed']} --seeds {document['replications']}"


def _peak(timeline: Any, plan: str) -> int | None:
    """The most replicas that are paid at a time, in the first replication; None of several services."""
    if timeline is None or "service" in timeline.column_names:
        return None
    import pyarrow.compute as pc

    mine = timeline.filter(pc.equal(timeline["plan"], plan))
    paid = pc.max(pc.add(pc.add(mine["ready"], mine["starting"]), mine["draining"])).as_py()
    return None if paid is None else int(paid)


def _demand(folder: Path, plan: Mapping[str, Any], hours: Any) -> DemandFacts | None:
    """Requests that clients sent in the first replication; None without requests."""
    forwarded = sum(service.get("received", 0) for service in plan.get("services", ()))
    arrived = plan.get("requests", {}).get("arrived", 0) - forwarded
    if not arrived:
        return None
    busiest_per_s, window_s = _busiest(plan["name"], hours)
    return DemandFacts(
        requests=arrived,
        per_s=arrived / plan["horizon_s"],
        busiest_per_s=busiest_per_s,
        window_s=window_s,
        output_tokens_per_request=_output_tokens(first_run(folder, plan["name"])),
    )


def _output_tokens(runs: Sequence[Mapping[str, Any]]) -> float | None:
    """Output tokens of a completed request of some runs."""
    completed = sum(run.get("completed") or 0 for run in runs)
    return sum(run.get("output_tokens") or 0 for run in runs) / completed if completed else None


def _busiest(plan: str, hours: Any) -> tuple[float | None, float]:
    """Requests a second in the busiest window, and its length; not known where there is one window or are services."""
    if hours is None or "service" in hours.column_names:
        return None, SECONDS_PER_HOUR
    import pyarrow.compute as pc

    mine = hours.filter(pc.equal(hours["plan"], plan)).sort_by("start_s")
    starts = mine["start_s"].to_pylist()
    if len(starts) < 2:
        return None, SECONDS_PER_HOUR
    window_s = float(starts[1] - starts[0])
    return pc.max(mine["arrived"]).as_py() / window_s, window_s
