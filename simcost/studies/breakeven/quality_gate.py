"""Plans whose models are not as good as the scenario asks for."""

from collections.abc import Collection

from simcost.present.format import exact
from simcost.scenario.inputs.model_quality import model_qualities
from simcost.scenario.schema.loaded_scenario import LoadedScenario


def below_quality(loaded: LoadedScenario, plans: Collection[str]) -> dict[str, str]:
    """Plans whose quality is less than asked for, or not known, by name, with what is; none without a gate.

    Args:
        loaded: the scenario; its `quality` is the gate.
        plans: names of the plans that are compared.
    """
    asked = loaded.scenario.quality
    if asked is None:
        return {}
    return {
        name: f"{asked.metric} {'not known' if found.value is None else exact(found.value)}, and at least "
        f"{exact(asked.at_least)} is asked for"
        for name, found in model_qualities(loaded).items()
        if name in plans and not found.reaches(asked.at_least)
    }
