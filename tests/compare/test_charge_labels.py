"""Labels of charges: what is paid at several prices has a row for each."""

from dataclasses import replace

from simcost.billing.bill import Place, UnitPrice, volume_charge
from simcost.compare.unit_costs import labels

PRICE = UnitPrice(list_usd=1.0, paid_usd=1.0, as_of="2026-11", quality="A", source="test")
HERE = Place(provider="aws", region="us-east-1", start_s=0.0, end_s=3600.0)
ONE = volume_charge(HERE, "compute", "g6.xlarge", 2.0, "Hours", PRICE)
OTHER = volume_charge(HERE, "compute", "g6.xlarge", 3.0, "Hours", replace(PRICE, paid_usd=0.75))


def test_the_price_is_in_a_label_where_several_are_paid() -> None:
    assert labels([ONE, OTHER, ONE]) == [f"aws/g6.xlarge on demand at ${price}/h" for price in ("1", "0.75", "1")]
    assert labels([ONE, ONE]) == ["aws/g6.xlarge on demand"] * 2


def test_prices_in_effect_and_those_of_commitments_are_one_charge() -> None:
    spot = [replace(one, pricing_category="Dynamic") for one in (ONE, OTHER)]
    covered = [
        replace(one, pricing_category="Committed", commitment="base", commitment_status="Used") for one in (ONE, OTHER)
    ]
    assert labels([*spot, *covered, ONE]) == [
        *["aws/g6.xlarge spot"] * 2,
        *["aws/g6.xlarge covered by base"] * 2,
        "aws/g6.xlarge on demand",
    ]
