"""Every commitment is one class that has all that depends on its kind."""

from dataclasses import fields
from typing import get_args

import pytest
from support.records import assert_record

from simcost.billing.commitment import CapacityReservation, Commitment
from simcost.billing.commitment.base import Termed, Yearly
from simcost.studies.commitments.study import Offered

[COMMITMENTS, *_] = get_args(Commitment)
BOUGHT = [cls for cls in get_args(COMMITMENTS) if cls is not CapacityReservation]
"""A reservation of capacity is paid as its instances are, and is no commitment discount."""


@pytest.mark.parametrize("commitment", get_args(COMMITMENTS), ids=lambda cls: str(cls.__name__))
def test_a_commitment_is_a_record(commitment: type) -> None:
    assert_record(commitment)


@pytest.mark.parametrize("commitment", BOUGHT, ids=lambda cls: str(cls.__name__))
def test_a_commitment_has_a_name_in_focus_and_binds_to_an_account(commitment: type) -> None:
    assert issubclass(commitment, Termed)
    assert commitment.focus_type
    assert "focus_type" not in {field.name for field in fields(commitment)}
    assert callable(commitment.bind)


def test_any_amount_may_be_bought_of_what_is_bought_for_years() -> None:
    assert set(get_args(Offered)) == {cls for cls in BOUGHT if issubclass(cls, Yearly)}
