"""Bars and the names beside them."""

from simcost.present.bar_charts import groups


def test_each_bar_has_its_name() -> None:
    """Of 30 plans with names of three lines a browser left out every other name, so that bars had none."""
    rows = [{"group": f"plan {i} with a very long name of the platform team"} for i in range(30)]
    assert groups(rows).to_dict()["axis"]["labelOverlap"] is False
