"""Scores of which some are shares and others in per cent."""

from __future__ import annotations

from simcost.scenario.inputs.model_quality import model_qualities
from simcost.scenario.schema.loaded_scenario import LoadedScenario

_PER_CENT = 10.0
"""Least score in per cent beside one that is at most 1; a short scale, such as 1 to 5, ends below it."""


def unusual_scores(loaded: LoadedScenario) -> list[str]:
    """A sentence on scores from 0 to 1 beside others in per cent: a gate of 0.64 is passed by every score of 65.3, and
    a model of 0.66 fails one of 64.
    """
    asked = loaded.scenario.quality
    scores = {
        f"the score of {plan}": quality.value
        for plan, quality in model_qualities(loaded).items()
        if quality.value is not None
    }
    if asked is not None and asked.at_least is not None:
        scores["`quality.at_least`"] = asked.at_least
    shares = [f"{name} ({value:g})" for name, value in scores.items() if 0 < value <= 1]
    others = sorted(value for value in scores.values() if value >= _PER_CENT)
    if not shares or not others:
        return []
    span = f"{others[0]:g}" if others[0] == others[-1] else f"{others[0]:g} to {others[-1]:g}"
    verb = "looks like a share" if len(shares) == 1 else "look like shares"
    return [f"{' and '.join(shares)} {verb}, beside {span} in per cent: write all scores alike, else none compares."]
