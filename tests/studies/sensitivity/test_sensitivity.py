"""`simcost sensitivity`: swings and flips of a small scenario, and bad input."""

from pathlib import Path
from typing import Any

import pytest
from support.commands import TINY, call, refused, scenario

pytestmark = pytest.mark.slow

TWO = TINY.partition("  - name: scaled")[0] + (
    "  - name: large\n"
    "    replica: {accelerator: l40s}\n"
    "    buy: {offer: aws/g6e.xlarge}\n"
    "    scaling: {kind: fixed, replicas: 1}\n"
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return scenario(tmp_path_factory.mktemp("two"), text=TWO)


def asked(file: Path, *ranges: str) -> dict[str, Any]:
    words = [word for one in ranges for word in ("--vary", one)]
    said = call("sensitivity", file, *words, "--out", file.parent / "out", "--json", "--quiet")
    assert said.code == 0, said.err
    return said.document()


def test_prices_flip_where_the_costs_are_equal_without_a_simulation(file: Path) -> None:
    document = asked(file, "price.aws/g6.xlarge=0.4..3", "discount.aws/g6e.xlarge=0..90%")
    assert document["simulated"] == 4, "two plans, two replications: prices need none"
    by_path = {one["path"]: one for one in document["tornado"]}
    row = by_path["price.aws/g6.xlarge"]
    assert row["hi_usd"] - row["lo_usd"] == pytest.approx(2.6 * 730)
    price, discount = document["flips"]
    plans = call("run", file, "--out", file.parent / "out", "--json", "--quiet").document()["plans"]
    small, large = (one["cost_usd"]["per_month"] for one in plans)
    assert price["value"] == pytest.approx(row["base"] + (large - small) / 730, abs=0.03)
    assert (price["below"], price["above"], price["verdict"]) == ("one", "large", "large")
    assert discount["value"] == pytest.approx((large - small) / (1.861 * 730), abs=0.01)
    assert document["value_of_information"]["price.aws/g6.xlarge"] > 0
    assert document["tornado"][0]["swing_usd"] >= document["tornado"][1]["swing_usd"]


def test_demand_engine_and_fields_are_simulated(file: Path) -> None:
    document = asked(file, "demand=0.5..2", "engine=0.5..1000", "plans.0.scaling.replicas=1..3")
    by_path = {one["path"]: one for one in document["tornado"]}
    rows = by_path["plans.0.scaling.replicas"]
    assert rows["hi_usd"] / rows["lo_usd"] == pytest.approx(3, rel=0.05)
    broken = [one for one in document["flips"] if one["path"] == "engine"]
    assert broken[-1]["above"] == "no plan meets the SLO"
    assert broken[0]["below"] == "one"
    assert document["value_of_information"]["engine"] is None
    fleet = next(one for one in document["flips"] if one["path"] == "plans.0.scaling.replicas")
    assert (fleet["value"], fleet["above"]) == (3, "large"), "two cost less than the large one"


def test_it_is_shown_and_drawn(file: Path) -> None:
    svg = file.parent / "a.svg"
    words = ("sensitivity", file, "--vary", "price.aws/g6.xlarge=0.4..3", "--out", file.parent / "out")
    said = call(*words, "--svg", svg, "--quiet")
    assert "It flips: large above" in said.out.replace("\n", " ")
    assert max(map(len, said.out.splitlines())) <= 100
    assert svg.read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("vary", "said"),
    [
        ("demand", "is not PATH=LO..HI"),
        ("demand=1.5..2", "does not hold the base 1"),
        ("price.aws/none=1..2", "no plan buys the offer 'aws/none'; bought are aws/g6.xlarge, aws/g6e.xlarge"),
        ("workload.0.rat=1..2", "has no 'rat' there"),
        ("plans.0.name=1..2", "is not a number"),
        ("plans.0.replica.memory_utilisation=0.5..3", "must be at most 1"),
    ],
)
def test_ranges_that_cannot_be_are_refused(file: Path, vary: str, said: str) -> None:
    assert said in refused("sensitivity", file, "--vary", vary, "--out", file.parent / "out")
