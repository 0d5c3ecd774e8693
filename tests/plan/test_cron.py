"""Cron expressions against the rules of robfig/cron v3, minute by minute."""

from datetime import UTC, datetime, timedelta

import pytest

from simcost.plan.autoscaling.cron import next_after, parse_cron

START = datetime(2026, 7, 20, 10, 17, tzinfo=UTC)  # a Monday


def next_of(text: str) -> datetime:
    return datetime.fromtimestamp(next_after(text, "UTC", int(START.timestamp())), UTC)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("0 0 * * 3", [22, 29]),  # Wednesdays
        ("0 0 25 * 3", [22, 25, 29]),  # either will do
        ("0 0 */10 * 3", [21, 22, 29, 31]),  # a step restricts: the 1st, 11th, 21st, 31st, or a Wednesday
        ("0 0 */1 * 3", [22, 29]),
        ("0 0 25 * */6", [25, 26]),  # or a Sunday or Saturday
        ("0 0 25,* * 3", [22, 29]),
    ],
)
def test_days_of_the_month_and_of_the_week(text: str, days: list[int]) -> None:
    cron, month = parse_cron(text), [START.replace(day=1) + timedelta(days=day) for day in range(20, 31)]
    assert [day.day for day in month if cron.matches_day(day.replace(tzinfo=None))] == days


@pytest.mark.parametrize(
    ("text", "same", "at"),
    [
        ("@hourly", "0 * * * *", "2026-07-20T11:00"),
        ("@daily", "0 0 * * *", "2026-07-21T00:00"),
        ("@midnight", "0 0 * * *", "2026-07-21T00:00"),
        ("@weekly", "0 0 * * sun", "2026-07-26T00:00"),
        ("@monthly", "0 0 1 * *", "2026-08-01T00:00"),
        ("@yearly", "0 0 1 jan *", "2027-01-01T00:00"),
        ("@annually", "0 0 1 1 *", "2027-01-01T00:00"),
    ],
)
def test_names_of_usual_schedules(text: str, same: str, at: str) -> None:
    assert next_of(text) == next_of(same) == datetime.fromisoformat(at).replace(tzinfo=UTC)


def test_an_unknown_name_says_what_to_write() -> None:
    with pytest.raises(ValueError, match="'@dayly' has 1 fields; write minute, hour"):
        parse_cron("@dayly")


@pytest.mark.parametrize(
    ("after", "text", "strikes"),
    [
        ("2012-11-04T00:00:00-04:00", "0 1 * * *", ["04T01:00:00-04:00", "04T01:00:00-05:00", "05T01:00:00-05:00"]),
        ("2012-11-04T01:45:00-04:00", "30 1 4 11 *", ["04T01:30:00-05:00"]),
        ("2012-11-04T00:00:00-04:00", "@hourly", ["04T01:00:00-04:00", "04T01:00:00-05:00", "04T02:00:00-05:00"]),
        ("2012-11-04T01:10:00-04:00", "*/30 1,2 * * *", ["04T01:30:00-04:00", "04T01:00:00-05:00"]),
        ("2012-11-04T00:00:00-04:00", "0 2 * * *", ["04T02:00:00-05:00", "05T02:00:00-05:00"]),
    ],
)
def test_the_hour_that_clocks_repeat_in_autumn_strikes_twice(after: str, text: str, strikes: list[str]) -> None:
    at_s, found = datetime.fromisoformat(after).timestamp(), []
    for _ in strikes:
        at_s = next_after(text, "America/New_York", int(at_s))
        found.append(at_s)
    assert found == [datetime.fromisoformat(f"2012-11-{text}").timestamp() for text in strikes]
