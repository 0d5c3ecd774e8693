"""AWS Price List files: on-demand, reserved and savings-plan prices of Linux, everything else counted."""

import json
from pathlib import Path

import pytest
from support.price_lists import (
    aws_list,
    aws_on_demand,
    aws_plans,
    aws_product,
    aws_rate,
    aws_reserved,
    found,
    imported,
    offers,
    places,
    rates,
)

from simcost.errors import FaultsError, InputError


def test_an_instance_type_becomes_an_offer_with_the_shape_and_the_date_of_the_list(tmp_path: Path) -> None:
    result = imported(tmp_path, aws_list([aws_product("A")], {"A": aws_on_demand("A", "55.0400000000")}), "aws")
    offer = offers(result)["p5.48xlarge", "us-east-1"]
    assert (offer.provider, offer.accelerator, offer.accelerators) == ("aws", "h100-sxm", 8)
    assert (offer.on_demand_usd_per_h, offer.vcpus, offer.memory_bytes) == (55.04, 192, 2048 * 2**30)
    assert (offer.as_of, offer.quality, offer.source) == ("2026-07-20", "A", "AWS Price List, list.txt")
    assert found(result) == {}


def test_instances_that_host_endpoints_are_offers_of_their_own(tmp_path: Path) -> None:
    ml = {
        "sku": "A",
        "productFamily": "ML Instance",
        "attributes": {
            "instanceType": "ml.p5.48xlarge-Hosting",
            "platoinstancetype": "Hosting",
            "regionCode": "us-east-1",
            "vCpu": "192",
            "memory": "2048 GiB",
            "locationType": "AWS Region",
            "physicalGpu": "N/A",
        },
    }
    offer = offers(imported(tmp_path, aws_list([ml], {"A": aws_on_demand("A", "63.3")}), "aws"))
    assert offer["ml.p5.48xlarge", "us-east-1"].accelerators == 8
    assert offer["ml.p5.48xlarge", "us-east-1"].vcpus == 192


def test_machines_without_accelerators_are_offers_too(tmp_path: Path) -> None:
    product = aws_product("A", instanceType="m5.large", vcpu="2", memory="8 GiB", gpu="")
    result = imported(tmp_path, aws_list([product], {"A": aws_on_demand("A", "0.096")}), "aws")
    offer = offers(result)["m5.large", "us-east-1"]
    assert (offer.accelerator, offer.accelerators, offer.vcpus) == ("", 0, 2)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"operatingSystem": "Windows"}, "other-system"),
        ({"preInstalledSw": "SQL Web"}, "other-system"),
        ({"tenancy": "Dedicated"}, "other-tenancy"),
        ({"capacitystatus": "UnusedCapacityReservation"}, "capacity"),
        ({"marketoption": "CapacityBlock"}, "capacity"),
        ({"locationType": "AWS Local Zone"}, "other-product"),
        ({"productFamily": "Storage"}, "other-product"),
        ({"productFamily": "ML Instance", "platoinstancetype": "Training"}, "other-product"),
        ({"instanceType": "p3.2xlarge", "gpu": "1"}, "unknown-accelerator"),
        ({"instanceType": "inf1.xlarge", "gpu": ""}, "unknown-accelerator"),
    ],
)
def test_what_is_left_out_is_counted_and_located(tmp_path: Path, changes: dict[str, str], kind: str) -> None:
    products = [aws_product("A"), aws_product("B", **changes)]
    on_demand = {sku: aws_on_demand(sku, "60") for sku in "AB"}
    result = imported(tmp_path, aws_list(products, on_demand), "aws")
    assert found(result) == {kind: 1}
    assert "B" in places(result, kind)[0]
    assert set(offers(result)) == {("p5.48xlarge", "us-east-1")}


@pytest.mark.parametrize(
    ("price", "kind"),
    [
        ("0.0000000000", "zero-price"),
        ("-1", "negative-price"),
        ("NaN", "no-price"),
        (None, "no-price"),
        ("Infinity", "no-price"),
        ("cheap", "no-price"),
        (True, "no-price"),
        ("700.0", "placeholder-price"),
    ],
)
def test_a_price_that_is_none_never_becomes_one(tmp_path: Path, price: object, kind: str) -> None:
    products = [aws_product("A"), aws_product("B", instanceType="p5en.48xlarge")]
    on_demand = {"A": aws_on_demand("A", "55.04"), "B": aws_on_demand("B", price)}
    result = imported(tmp_path, aws_list(products, on_demand), "aws")
    assert found(result) == {kind: 1}
    assert places(result, kind) == ["$.terms.OnDemand.B"]
    assert set(offers(result)) == {("p5.48xlarge", "us-east-1")}


@pytest.mark.parametrize(
    ("years", "option", "upfront", "hourly", "usd", "kind"),
    [
        (1, "No Upfront", 0, 33.5, 33.5, "none"),
        (1, "Partial Upfront", 8760, 12.0, 13.0, "partial"),
        (3, "All Upfront", 3 * 8760 * 11, 0.0, 11.0, "all"),
    ],
)
def test_a_reserved_price_is_hourly_plus_the_upfront_spread_over_the_term(
    tmp_path: Path, years: int, option: str, upfront: float, hourly: float, usd: float, kind: str
) -> None:
    term = aws_reserved("A", years, option, upfront, hourly)
    text = aws_list([aws_product("A")], {"A": aws_on_demand("A", "55.04")}, {"A": term})
    rate = rates(imported(tmp_path, text, "aws"))["reserved-instance", "p5.48xlarge", years, kind]
    assert (rate.usd_per_h, rate.region, rate.as_of) == (usd, "us-east-1", "2026-07-20")


def test_convertible_reservations_are_left_out(tmp_path: Path) -> None:
    term = aws_reserved("A", 1, "No Upfront", 0, 30, "convertible")
    result = imported(tmp_path, aws_list([aws_product("A")], {"A": aws_on_demand("A", "55")}, {"A": term}), "aws")
    assert found(result) == {"convertible": 1}
    assert rates(result) == {}


def test_savings_plans_give_rates_of_linux_on_shared_hardware(tmp_path: Path) -> None:
    p5 = aws_rate("p5.48xlarge", "33.02")
    compute = [
        p5,
        aws_rate("p5.48xlarge", "40", operation="RunInstances:0002"),
        aws_rate("p5.48xlarge", "41", usage="DedicatedUsage"),
        aws_rate("p5.48xlarge", "42", usage="UnusedBox"),
        aws_rate("vCPU", "0.02", usage="Fargate", discountedServiceCode="AmazonECS"),
    ]
    ml = [
        aws_rate(
            "",
            "35.1",
            usage="USE1-Host:ml.p5.48xlarge",
            discountedServiceCode="AmazonSageMaker",
            discountedUsageType="USE1-Host:ml.p5.48xlarge",
        )
    ]
    result = imported(
        tmp_path,
        aws_plans(
            ("1 year No Upfront Compute Savings Plan", 1, compute),
            ("3 year All Upfront p5 EC2 Instance Savings Plan in us-east-1", 3, [p5]),
            ("1 year Partial Upfront SageMaker Savings Plan", 1, ml),
        ),
        "aws",
    )
    assert {key: rate.usd_per_h for key, rate in rates(result).items()} == {
        ("compute-savings-plan", "p5.48xlarge", 1, "none"): 33.02,
        ("instance-savings-plan", "p5.48xlarge", 3, "all"): 33.02,
        ("sagemaker-savings-plan", "ml.p5.48xlarge", 1, "partial"): 35.1,
    }
    assert found(result) == {"other-system": 1, "other-tenancy": 1, "capacity": 1, "other-product": 1}
    assert places(result, "other-system") == ["$.terms.savingsPlan[0].rates[1]"]
    assert result.as_of == "2026-07-21"


def test_only_names_the_instance_types_wanted(tmp_path: Path) -> None:
    products = [
        aws_product("A"),
        aws_product("B", instanceType="p5en.48xlarge"),
        aws_product("C", instanceType="p4d.24xlarge"),
    ]
    on_demand = {sku: aws_on_demand(sku, "55") for sku in "ABC"}
    result = imported(tmp_path, aws_list(products, on_demand), "aws", only=["p5.*", "p4d.24xlarge"])
    assert {sku for sku, _ in offers(result)} == {"p5.48xlarge", "p4d.24xlarge"}
    assert found(result) == {"not-asked": 1}


def test_prices_in_another_currency_need_a_dated_rate(tmp_path: Path) -> None:
    from simcost.catalog import load_catalog

    text = aws_list([aws_product("A")], {"A": aws_on_demand("A", "100", "CNY")})
    with pytest.raises(InputError, match="no rate of CNY on or before 2026-07-20"):
        imported(tmp_path, text, "aws")
    (tmp_path / "currencies.csv").write_text(
        "currency,usd_per_unit,source,as_of,quality\nCNY,0.14,bank,2026-07-01,A\nCNY,0.5,bank,2026-08-01,A\n"
    )
    result = imported(tmp_path, text, "aws", catalog=load_catalog(tmp_path))
    offer = offers(result)["p5.48xlarge", "us-east-1"]
    assert (offer.on_demand_usd_per_h, offer.notes) == (14.0, "100 CNY at 0.14")
    assert found(result) == {"other-currency": 1}


def test_terms_before_products_are_refused(tmp_path: Path) -> None:
    whole = json.loads(aws_list([aws_product("A")], {"A": aws_on_demand("A", "55")}))
    text = json.dumps({"terms": whole["terms"], "products": whole["products"]})
    with pytest.raises(FaultsError, match="`terms` stand before `products`"):
        imported(tmp_path, text, "aws")
