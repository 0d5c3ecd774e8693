"""Time that a search is said to take."""

import logging
from math import inf
from pathlib import Path

import pytest

from simcost.scenario.runs.search_time import SearchTime


@pytest.mark.parametrize(("requests", "warnings"), [(inf, 0), (1e9, 1)])
def test_no_time_is_told_where_the_number_of_requests_is_not_known(
    caplog: pytest.LogCaptureFixture, requests: float, warnings: int
) -> None:
    """Of clients that wait for answers it said `about inf d`."""
    time = SearchTime(Path("clients.yaml"), seeds=3, horizon_s=600.0, jobs=1, requests=requests)
    with caplog.at_level(logging.WARNING):
        time.warn_if_long(100)
    assert len(caplog.records) == warnings
