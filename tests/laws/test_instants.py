"""Capacity held at each instant, against a count of minutes; contracts add up however they are cut."""

from random import Random

import numpy as np
import pytest

from simcost.billing.commitment import CapacityBlock, CapacityReservation, TakeOrPay
from simcost.billing.instants import Holding, shared_out
from simcost.billing.metering import Line, Metered, UsageIntervals, metered
from simcost.billing.settlement import settle
from simcost.catalog import load_catalog

CATALOG = load_catalog()
HOURS = 4


def line(account: str = "", zone: str = "", sku: str = "m5.xlarge") -> Line:
    return Line(
        provider="aws", sku=sku, region="r", zone=zone, account=account, list_usd=10.0, contracted_usd=10.0,
        as_of="", quality="given",
    )  # fmt: skip


def account(draw: Random, lines: list[Line], runs: int) -> Metered:
    """Runs of whole minutes."""
    start = np.array([draw.randrange(HOURS * 60) for _ in range(runs)], np.float64)
    end = np.minimum(start + [draw.randrange(1, 120) for _ in range(runs)], HOURS * 60.0)
    intervals = UsageIntervals(
        start_s=60 * start,
        end_s=60 * end,
        line=np.array([draw.randrange(len(lines)) for _ in range(runs)], np.int64),
        units=np.array([float(draw.randrange(1, 4)) for _ in range(runs)]),
    )
    return metered(lines, intervals, horizon_s=HOURS * 3600.0, start_s=None)


def counted(usage: Metered, held: list[Holding], turns: list[tuple[int, int]]) -> tuple[dict, list]:
    """The same minute by minute."""
    taken = {turn: np.zeros(HOURS) for turn in turns}
    idle = [np.zeros(HOURS) for _ in held]
    runs = usage.runs
    for minute in range(HOURS * 60):
        on = (runs.start_s <= 60 * minute) & (60 * minute < runs.end_s)
        left = {i: float(runs.units[on & (runs.line == i)].sum()) for i in range(len(usage.lines))}
        free = [one.units if one.from_h <= minute / 60 < one.to_h else 0.0 for one in held]
        for k, i in turns:
            now = min(left[i], free[k])
            left[i] -= now
            free[k] -= now
            taken[k, i][minute // 60] += now / 60
        for k, rest in enumerate(free):
            idle[k][minute // 60] += rest / 60
    return taken, idle


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("cells", [4_000_000, 7])
def test_capacity_is_shared_out_as_a_count_of_minutes(seed: int, cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simcost.billing.instants._CELLS", cells)
    draw = Random(seed)
    lines = [line(account=name) for name in "abc"]
    usage = account(draw, lines, draw.randrange(0, 12))
    held = [
        Holding(
            units=float(draw.randrange(1, 4)), from_h=draw.randrange(-30, 120) / 60, to_h=draw.randrange(120, 400) / 60
        )
        for _ in range(3)
    ]
    turns = [(k, i) for k in range(3) for i in range(3)]
    draw.shuffle(turns)
    (taken, idle), (by_minute, rest) = shared_out(usage, held, turns), counted(usage, held, turns)
    for turn in turns:
        assert taken[turn] == pytest.approx(by_minute[turn], abs=1e-9)
    assert np.stack(idle) == pytest.approx(np.stack(rest), abs=1e-9)


def contract(count: int, **more: float) -> TakeOrPay:
    return TakeOrPay(provider="aws", sku="m5.xlarge", count=count, price=5.0, length=3600.0 * 100, **more)


@pytest.mark.parametrize("seed", range(6))
def test_contracts_hold_as_much_together_as_one(seed: int) -> None:
    """Two contracts of a machine covered what only one of them had: three machines for 20 minutes and one for an
    hour were paid by two at 10.00 in place of 13.33 USD.
    """
    usage = account(Random(seed), [line()], 8)
    whole, parts = (settle(usage, held, CATALOG) for held in ([contract(3)], [contract(1), contract(2)]))
    assert parts.effective_usd == pytest.approx(whole.effective_usd, rel=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_reservations_are_idle_together_as_one(seed: int) -> None:
    """Each of two reservations of an instance type took all that ran for its own: nothing was idle."""
    usage = account(Random(seed), [line(), line(account="b")], 8)
    whole, parts = (
        settle(usage, [CapacityReservation(sku="m5.xlarge", count=count) for count in counts], CATALOG)
        for counts in ((5,), (2, 3))
    )
    assert parts.effective_usd == pytest.approx(whole.effective_usd, rel=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_what_runs_in_a_capacity_block_is_in_no_reservation(seed: int) -> None:
    """An instance in a block used an instance of a reservation, too: three reserved and two in a block cost as much as
    one reserved.
    """
    usage = account(Random(seed), [line()], 8)
    block = CapacityBlock(sku="m5.xlarge", count=2, days=1, price=5.0)
    paid = settle(usage, [CapacityReservation(sku="m5.xlarge", count=3), block], CATALOG)
    of_block, of_reservation = Holding(units=2.0, from_h=0.0, to_h=4.0), Holding(units=3.0, from_h=0.0, to_h=4.0)
    taken, idle = counted(usage, [of_block, of_reservation], [(0, 0), (1, 0)])
    on_demand = usage.hours.sum() - taken[0, 0].sum() + idle[1].sum()
    assert paid.effective_usd == pytest.approx(2 * 5.0 * HOURS + 10.0 * on_demand, rel=1e-9)


def test_what_runs_in_a_zone_uses_the_reservation_of_it_first() -> None:
    one_hour = UsageIntervals(
        start_s=np.zeros(2), end_s=np.full(2, 3600.0), line=np.array([0, 1]), units=np.array([1.0, 1.0])
    )
    usage = metered([line(zone="y"), line(zone="z")], one_hour, horizon_s=3600.0, start_s=None)
    held = [CapacityReservation(sku="m5.xlarge", count=1), CapacityReservation(sku="m5.xlarge", count=1, zone="z")]
    assert settle(usage, held, CATALOG).effective_usd == pytest.approx(20.0)
