"""Plans of a search as if they were written in its scenario."""

from __future__ import annotations

import json
from typing import Any

from simcost.errors import FaultsError
from simcost.scenario.checks.load import load_text
from simcost.scenario.inputs.variations import Variation
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.studies.optimizing.settings import Document


def written_plan(loaded: LoadedScenario, plan: Document) -> Variation | None:
    """A plan of plain data; None where the checks refuse it."""
    try:
        return sound_plan(loaded, plan)
    except FaultsError:
        return None


def sound_plan(loaded: LoadedScenario, plan: Document) -> Variation | None:
    """A plan of plain data; None where the scenario has services. Raises FaultsError where the checks refuse it."""
    root: Any = loaded.root.plain()
    text = json.dumps({**{key: one for key, one in root.items() if key not in ("vary", "baseline")}, "plans": [plan]})
    alone = load_text(text, loaded.path, loaded.folder)
    if not isinstance(alone, LoadedScenario):
        return None
    [made] = alone.scenario.plans
    plans = alone.root.get("plans")
    node = None if plans is None else plans.get(0)
    return None if node is None else Variation(plan=made, node=node)
