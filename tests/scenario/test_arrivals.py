"""Arrivals of a process: what is small is made once, however runs of several replications come in turn."""

import gc
import pickle
from collections.abc import Iterator

import pytest

from simcost.scenario.runs.arrivals import KEPT_UP_TO, Arrivals


class CountedSource:
    """A source that counts how often each replication was made."""

    horizon_s = 600.0

    def __init__(self, requests: float) -> None:
        self.requests, self.number = requests, id(self)
        self.made: list[int] = []

    def identity(self, replication: int) -> tuple[int, int]:
        return self.number, replication

    def expected(self) -> float:
        return self.requests

    def batches(self, replication: int) -> Iterator[str]:
        self.made.append(replication)
        return iter([f"batch of {replication}"])


@pytest.mark.parametrize(
    ("requests", "made"),
    [(KEPT_UP_TO, [0, 1, 2, 3]), (0.0, [0, 1, 2, 3]), (2 * KEPT_UP_TO, [0, 1, 2, 3] * 2)],
    ids=["they fit", "none at all", "none fits"],
)
def test_a_worker_makes_small_replications_once(requests: float, made: list[int]) -> None:
    arrivals = pickle.loads(pickle.dumps(Arrivals(CountedSource(requests))))
    for replication in (0, 1, 2, 3) * 2:
        assert list(arrivals.of(replication)) == [f"batch of {replication}"]
    assert arrivals._source.made == made


def test_those_that_were_asked_for_last_are_kept_of_all_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten futures of a month each would be gigabytes."""
    monkeypatch.setattr("simcost.scenario.runs.arrivals.KEPT_IN_ALL", 4.0)
    one, other = Arrivals(CountedSource(1.0)), Arrivals(CountedSource(1.0))
    for arrivals, replication in ((one, 0), (one, 1), (other, 0), (other, 1), (one, 0), (other, 2), (one, 0), (one, 1)):
        assert list(arrivals.of(replication)) == [f"batch of {replication}"]
    assert one._source.made == [0, 1, 1]
    assert other._source.made == [0, 1, 2]


def test_tasks_of_the_same_requests_share_them_as_long_as_one_is_there() -> None:
    source = CountedSource(1.0)
    tasks = [Arrivals(source) for _ in range(3)]
    for task in tasks:
        assert list(task.of(0)) == ["batch of 0"]
    assert source.made == [0]
    del tasks, task
    gc.collect()
    assert list(Arrivals(source).of(0)) == ["batch of 0"]
    assert source.made == [0, 0]
