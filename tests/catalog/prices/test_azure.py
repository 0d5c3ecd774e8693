"""Azure Retail Prices: hours of Linux machines, spot, reservations by their term, savings plans."""

import json
from pathlib import Path

import pytest
from support.price_lists import azure_item, azure_page, found, imported, offers, places, rates

H100 = "Standard_ND96isr_H100_v5"


def test_a_page_gives_offers_with_spot_and_what_commitments_cost(tmp_path: Path) -> None:
    plans = [
        {"unitPrice": 60.0, "retailPrice": 60.0, "term": "1 Year"},
        {"unitPrice": 40.0, "term": "3 Years"},
    ]
    result = imported(
        tmp_path,
        azure_page(
            azure_item(savingsPlan=plans),
            azure_item(retailPrice=29.5, skuName="ND96isr H100 v5 Spot", meterName="ND96isr H100 v5 Spot"),
            azure_item(retailPrice=8760 * 50.0, type="Reservation", reservationTerm="1 Year"),
            azure_item(retailPrice=3 * 8760 * 30.0, type="Reservation", reservationTerm="3 Years"),
        ),
        "azure",
    )
    offer = offers(result)[H100, "eastus"]
    assert (offer.on_demand_usd_per_h, offer.spot_usd_per_h) == (98.32, 29.5)
    assert (offer.accelerator, offer.accelerators, offer.vcpus) == ("h100-sxm", 8, 96)
    assert result.as_of == "2023-08-01", "the youngest day in the list"
    found_rates = {key: rate.usd_per_h for key, rate in rates(result).items()}
    for upfront in ("none", "all"):
        assert found_rates["azure-savings-plan", H100, 1, upfront] == 60
        assert found_rates["azure-savings-plan", H100, 3, upfront] == 40
        assert found_rates["azure-reservation", H100, 1, upfront] == 50, "a reservation's price is of the whole term"
        assert found_rates["azure-reservation", H100, 3, upfront] == 30
    assert found(result) == {}


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"productName": "Virtual Machines NDsr H100 v5 Series Windows"}, "other-system"),
        ({"type": "DevTestConsumption"}, "dev-test"),
        ({"skuName": "ND96isr H100 v5 Low Priority"}, "low-priority"),
        ({"serviceName": "Storage"}, "other-product"),
        ({"productName": "NDsr H100 v5 Series Dedicated Host"}, "other-tenancy"),
        ({"unitOfMeasure": "1 GB/Month"}, "other-product"),
        ({"armSkuName": "Standard_NC6s_v3"}, "unknown-accelerator"),
        ({"armSkuName": ""}, "unreadable"),
        ({"type": "Reservation", "reservationTerm": "soon"}, "unreadable"),
        ({"armRegionName": "westus", "retailPrice": float("nan")}, "no-price"),
        ({"armRegionName": "westus", "retailPrice": 0.0}, "zero-price"),
    ],
)
def test_what_is_left_out_is_counted_and_located(tmp_path: Path, changes: dict[str, object], kind: str) -> None:
    result = imported(tmp_path, azure_page(azure_item(), azure_item(**changes)), "azure")
    assert found(result) == {kind: 1}
    assert places(result, kind) == ["$.Items[1]"]
    assert offers(result)[H100, "eastus"].on_demand_usd_per_h == 98.32
    assert len(offers(result)) == 1


def test_pages_may_stand_in_a_list_or_one_a_line_and_a_missing_one_is_told(tmp_path: Path) -> None:
    one, two = (
        azure_page(azure_item()),
        azure_page(azure_item(armRegionName="westus"), next_page="https://more"),
    )
    for text in (f"[{one},{two}]", f"{one}\n{two}\n"):
        result = imported(tmp_path, text, "azure")
        assert {region for _, region in offers(result)} == {"eastus", "westus"}
        assert found(result) == {"more-pages": 1}


def test_machines_without_accelerators_are_offers_too(tmp_path: Path) -> None:
    result = imported(tmp_path, azure_page(azure_item(armSkuName="Standard_D2s_v5", retailPrice=0.096)), "azure")
    assert offers(result)["Standard_D2s_v5", "eastus"].accelerators == 0


def test_the_day_given_is_the_day_of_the_list(tmp_path: Path) -> None:
    result = imported(tmp_path, azure_page(azure_item()), "azure", as_of="2026-09-01")
    assert offers(result)[H100, "eastus"].as_of == result.as_of == "2026-09-01"


def test_a_page_that_was_written_by_hand(tmp_path: Path) -> None:
    text = json.dumps({"Items": [azure_item()]}, indent=4)
    assert imported(tmp_path, text, "azure").looked_at == 1
