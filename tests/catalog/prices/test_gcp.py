"""Google's SKUs: cores, memory and GPUs are priced apart and added up to machines."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.price_lists import found, gcp_sku, imported, offers, rates

from simcost.errors import InputError

H100 = [
    gcp_sku("A3 Instance Core running in Virginia", 0.0293, "OnDemand", "h", "us-east4"),
    gcp_sku("A3 Instance Ram running in Virginia", 0.0026, "OnDemand", "GiBy.h", "us-east4"),
    gcp_sku("Nvidia H100 80GB GPU running in Virginia", 9.79655, "OnDemand", "h", "us-east4"),
]
SPOT = [
    gcp_sku("Spot Preemptible A3 Instance Core running in Virginia", 0.01, "Preemptible", "h", "us-east4"),
    gcp_sku("Spot Preemptible A3 Instance Ram running in Virginia", 0.001, "Preemptible", "GiBy.h", "us-east4"),
    gcp_sku(
        "Nvidia H100 80GB GPU attached to Spot Preemptible VMs running in Virginia",
        2.5,
        "Preemptible",
        "h",
        "us-east4",
    ),
]
COMMITTED = [
    gcp_sku("Commitment v1: A3 Cpu in Virginia for 1 Year", 0.02, "Commit1Yr", "h", "us-east4"),
    gcp_sku("Commitment v1: A3 Ram in Virginia for 1 Year", 0.002, "Commit1Yr", "GiBy.h", "us-east4"),
    gcp_sku(
        "Commitment v1: Nvidia H100 80GB GPU running in Virginia for 1 Year",
        6.0,
        "Commit1Yr",
        "h",
        "us-east4",
    ),
]


def page(*skus: Any, **more: str) -> str:
    return json.dumps({"skus": list(skus), **more})


def test_parts_are_added_up_and_it_is_said(tmp_path: Path) -> None:
    result = imported(tmp_path, page(*H100, *SPOT, *COMMITTED), "gcp")
    offer = offers(result)["a3-highgpu-8g", "us-east4"]
    assert offer.on_demand_usd_per_h == pytest.approx(208 * 0.0293 + 1872 * 0.0026 + 8 * 9.79655, rel=1e-8)
    assert offer.spot_usd_per_h == pytest.approx(208 * 0.01 + 1872 * 0.001 + 8 * 2.5, rel=1e-8)
    assert (offer.accelerator, offer.accelerators, offer.as_of) == ("h100-sxm", 8, "2026-08-02")
    assert "sum of a3 core, a3 ram, nvidia h100 80gb gpu; without local SSD" in offer.notes
    rate = rates(result)["resource-cud", "a3-highgpu-1g", 1, "none"]
    assert rate.usd_per_h == pytest.approx(26 * 0.02 + 234 * 0.002 + 6.0)
    assert found(result) == {"host-and-accelerator-apart": 3 * 5}
    assert {sku for sku, _ in offers(result)} == {
        "a3-edgegpu-8g",
        *(f"a3-highgpu-{n}g" for n in (1, 2, 4, 8)),
    }


def test_gpus_without_cores_stay_out(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"1 accelerator-without-host.*first"):
        imported(tmp_path, page(H100[2]), "gcp")


def test_a_commitment_that_poses_as_on_demand_stays_out(tmp_path: Path) -> None:
    """The list's own words, or a price below 60 % of the median over regions."""
    others = [[dict(sku, serviceRegions=[region]) for sku in H100] for region in ("europe-west4", "us-west1")]
    cheap = [dict(sku, serviceRegions=["us-central1"]) for sku in H100[:2]]
    cheap.append(gcp_sku("Nvidia H100 80GB GPU running in Iowa", 4.20076, "OnDemand", "h", "us-central1"))
    named = gcp_sku("Commitment v1: Nvidia H100 80GB GPU for 1 Year", 5.0, "OnDemand", "h", "us-east4")
    result = imported(tmp_path, page(*H100, *others[0], *others[1], *cheap, named), "gcp")
    assert {region for _, region in offers(result)} == {"us-east4", "europe-west4", "us-west1"}
    assert found(result)["commitment-as-on-demand"] == 2


@pytest.mark.parametrize(
    ("sku", "kind"),
    [
        (gcp_sku("Reserved A3 Instance Core", 0.1), "capacity"),
        (gcp_sku("Network Vpn Ingress", 0.1), "other-product"),
        (gcp_sku("A3 Instance Ram running in Iowa", 0.1, "OnDemand", "By.s"), "other-product"),
        (gcp_sku("N1 Predefined Instance Core running in Iowa", 0.03), "other-product"),
        ({"skuId": "X", "description": "A3 Instance Core"}, "unreadable"),
        (gcp_sku("Nvidia L4 GPU running in Iowa", 0.5), "accelerator-without-host"),
        (gcp_sku("Nvidia L4 GPU running in Iowa", 0.0), "zero-price"),
        (gcp_sku("Nvidia L4 GPU running in Iowa", 1.0, units="NaN"), "no-price"),
    ],
)
def test_what_is_left_out_is_counted_and_located(tmp_path: Path, sku: Any, kind: str) -> None:
    result = imported(tmp_path, page(*H100, sku), "gcp")
    assert found(result) == {"host-and-accelerator-apart": 5, kind: 1}


def test_rows_of_the_pricing_export_are_read_too(tmp_path: Path) -> None:
    def row(sku: Any) -> str:
        rate = sku["pricingInfo"][0]["pricingExpression"]
        money = rate["tieredRates"][0]["unitPrice"]
        usd = int(money["units"]) + money["nanos"] / 1e9
        return json.dumps(
            {
                "pricing_as_of_time": "2026-08-05T07:00:00Z",
                "service": {"description": "Compute Engine"},
                "sku": {"id": "X", "description": sku["description"]},
                "pricing_unit": rate["usageUnit"],
                "geo_taxonomy": {"type": "REGIONAL", "regions": sku["serviceRegions"]},
                "list_price": {"tiered_rates": [{"start_usage_amount": 0, "usd_amount": usd}]},
            }
        )

    skus = [*H100, *COMMITTED]
    listed = imported(tmp_path, page(*skus), "gcp")
    for text in ("\n".join(map(row, skus)), f"[{','.join(map(row, skus))}]"):
        exported = imported(tmp_path, text, "gcp")
        assert exported.as_of == "2026-08-05"
        for key, offer in offers(listed).items():
            assert offers(exported)[key].on_demand_usd_per_h == offer.on_demand_usd_per_h
        assert rates(exported).keys() == rates(listed).keys()


def test_a_page_that_is_not_the_last_is_told(tmp_path: Path) -> None:
    assert found(imported(tmp_path, page(*H100, nextPageToken="abc"), "gcp"))["more-pages"] == 1
