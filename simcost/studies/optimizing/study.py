"""Document of `simcost optimize`: stored, or the answer of a new search."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from simcost.billing.commitment.offered import written
from simcost.errors import InputError
from simcost.scenario.runs.quota import checked_quota
from simcost.scenario.runs.services_apart import is_whole
from simcost.scenario.schema.loaded_scenario import LoadedScenario, LoadedServices
from simcost.scenario.storage.answers import stored_answer
from simcost.studies.optimizing.settings import Document, Progress, SearchSettings


def optimize(
    loaded: LoadedScenario | LoadedServices, runs: Path, settings: SearchSettings, progress: Progress
) -> Document:
    """Search the cheapest plan that meets the SLO, of several services that of each.

    Args:
        loaded: the scenario; its `vary` is the space, or else hardware of the catalog and sizes of the fleet.
        runs: folder in which simulations are stored, and found again.
        settings: seeds, and simulations at a time; the document does not depend on the latter.
        progress: called with the share done and what is done.

    Raises:
        InputError: clients that wait, or services or jobs that depend on each other, without a `vary`.
        FaultsError: a `vary` that cannot be read.
    """

    def make() -> Document:
        from simcost.studies.optimizing.joint import search_whole_plans
        from simcost.studies.optimizing.search import search
        from simcost.studies.optimizing.services import search_services

        asked = replace(settings, quota=checked_quota(settings.quota, loaded.first.catalog))
        if asked.quota and asked.mixes:
            raise InputError("a quota and mixes are not searched together; leave one of them out")
        if is_whole(loaded, [plan.name for plan in loaded.first.scenario.plans]):
            return search_whole_plans(loaded, runs, asked, progress)
        if isinstance(loaded, LoadedServices):
            if asked.quota:
                raise InputError(
                    f"{loaded.path}: services on nodes of their own are searched apart, so that no quota of all can be "
                    "kept; bound each by `vary`, as `{path: services.NAME.scaling.replicas, from: 1, to: 4}`"
                )
            return search_services(loaded, runs, asked, progress)
        return search(loaded, runs, asked, progress)

    return stored_answer(
        loaded,
        runs.parent / "answers",
        make,
        question="optimize",
        seeds=settings.seeds,
        seed=settings.seed,
        mixes=settings.mixes,
        step_factor=settings.step_factor,
        front=settings.front,
        budget_usd=settings.budget_usd,
        quota=json.dumps(dict(sorted(settings.quota.items()))),
        objectives=" ".join(sorted(set(settings.objectives))),
        offers=json.dumps([written(offer) for offer in settings.offers]),
    )
