"""Fronts with noise: what no other plan surely beats, and the knee."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.compare.front import NoisyOption, front, knee, on_or_near


def option(usd: Sequence[float], attainment: Sequence[float] | None = None, *others: float) -> NoisyOption:
    return NoisyOption(usd=usd, attainment=attainment, others=others)


LESS, MORE, SAME = [10.0, 11.0, 12.0, 11.0], [13.0, 14.1, 15.0, 14.0], [0.99, 0.98, 0.99, 0.98]
NOISY = [9.0, 14.0, 8.0, 14.0]


def test_a_plan_is_off_the_front_only_where_another_is_surely_cheaper() -> None:
    found = on_or_near({"less": option(LESS, SAME), "more": option(MORE, SAME), "noisy": option(NOISY, SAME)}, 0.95)
    assert found == ["less", "noisy"], "noisy costs $0.25 more on average, which may be chance"
    assert front({"less": (11.0, -0.985), "noisy": (11.25, -0.985)}) == ["less"]


def test_the_level_is_corrected_for_the_number_of_plans() -> None:
    close = [10.4, 11.9, 12.4, 11.5]
    two = {"less": option(LESS), "close": option(close)}
    assert on_or_near(two, 0.95) == ["less"]
    twenty = two | {f"far {i}": option([99.0 + i] * 4) for i in range(18)}
    assert on_or_near(twenty, 0.95) == ["less", "close"], "1 - 0.05 / 19"


@pytest.mark.parametrize(("margin", "kept"), [(0.0, ["less", "more"]), (0.0005, ["less", "more"]), (0.0015, ["less"])])
def test_an_attainment_that_is_lower_by_no_more_than_the_margin_counts_as_equal(margin: float, kept: list[str]) -> None:
    better = [one + 0.001 for one in SAME]
    assert on_or_near({"less": option(LESS, SAME), "more": option(MORE, better)}, 0.95, margin) == kept


def test_what_costs_the_same_must_surely_attain_more() -> None:
    high = [one + 0.005 for one in SAME]
    chance = [0.999, 0.95, 0.999, 0.998]
    for better, kept in ((high, ["better"]), (SAME, ["better", "other"]), (chance, ["better", "other"])):
        assert on_or_near({"better": option(LESS, better), "other": option(LESS, SAME)}, 0.95) == kept


def test_other_objectives_keep_a_plan_near() -> None:
    assert on_or_near({"less": option(LESS, SAME, 2.0), "more": option(MORE, SAME, 1.0)}, 0.95) == ["less", "more"]
    assert on_or_near({"less": option(LESS, SAME, 1.0), "more": option(MORE, SAME, 1.0)}, 0.95) == ["less"]


def test_one_replication_is_taken_as_it_is_as_in_the_race() -> None:
    assert on_or_near({"less": option([1.0], [0.9]), "more": option([2.0], [0.9])}, 0.95) == ["less"]
    assert on_or_near({"alone": option([1.0])}, 0.95) == ["alone"]
    assert on_or_near({}, 0.95) == []


def test_no_plan_of_the_front_by_means_is_surely_beaten_where_differences_are_exact() -> None:
    points = {"a": (1.0, 0.9), "b": (2.0, 0.95), "c": (2.0, 0.95), "d": (3.0, 0.94), "e": (4.0, 1.0)}
    exact = {name: option([usd] * 3, [good] * 3) for name, (usd, good) in points.items()}
    kept = front({name: (usd, -good) for name, (usd, good) in points.items()})
    assert on_or_near(exact, 0.95) == kept == ["a", "b", "c", "e"], "equal plans both stay"


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ({}, None),
        ({"a": (1, 0.5), "b": (2, 0.9)}, None),
        ({"a": (1, 0.5), "b": (2, 0.9), "also b": (2, 0.9)}, None),
        ({"a": (1, 0.5), "b": (2, 0.9), "c": (6, 1.0)}, "b"),
        ({"a": (1, 0.5), "b": (2, 0.9), "c": (3, 0.99), "d": (11, 1.0)}, "c"),
        ({"a": (1, 0.5), "b": (5, 0.6), "c": (6, 1.0)}, None),
        ({"a": (0, 0.0), "b": (1, 0.5), "c": (2, 0.75), "d": (4, 1.0)}, "b"),
    ],
)
def test_knee(points: dict[str, tuple[float, float]], expected: str | None) -> None:
    assert knee(points) == expected


def test_the_knee_does_not_depend_on_units() -> None:
    points = {"a": (1.0, 0.5), "b": (2.0, 0.9), "c": (3.0, 0.99), "d": (11.0, 1.0)}
    scaled = {name: (1000 * usd + 7, good / 2) for name, (usd, good) in points.items()}
    assert knee(scaled) == knee(points) == "c"


numbers = st.sampled_from([None, 1.0, 2.0, 3.0])
rows = st.lists(st.tuples(st.sampled_from([1.0, 2.0, 3.0]), numbers, numbers), max_size=8)


def beats(other: Sequence[float | None], own: Sequence[float | None]) -> bool:
    """True if it is nowhere worse and somewhere better, in what is known of the second."""
    pairs = [(a, b) for a, b in zip(other, own, strict=True) if b is not None]
    return all(a is not None and a <= b for a, b in pairs) and any(a is not None and a < b for a, b in pairs)


@given(rows)
def test_no_option_of_the_front_is_beaten_and_what_is_off_it_is_beaten_by_one_of_it(
    found: list[tuple[float | None, ...]],
) -> None:
    options = {str(i): values for i, values in enumerate(found)}
    on = front(options)
    assert not any(beats(other, options[name]) for name in on for other in options.values())
    off = [name for name in options if name not in on]
    assert all(any(beats(options[other], options[name]) for other in on) for name in off)


def test_an_option_beats_none_in_what_is_not_known_of_it_where_noise_is_considered() -> None:
    known, unknown = NoisyOption(usd=MORE, attainment=None, others=(1.0,)), None
    cheap = NoisyOption(usd=LESS, attainment=None, others=(unknown,))
    assert on_or_near({"known": known, "cheap": cheap}, 0.95) == ["known", "cheap"]
    expensive = NoisyOption(usd=MORE, attainment=None, others=(unknown,))
    assert on_or_near({"known": NoisyOption(usd=LESS, attainment=None, others=(1.0,)), "e": expensive}, 0.95) == [
        "known"
    ]
