"""Parts of accelerators: what MIG offers, and what is refused."""

from fractions import Fraction

import pytest

from simcost.catalog import load_catalog
from simcost.catalog.slices import MigSlices, Sharing, slice_fault


@pytest.mark.parametrize(
    ("part", "sharing", "fault"),
    [
        (Fraction(2), "mig", ""),
        (Fraction(3, 7), "mig", ""),
        (Fraction(5, 7), "mig", "h100-sxm has no MIG instance of 5/7; it offers 1/7, 2/7, 3/7, 4/7, 1"),
        (Fraction(1, 2), "mig", "h100-sxm has no MIG instance of 1/2; it offers 1/7, 2/7, 3/7, 4/7, 1"),
        (Fraction(1, 2), "time", ""),
        (Fraction(2, 3), "time", "time slices of h100-sxm are equal: 1/2, 1/3, ..., not 2/3"),
        (Fraction(3, 2), "time", "a replica takes 3/2 of h100-sxm: write a whole number, or a part of one"),
    ],
)
def test_what_an_accelerator_offers(part: Fraction, sharing: Sharing, fault: str) -> None:
    mig = load_catalog().mig_slices("h100-sxm")
    assert slice_fault("h100-sxm", part, sharing, mig) == fault


def test_each_device_is_known_and_its_instances_are_of_it() -> None:
    catalog = load_catalog()
    for row in catalog.facts.mig:
        assert catalog.accelerator(row.accelerator).vendor == "NVIDIA"
        assert isinstance(row, MigSlices)
        assert row.parts[-1] == 1
    assert catalog.mig_slices("l4") is None
