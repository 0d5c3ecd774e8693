"""Laws of freed cycles: what work leaves in cycles is gone as it ends, and nothing else is touched."""

import gc
from collections.abc import Iterator
from weakref import ref

import pytest

from simcost.execution import cycles
from simcost.execution.cycles import freed_cycles, set_aside

pytestmark = pytest.mark.slow  # each looks through all objects of the tests


class Cycle:
    """Something that knows itself."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _no_look_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(cycles, "_AT_WORK", [])
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("fails", [False, True])
def test_cycles_of_a_piece_of_work_are_gone_as_it_ends(fails: bool) -> None:
    left = []

    def work() -> None:
        left.append(ref(Cycle()))
        if fails:
            raise ValueError

    try:
        with freed_cycles():
            work()
            assert left[0]() is not None
    except ValueError:
        assert fails
    assert left[0]() is None
    assert gc.get_freeze_count() == 0


def test_cycles_of_parts_are_gone_as_these_end_and_what_is_older_stays_for_python() -> None:
    older = ref(Cycle())
    with freed_cycles():
        with freed_cycles():
            inner = ref(Cycle())
        assert inner() is None
        outer = ref(Cycle())
    assert outer() is None
    assert older() is not None
    gc.collect()
    assert older() is None


def test_the_cycles_of_short_work_may_wait() -> None:
    with freed_cycles(from_s=60.0):
        left = ref(Cycle())
    assert left() is not None
    assert gc.get_freeze_count() == 0
    gc.collect()
    assert left() is None


def test_what_was_set_aside_for_good_stays_so() -> None:
    set_aside()
    try:
        before = gc.get_freeze_count()
        with freed_cycles():
            left = ref(Cycle())
        assert left() is None
        assert abs(gc.get_freeze_count() - before) < 10
    finally:
        gc.unfreeze()
