"""Document of `simcost optimize`: stored, or the answer of a new search."""

from __future__ import annotations

from pathlib import Path

from simcost.scenario.files.vary import varies_joint_terms
from simcost.scenario.inputs.whole_variations import are_few
from simcost.scenario.runs.services_apart import is_whole
from simcost.scenario.schema.loaded_scenario import AnyScenario, LoadedServices
from simcost.scenario.storage.answers import stored_answer
from simcost.studies.optimizing.settings import Document, Progress, SearchSettings


def optimize(loaded: AnyScenario, runs: Path, settings: SearchSettings, progress: Progress) -> Document:
    """Search the cheapest plan that meets the SLO, of several services that of each.

    Args:
        loaded: the scenario; its `vary` is the space, or else hardware of the catalog and sizes of the fleet.
        runs: folder in which simulations are stored, and found again.
        settings: seeds, and simulations at a time; the document does not depend on the latter.
        progress: called with the share done and what is done.

    Raises:
        InputError: clients that wait, or services or jobs that depend on each other, without a `vary`; or a limit of
            something that the catalog does not know.
        FaultsError: a `vary` that cannot be read.
    """

    def make() -> Document:
        from simcost.studies.optimizing.joint import search_whole_plans
        from simcost.studies.optimizing.search import search
        from simcost.studies.optimizing.services import search_services

        settings.limits(loaded.first.catalog)  # what they name is there
        plans = [plan.name for plan in loaded.first.scenario.plans]
        commit_together = isinstance(loaded, LoadedServices) and settings.offers and not settings.mixes
        if is_whole(loaded, plans) or varies_joint_terms(loaded.root) or (commit_together and are_few(loaded)):
            return search_whole_plans(loaded, runs, settings, progress)
        if isinstance(loaded, LoadedServices):
            return search_services(loaded, runs, settings, progress)
        return search(loaded, runs, settings, progress)

    return stored_answer(loaded, runs.parent / "answers", make, question="optimize", **settings.question())
