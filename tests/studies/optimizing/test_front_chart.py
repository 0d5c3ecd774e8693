"""The chart of the front: words that fit, and a mark of its own for each outcome."""

import json
from typing import Any

from simcost.studies.optimizing.charts import MET, MISSED, ON_AVERAGE, UNCONFIRMED, front

OUTCOMES = {
    MET: {"met": True},
    UNCONFIRMED: {"met": True, "confirmed": False},
    ON_AVERAGE: {"met": False, "on_average": True},
    MISSED: {"met": False},
}


def document() -> dict[str, Any]:
    points = [
        {
            "name": word,
            "usd_per_month": 1000.0 + 500 * i,
            "attainment": 0.99 + 0.001 * i,
            "intervals": {"usd_per_month": None, "attainment": {"lo": 0.98, "hi": 1.0}},
            "near": False,
            **outcome,
        }
        for i, (word, outcome) in enumerate(OUTCOMES.items())
    ]
    return {"frontier": points, "measure": "attainment", "knee": None, "objectives": ["cost", "attainment"]}


def rows(found: dict[str, Any]) -> list[dict[str, Any]]:
    """The data of the chart."""
    [text] = front(found).to_dict()["datasets"].values()
    return list(json.loads(text))


def test_each_outcome_has_its_mark_and_its_whole_words_in_the_legend() -> None:
    [points] = [layer for layer in front(document()).to_dict()["layer"] if layer["mark"]["type"] == "point"]
    for channel in ("color", "shape"):
        scale, legend = (points["encoding"][channel][key] for key in ("scale", "legend"))
        assert set(scale["domain"]) == set(OUTCOMES)
        assert len(set(scale["range"])) == len(OUTCOMES)
        assert legend["labelLimit"] == 0, "a label that is cut says 'met on average, not at the confidence…'"


def test_plans_at_one_place_share_a_point_that_names_all() -> None:
    same = {"usd_per_month": 1000.0, "attainment": 0.99}
    points = [{**one, **same} for one in document()["frontier"][:2]] + document()["frontier"][2:]
    [shared, *rest] = rows(document() | {"frontier": points, "knee": UNCONFIRMED})
    assert shared["plan"] == f"{MET} ({MET}); {UNCONFIRMED} ({UNCONFIRMED})"
    assert shared["count"] == "2 plans"
    assert shared["knee"]
    assert [(row["plan"], row["count"]) for row in rest] == [(ON_AVERAGE, ""), (MISSED, "")]
    near = [{**points[0], "near": True}, {**points[0], "name": "on"}]
    [row] = rows(document() | {"frontier": near})
    assert (row["plan"], row["near"]) == (f"on; {MET}", False)
