"""The verdict of `simcost sensitivity` and the maps of two values under it say the same."""

from typing import Any

import pytest

from simcost.studies.sensitivity.study import verdict

GRID = {"x": "demand", "y": "engine"}


def document(*best: str) -> dict[str, Any]:
    """A document without flip points; `best` plans of the cells of its map, without a map where there are none."""
    swing = {"path": "demand", "lo_usd": 90.0, "hi_usd": 120.0}
    base = {"verdict": "one", "usd_per_month": 100.0, "infeasible": None, "cautions": []}
    maps = {"two_way": [{**GRID, "cells": [{"verdict": name} for name in best]}]} if best else {}
    return {"plan": "one", "base": base, "tornado": [swing], "flips": [], **maps}


@pytest.mark.parametrize(
    ("best", "end"),
    [
        ((), "No value by itself changes the decision within the ranges."),
        (("one", "one"), "within the ranges, nor do those of a map together."),
        (
            ("one", "two", "two", "no plan meets the SLO"),
            "within the ranges; demand and engine together do: two, no plan meets the SLO at 3 of 4 combinations.",
        ),
    ],
)
def test_a_verdict_does_not_say_that_nothing_changes_what_its_map_changes(best: tuple[str, ...], end: str) -> None:
    """It said `Nothing changes the decision within the ranges` above a map with two best plans."""
    assert verdict(document(*best)).endswith(end)
