"""MIG instances on nodes: placements are those of NVIDIA's table, whatever comes and goes."""

from itertools import combinations_with_replacement, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.catalog import load_catalog
from simcost.sim.fleet.node_slots import Instance, NodeSlots

PROFILES = next(one for one in load_catalog().facts.mig if one.accelerator == "h100-sxm").instances
SIZES = {1: "1g.10gb", 2: "2g.20gb", 3: "3g.40gb", 4: "4g.40gb"}
INSTANCES = {one.part.numerator: Instance(one.width, one.starts) for one in PROFILES if one.name in SIZES.values()}


def room(accelerators: int = 1) -> NodeSlots:
    return NodeSlots(7 * accelerators, 7, INSTANCES)


@pytest.mark.parametrize(("size", "copies"), [(1, 7), (2, 3), (3, 2), (4, 1)])
def test_as_many_fit_as_the_user_guide_says(size: int, copies: int) -> None:
    assert room().count(size) == copies
    assert room(8).count(size) == 8 * copies


@pytest.mark.parametrize("sizes", [(4, 3), (4, 2, 1), (3, 3), (2, 2, 2, 1), (4, 1, 1, 1), (3, 2, 2), (3, 2, 1, 1)])
def test_the_mixtures_of_the_user_guide_fit_in_their_order(sizes: tuple[int, ...]) -> None:
    one = room()
    for size in sizes:
        assert one.count(size)
        one.take(size)
    assert one.held == sum(sizes)


def possible(sizes: tuple[int, ...]) -> bool:
    """True if some placement of instances overlaps nowhere."""
    for starts in product(*(INSTANCES[size].starts for size in sizes)):
        masks = [INSTANCES[size].mask(start) for size, start in zip(sizes, starts, strict=True)]
        if sum(masks) == _union(masks):
            return True
    return False


def _union(masks: list[int]) -> int:
    found = 0
    for mask in masks:
        found |= mask
    return found


def test_largest_first_finds_a_place_wherever_there_is_one() -> None:
    for count in range(1, 5):
        for sizes in combinations_with_replacement((4, 3, 2, 1), count):
            one, placed = room(), 0
            for size in sizes:
                if one.count(size):
                    one.take(size)
                    placed += 1
            assert (placed == len(sizes)) == possible(sizes), sizes


@given(st.lists(st.tuples(st.integers(1, 7), st.integers(0, 30)), max_size=40))
def test_what_is_given_back_is_free_again_and_nothing_overlaps(steps: list[tuple[int, int]]) -> None:
    one, held = room(2), list[tuple[int, tuple[int, ...]]]()
    for size, which in steps:
        if size in INSTANCES and one.count(size):
            place = one.take(size)
            assert not one.can_hold(size, place)
            held.append((size, place))
        elif size > 4 and held:
            gone = held.pop(which % len(held))
            one.give(*gone)
            assert one.can_hold(*gone)
        masks: dict[int, int] = {}
        for taken, (number, start) in held:
            mask = INSTANCES[taken].mask(start)
            assert not masks.get(number, 0) & mask
            masks[number] = masks.get(number, 0) | mask
        assert one.held == sum(taken for taken, _ in held)
    for gone in held:
        one.give(*gone)
    assert [one.count(size) for size in SIZES] == [room(2).count(size) for size in SIZES]


def test_time_slices_and_instances_lie_on_accelerators_of_their_own() -> None:
    both = NodeSlots(2 * 14, 14, {2 * size: instance for size, instance in INSTANCES.items()})
    both.take(7)
    assert both.count(2) == 7
    both.take(2)
    assert both.count(7) == 1
    assert not both.can_hold(7, (1,))
