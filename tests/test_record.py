"""A record behaves as the frozen, slotted, keyword-only dataclass of the same fields."""

import pickle
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.record import record


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordinary:
    count: int
    share: float = 0.5
    names: tuple[str, ...] = field(default_factory=tuple)


@record
class Base:
    count: int


@record
class Derived(Base):
    share: float = 0.5
    names: tuple[str, ...] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError("negative")


VALUES = st.fixed_dictionaries(
    {"count": st.integers(0, 3)},
    optional={"share": st.sampled_from([0.5, 1.0]), "names": st.lists(st.sampled_from("ab"), max_size=2).map(tuple)},
)


@given(VALUES, VALUES)
def test_a_record_is_as_the_dataclass_with_its_fields(one: dict[str, Any], other: dict[str, Any]) -> None:
    records, ordinary = (Derived(**one), Derived(**other)), (Ordinary(**one), Ordinary(**other))
    assert (records[0] == records[1]) is (ordinary[0] == ordinary[1])
    assert len({*records}) == len({*ordinary})
    assert repr(records[0]) == repr(ordinary[0]).replace("Ordinary", "Derived")
    assert asdict(records[0]) == asdict(ordinary[0])
    assert asdict(replace(records[0], **other)) == asdict(replace(ordinary[0], **other))
    assert pickle.loads(pickle.dumps(records[0])) == records[0]
    assert [part.name for part in fields(records[0])] == [part.name for part in fields(ordinary[0])]


def test_a_record_equals_none_of_another_class() -> None:
    assert Base(count=1) != Derived(count=1)
    assert len({Base(count=1), Derived(count=1)}) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({}, r"Derived\(\) lacks the argument 'count'"), ({"count": 1, "n": 2}, r"Derived\(\) has no argument 'n'")],
)
def test_a_record_takes_the_arguments_that_its_fields_name(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        Derived(**arguments)
    with pytest.raises(TypeError):
        Derived(1)  # type: ignore[misc]


def test_a_record_does_not_change() -> None:
    made = Derived(count=1)
    with pytest.raises(FrozenInstanceError, match="cannot change 'count' of a Derived"):
        made.count = 2  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del made.share
    assert not hasattr(made, "__dict__")


def test_a_record_checks_itself_after_it_is_made() -> None:
    with pytest.raises(ValueError, match="negative"):
        Derived(count=-1)
