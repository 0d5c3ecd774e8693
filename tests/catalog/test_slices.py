"""Parts of accelerators: what MIG offers, and what is refused."""

from fractions import Fraction
from itertools import pairwise

import pytest

from simcost.catalog import load_catalog
from simcost.catalog.slices import MigSlices
from simcost.errors import CatalogError

CATALOG = load_catalog()


@pytest.mark.parametrize(
    ("accelerator", "name", "part", "memory", "copies"),
    [
        ("h100-sxm", "1g.10gb", Fraction(1, 7), Fraction(1, 8), 7),
        ("h100-sxm", "1g.20gb", Fraction(1, 7), Fraction(1, 4), 4),
        ("h100-sxm", "2g.20gb", Fraction(2, 7), Fraction(1, 4), 3),
        ("h100-sxm", "3g.40gb", Fraction(3, 7), Fraction(1, 2), 2),
        ("h200-sxm", "4g.71gb", Fraction(4, 7), Fraction(1, 2), 1),
        ("rtx-pro-6000", "2g.48gb", Fraction(1, 2), Fraction(1, 2), 2),
        ("l4", "1/3", Fraction(1, 3), Fraction(1, 3), 3),
    ],
)
def test_what_an_accelerator_offers(accelerator: str, name: str, part: Fraction, memory: Fraction, copies: int) -> None:
    found = CATALOG.slice_of(accelerator, name)
    assert (found.part, found.memory, found.copies) == (part, memory, copies)
    whole = CATALOG.accelerator(accelerator)
    device = found.of(whole)
    assert device.memory_bytes <= whole.memory_bytes * memory
    assert device.memory_bytes_per_s / found.slowdown == pytest.approx(whole.memory_bytes_per_s * memory)
    assert device.bf16_flops / found.slowdown <= whole.bf16_flops * max(part, memory) * (1 + 1e-12)


def test_an_instance_has_the_multiprocessors_that_the_driver_lists() -> None:
    """3g.40gb of an H100 has 60 of 132, more than three of eight slices; where nothing is listed its slices count."""
    h100, h100_pcie, a100 = (CATALOG.slice_of(name, "3g.40gb") for name in ("h100-sxm", "h100-pcie", "a100-80gb-sxm"))
    assert (h100.compute, h100_pcie.compute, a100.compute) == (Fraction(60, 132), Fraction(3, 8), Fraction(42, 108))
    for row in CATALOG.facts.mig:
        for smaller, larger in pairwise(row.instances):
            assert smaller.compute <= larger.compute <= 1


@pytest.mark.parametrize(
    ("accelerator", "name", "message"),
    [
        (
            "h100-sxm",
            "1g.5gb",
            "h100-sxm has no slice '1g.5gb'.* it offers 1g.10gb, 1g.20gb, 2g.20gb, 3g.40gb, 4g.40gb",
        ),
        ("l4", "1g.6gb", "l4 has no slice '1g.6gb': it cannot be divided by MIG; write a time slice"),
        ("h100-sxm", "2/3", "h100-sxm has no slice '2/3'"),
        ("h100-sxm", "1/1", "h100-sxm has no slice '1/1'"),
    ],
)
def test_a_slice_that_does_not_exist_is_refused_with_those_that_do(accelerator: str, name: str, message: str) -> None:
    with pytest.raises(CatalogError, match=message):
        CATALOG.slice_of(accelerator, name)


def test_each_device_is_known_and_its_instances_are_of_it() -> None:
    for row in CATALOG.facts.mig:
        device = CATALOG.accelerator(row.accelerator)
        assert device.vendor == "NVIDIA"
        assert isinstance(row, MigSlices)
        assert row.instances[-1].part == 1
        for instance in row.instances:
            assert instance.memory_bytes is not None
            assert instance.memory_bytes == pytest.approx(float(device.memory_bytes * instance.memory), rel=0.12)
