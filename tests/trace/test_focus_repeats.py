"""Charges that stand in a cost file twice, and usage by the day: counted as they are, and told."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.commands import refused
from support.focus_files import HEAD, cost_file, row

from simcost.studies.actuals.study import actual_costs
from simcost.trace.focus.reader import read_focus

WITH_RESOURCE = f"{HEAD},ResourceId"


def repeated(path: Path) -> int:
    found = {one["rule"]: one["rows"] for one in read_focus([path]).quality}
    return int(str(found.get("repeated", 0)))


@pytest.mark.parametrize(
    ("cells", "machine", "count"),
    [
        ({}, "i-1", 1),
        ({"ListUnitPrice": 1}, "i-1", 1),
        ({}, "i-2", 0),
        ({}, "", 0),
        ({"BilledCost": 55.05}, "i-1", 0),
        ({"ConsumedQuantity": 2}, "i-1", 0),
        ({"ChargePeriodStart": "2026-03-02T00:30:00Z"}, "i-1", 0),
        ({"SkuId": "DEF"}, "i-1", 0),
        ({"ChargeCategory": "Tax"}, "i-1", 0),
        ({"ChargeClass": "Correction"}, "i-1", 0),
    ],
)
def test_a_row_like_another_of_its_resource(tmp_path: Path, cells: dict[str, object], machine: str, count: int) -> None:
    path = cost_file(tmp_path, [f"{row(1)},i-1", f"{row(2, **cells)},{machine}"], head=WITH_RESOURCE)
    assert repeated(path) == count
    if not cells:
        assert actual_costs(read_focus([path])).billed_usd == pytest.approx(2 * 55.04)


def test_rows_without_a_resource_or_a_cost_may_be_alike(tmp_path: Path) -> None:
    assert repeated(cost_file(tmp_path, [row(1), row(2)])) == 0
    free = {"BilledCost": 0, "EffectiveCost": 0, "ListCost": 0, "ContractedCost": 0}
    alike = [f"{row(number, **free)},i-1" for number in (1, 2)]
    assert repeated(cost_file(tmp_path, alike, head=WITH_RESOURCE)) == 0


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=12))
def test_the_copies_are_the_rows_less_those_that_differ(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int]]
) -> None:
    lines = [f"{row(i, BilledCost=usd)},i-{machine}" for i, (machine, usd) in enumerate(rows)]
    path = cost_file(tmp_path_factory.mktemp("costs"), lines, head=WITH_RESOURCE)
    assert repeated(path) == len(rows) - len(set(rows))


def test_usage_in_a_period_that_does_not_end_is_no_usage_to_write(tmp_path: Path) -> None:
    path = cost_file(tmp_path, [row(1, ChargePeriodEnd="2026-03-01T00:00:00Z")])
    assert "in a period that ends after it begins" in refused("focus", "read", path, "-o", tmp_path / "out.parquet")


@pytest.mark.parametrize(("end", "count"), [("2026-03-02T01:00:00Z", 0), ("2026-03-03T00:00:00Z", 1)])
def test_usage_by_the_day_is_written_as_even(tmp_path: Path, end: str, count: int) -> None:
    """Of a day as one row it is unknown in which hours it was used, by which commitments are settled."""
    actuals = read_focus([cost_file(tmp_path, [row(1, ChargePeriodEnd=end)])], series=True)
    assert {one["rule"]: one["rows"] for one in actuals.quality}.get("coarse", 0) == count
