"""The chart of the front: words that fit, and a mark of its own for each outcome."""

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


def test_each_outcome_has_its_mark_and_its_whole_words_in_the_legend() -> None:
    [points] = [layer for layer in front(document()).to_dict()["layer"] if layer["mark"]["type"] == "point"]
    for channel in ("color", "shape"):
        scale, legend = (points["encoding"][channel][key] for key in ("scale", "legend"))
        assert set(scale["domain"]) == set(OUTCOMES)
        assert len(set(scale["range"])) == len(OUTCOMES)
        assert legend["labelLimit"] == 0, "a label that is cut says 'met on average, not at the confidence…'"
