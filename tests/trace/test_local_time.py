"""Wall-clock time over both changes of the year."""

import numpy as np
import pytest

from simcost.errors import InputError
from simcost.trace.series.local_time import (
    find_zone,
    from_local,
    local_steps,
    local_values,
    offsets,
    utc_in_order,
)
from simcost.trace.series.series import Grid

CHANGES = [
    ("Europe/Berlin", "2024-03-31T01:00", "2024-10-27T01:00"),
    ("America/Los_Angeles", "2024-03-10T10:00", "2024-11-03T09:00"),
]


def seconds(time: str) -> int:
    return int(np.datetime64(time, "s").astype(np.int64))


def clock(grid: Grid, count: int) -> np.ndarray:  # type: ignore[type-arg]
    return grid.times(count).astype(np.int64) % 86400 // 3600


def skip(zone: str, spring: str) -> np.datetime64:
    """The wall-clock time that comes no more when the clock is set forward."""
    before = seconds(spring) - 1
    return np.datetime64(int(offsets(zone, np.array([before])).local(np.array([before]))[0]) + 1, "s")


@pytest.mark.parametrize(("zone", "spring", "autumn"), CHANGES)
@pytest.mark.parametrize("step_s", [900, 3600])
def test_hours_of_the_day(zone: str, spring: str, autumn: str, step_s: int) -> None:
    """A series that tells its own local hour is even on the local grid, through both changes."""
    for change, steps in ((spring, 1), (autumn, -1)):
        grid = Grid(start_s=seconds(change) - 30 * 3600, step_s=step_s)
        times = grid.start_s + step_s * np.arange(60 * 3600 // step_s)
        hour = offsets(zone, times).local(times) % 86400 // 3600
        local, values = local_values(grid, hour.astype(float), zone)
        assert len(values) == len(times) + steps * 3600 // step_s
        since = abs(local.times(len(values)) - skip(zone, spring))
        skipped = (clock(local, len(values)) == 2) & (since < np.timedelta64(1, "h")) & (steps > 0)
        np.testing.assert_array_equal(values[~skipped], clock(local, len(values))[~skipped])
        assert (np.diff(values[skipped]) > 0).all()  # on the line between its neighbours
        assert ((values[skipped] > 1) & (values[skipped] < 3)).all()


@pytest.mark.parametrize(("zone", "spring", "autumn"), CHANGES)
def test_change_days_have_23_and_25_hours(zone: str, spring: str, autumn: str) -> None:
    for change, hours in ((spring, 23), (autumn, 25)):
        day = np.datetime64(change[:10]).astype("datetime64[s]").astype(np.int64) + np.array([0, 86400])
        earlier, later, shown = offsets(zone, day).utc(day)
        assert shown.all()
        assert (earlier == later).all()
        assert np.diff(earlier).tolist() == [hours * 3600]


@pytest.mark.parametrize(("zone", "spring", "autumn"), CHANGES)
def test_ambiguous_and_skipped(zone: str, spring: str, autumn: str) -> None:
    rows = np.array([seconds(autumn), seconds(autumn) - 3600])
    local = offsets(zone, rows).local(rows)
    assert local[0] == local[1]
    twice = np.array([local[0], local[0], local[0]])
    found, shown = utc_in_order(np.array([0, 1, 0]), twice, zone)
    assert shown.all()
    assert (found - seconds(autumn)).tolist() == [-3600, -3600, 0]
    before = np.array([seconds(spring) - 1])
    _, _, shown = offsets(zone, before).utc(offsets(zone, before).local(before) + np.array([0, 1, 3600, 3601]))
    assert shown.tolist() == [True, False, False, True]


@pytest.mark.parametrize(("zone", "spring", "autumn"), CHANGES)
def test_rows_from_the_newest_on_are_the_same_times(zone: str, spring: str, autumn: str) -> None:
    for change in (spring, autumn):
        utc = seconds(change) + 900 * np.arange(-20, 20)
        local, series = offsets(zone, utc).local(utc), np.zeros(len(utc), np.int64)
        for order in (slice(None), slice(None, None, -1)):
            found, shown = utc_in_order(series[order], local[order], zone)
            assert shown.all()
            assert found.tolist() == utc[order].tolist()


@pytest.mark.parametrize("step_s", [900, 3600])
def test_horizon(step_s: int) -> None:
    """A forecast that tells the local hour, brought to UTC, tells it there too; the sum counts the hour twice."""
    hour = 3600 // step_s
    for change, more in (("2024-03-31T01:00", 1), ("2024-10-27T01:00", -1)):
        for lead in range(1, 30 * hour, 3):
            after = Grid(start_s=seconds(change) - lead * step_s, step_s=step_s)
            steps = 48 * hour
            count = local_steps(after, steps, "Europe/Berlin")
            times = after.start_s + step_s * np.arange(steps)
            wall = offsets("Europe/Berlin", times).local(times)
            local = (wall[0] + step_s * np.arange(count)) % 86400 // 3600
            if more < 0 and lead <= hour:  # begins in the second showing's history
                continue
            assert count == steps + more * hour
            got = from_local(np.stack([local, 2 * local]).astype(float), after, steps, "Europe/Berlin")
            np.testing.assert_array_equal(got, np.stack([wall, wall]) % 86400 // 3600 * [[1], [2]])


def test_horizon_between_the_two_showings() -> None:
    after = Grid(start_s=seconds("2024-10-27T01:00"), step_s=3600)  # 02:00 for the second time
    assert local_steps(after, 5, "Europe/Berlin") == 4
    assert from_local(np.arange(4.0), after, 5, "Europe/Berlin").tolist() == [0, 0, 1, 2, 3]


def test_zones_without_change() -> None:
    grid, values = Grid(start_s=seconds("2024-03-31"), step_s=3600), np.arange(48.0)
    for zone, shift_s in (("UTC", 0), ("Asia/Kolkata", 19_800)):
        local, same = local_values(grid, values, zone)
        assert local.start_s == grid.start_s + shift_s
        np.testing.assert_array_equal(same, values)
        np.testing.assert_array_equal(from_local(values, grid.after(48), 48, zone), values)


def test_steps_that_cannot_follow_the_clock_and_dates_stay() -> None:
    for step_s in (7200, 86400, 0):
        grid, values = Grid(start_s=seconds("2024-03-30"), step_s=step_s), np.arange(40.0)
        np.testing.assert_array_equal(local_values(grid, values, "Europe/Berlin")[1], values)
        assert local_steps(grid, 40, "Europe/Berlin") == 40
        np.testing.assert_array_equal(from_local(values, grid, 40, "Europe/Berlin"), values)


@pytest.mark.parametrize("name", ["", "../etc", "Europe", "Mars/Phobos", "europe/berlin", "\0"])
def test_unknown_zone(name: str) -> None:
    with pytest.raises(InputError, match="unknown time zone"):
        find_zone(name)
