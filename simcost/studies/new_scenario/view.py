"""A new scenario, as parts."""

from simcost.present.parts import Part
from simcost.studies.new_scenario.study import NewScenario


def parts(result: NewScenario) -> list[Part]:
    """Parts below the verdict, on every screen."""
    return [
        Part(title="Plans", said=result.plans),
        Part(title="Notes", said=result.notes),
        Part(title="Next", said=result.next),
    ]
