"""Provenance of a result of several services: inputs, assumptions, and the scenario written in full."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from simcost.scenario.files.sharing import KEY, OF_A_PLAN, OF_JOBS, OF_NODES, SHARING, STARTUP_OF_NODES
from simcost.scenario.inputs.trace_starts import shifted_starts
from simcost.scenario.runs.provenance import as_it_was_run, assumptions, input_files, provenance, without_shared
from simcost.scenario.runs.resolve_services import ResolvedServices
from simcost.units import format_seconds

_OF_ONE_POOL = ("workload", "demand", "jobs", "slo", "tenants", "vary", "sweep", "model")
"""Keys of a scenario of one pool that services have instead, or that go without them."""


def provenance_of_services(services: ResolvedServices, horizon_s: float) -> dict[str, Any]:
    """As of one pool, with the inputs and the seed of each service."""
    each = {name: provenance(question, horizon_s) for name, question in services.questions.items()}
    of_jobs = [] if services.jobs is None else [provenance(services.jobs, horizon_s)]
    inputs = {path: digest for document in (*each.values(), *of_jobs) for path, digest in document["inputs"].items()}
    seeds = {name: document["seed"] for name, document in each.items()}
    return next(iter(each.values())) | {"seed": services.seed, "service_seeds": seeds, "inputs": inputs}


def input_files_of_services(services: ResolvedServices) -> list[Path]:
    """The files that the services are read from."""
    questions = [*services.questions.values(), *([] if services.jobs is None else [services.jobs])]
    return list(dict.fromkeys(path for question in questions for path in input_files(question)))


def assumptions_of_services(services: ResolvedServices) -> list[str]:
    """One sentence each, with the services and plans it holds for."""
    sentences: dict[str, list[str]] = {}
    for name, question in services.questions.items():
        for text in assumptions(question):
            sentences.setdefault(text, []).append(name)
    every = len(services.questions)
    lines = [text if len(names) == every else f"{', '.join(names)}: {text}" for text, names in sentences.items()]
    if len(services.demands) > 1:
        lines += ["Futures of different services are independent of each other.", *_shifted_demands(services)]
    folder = services.loaded.first.folder
    streams = [one for question in services.questions.values() for one in question.loaded.scenario.open_workloads()]
    lines += [text for text in shifted_starts(streams, folder) if text not in sentences]
    return [
        *lines,
        *_assumptions_of_forwarding(services),
        *([] if services.jobs is None else assumptions(services.jobs)),
    ]


def _shifted_demands(services: ResolvedServices) -> list[str]:
    """Sentences on forecasts that begin at another time than the first, where their histories end."""
    begins_s = {name: demand.starts_utc_s for name, demand in services.demands.items()}
    first, first_s = next(iter(begins_s.items()))
    return [
        f"The history of {name} ends {format_seconds(abs(begin_s - first_s))} "
        f"{'after' if begin_s > first_s else 'before'} that of {first}, and its forecast begins there; here both begin "
        "at 0, and their hours of the day come so much apart: end the histories at the same time."
        for name, begin_s in begins_s.items()
        if begin_s != first_s
    ]


def _assumptions_of_forwarding(services: ResolvedServices) -> list[str]:
    """Sentences on requests that services send on, each once; none where there are none."""
    plans = [services.forwarding(plan.name) for plan in services.loaded.first.scenario.plans]
    each = [forwarding for plan in plans for forwarding in plan.values()]
    lines = []
    if each:
        lines.append(
            "Services that send requests on are judged by the final answers: TTFT and E2E count from the first "
            "arrival, TPOT is that of the final answer, which replaces the first one; where it fails, the request is a "
            "miss. A further answer is as long as the recorded one; the service that gives it knows no priority, "
            "conversation, prefix or adapter of the request."
        )
    if any(forwarding.cascade is not None and forwarding.cascade.escalate for forwarding in each):
        lines.append(
            "Requests are escalated at random, whatever their length, at the end of the first answer, the same ones in "
            "all plans."
        )
    return lines


def resolved_services_text(services: ResolvedServices) -> str:
    """The YAML of the scenario with all defaults; it reads back to the same scenario, and to itself."""
    each = {name: asdict(question.loaded.scenario) for name, question in services.questions.items()}
    first = services.first
    said = {key: value for key, value in next(iter(each.values())).items() if key not in _OF_ONE_POOL}
    horizon_s = None if services.demands else first.horizon_s
    said |= {"seed": services.seed, "seeds": first.seeds, "horizon": horizon_s}
    if services.jobs is not None:
        jobs = asdict(services.jobs.loaded.scenario)
        said |= {"jobs": jobs["jobs"], "slo": jobs["slo"]}
    said["plans"] = [
        _plan(services, str(plan["name"]), {name: document["plans"][place] for name, document in each.items()})
        for place, plan in enumerate(said["plans"])
    ]
    listed = [
        {"name": name} | {key: document[key] for key in ("model", "workload", "demand", "slo", "tenants")}
        for name, document in each.items()
    ]
    place = list(said).index("plans")
    items = list(said.items())
    return as_it_was_run(
        dict([*items[:place], (KEY, listed), *items[place:]]), services.loaded.path, services.loaded.text
    )


def _plan(services: ResolvedServices, name: str, parts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A plan with the part of each service; what is of the nodes that services share, once."""
    rights = {service: asdict(sharing) for (plan, service), sharing in services.loaded.sharing.items() if plan == name}
    found: dict[str, Any] = {"name": name}
    beside = services.beside_jobs(name)
    if services.jobs is not None:
        jobs = next(plan for plan in services.jobs.loaded.scenario.plans if plan.name == name)
        found |= {key: value for key, value in asdict(jobs).items() if key in ("buy", *OF_JOBS)}
    if rights:
        first = parts[next(iter(rights))]
        startup = {key: first["startup"][key] for key in STARTUP_OF_NODES}
        found |= {key: first[key] for key in OF_NODES} | {"startup": startup}
        preempt = {right.pop("preempt") for right in rights.values()}
        found[SHARING] = {"preempt": preempt == {True}}
    return found | {
        KEY: {
            service: _part(part, rights.get(service), service in beside) | _forwarding(services, name, service)
            for service, part in parts.items()
        }
    }


def _forwarding(services: ResolvedServices, plan: str, service: str) -> dict[str, Any]:
    """Cascade and fallback of a service, where it has them."""
    forwarding = services.loaded.forwarding.get((plan, service))
    return {} if forwarding is None else {key: value for key, value in asdict(forwarding).items() if value is not None}


def _part(plan: dict[str, Any], rights: dict[str, Any] | None, beside_jobs: bool) -> dict[str, Any]:
    """Part of a plan that serves a service; on shared nodes with its rights there."""
    without_shared(plan)
    dropped = (*OF_A_PLAN, *(OF_NODES if beside_jobs else ()))
    part = {key: value for key, value in plan.items() if key not in dropped}
    if rights is None:
        return part
    startup = {key: value for key, value in part["startup"].items() if key not in STARTUP_OF_NODES}
    return {key: value for key, value in part.items() if key not in OF_NODES} | {"startup": startup, SHARING: rights}
