"""Arrivals in a worker: what is small is made once, however runs of several replications come in turn."""

import pickle
from collections.abc import Iterator

import pytest

from simcost.scenario.runs.arrivals import KEPT_IN_ALL, KEPT_UP_TO, Arrivals


class CountedSource:
    """A source that counts how often each replication was made."""

    horizon_s = 600.0

    def __init__(self, requests: float) -> None:
        self.requests, self.number = requests, id(self)
        self.made: list[int] = []

    def identity(self, replication: int) -> int:
        return self.number + replication

    def expected(self) -> float:
        return self.requests

    def batches(self, replication: int) -> Iterator[str]:
        self.made.append(replication)
        return iter([f"batch of {replication}"])


@pytest.mark.parametrize(
    ("requests", "made"),
    [(KEPT_UP_TO / 4, [0, 1, 2, 3]), (KEPT_UP_TO / 2, [0, 1, 2, 3] * 2), (2 * KEPT_UP_TO, [0, 1, 2, 3] * 2)],
    ids=["all fit", "two fit", "none fits"],
)
def test_a_worker_keeps_as_many_replications_as_one_may_have_requests(requests: float, made: list[int]) -> None:
    source = CountedSource(requests)
    arrivals = pickle.loads(pickle.dumps(Arrivals(source, kept=1)))
    for replication in (0, 1, 2, 3) * 2:
        assert list(arrivals.of(replication)) == [f"batch of {replication}"]
    assert arrivals._source.made == made


def test_replications_are_kept_up_to_so_many_requests_in_all() -> None:
    """Those that were asked for last; ten futures of a month each would be gigabytes."""
    arrivals = Arrivals(CountedSource(KEPT_IN_ALL / 4), kept=10)
    for replication in (0, 1, 2, 3, 0, 1, 2, 3, 4, 3, 0):
        assert list(arrivals.of(replication)) == [f"batch of {replication}"]
    assert arrivals._source.made == [0, 1, 2, 3, 4, 0]


def test_without_requests_all_are_kept() -> None:
    arrivals = pickle.loads(pickle.dumps(Arrivals(CountedSource(0.0), kept=1)))
    assert [list(arrivals.of(i % 2)) for i in range(4)] == [[f"batch of {i % 2}"] for i in range(4)]
    assert arrivals._source.made == [0, 1]
