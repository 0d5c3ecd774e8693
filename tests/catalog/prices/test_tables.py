"""Tables of SkyPilot, of gpuhunt and of the user: their known traps are caught, located and counted."""

from pathlib import Path

import pytest
from support.price_lists import GPUHUNT, SKYPILOT, found, imported, offers, places, rates

from simcost.catalog import load_catalog
from simcost.errors import FaultsError, InputError

GCP_HOST = "a3-highgpu-8g,208,1872,,,,{region},{region}-a,{usd},{spot}\n"
GCP_GPU = ",,,H100,8,,{region},{region}-a,{usd},{spot}\n"


def sky(tmp_path: Path, rows: str, provider: str = "gcp") -> object:
    return imported(tmp_path, SKYPILOT + rows, "skypilot", provider=provider)


def gcp(region: str, host: float = 9.46, gpu: float = 78.37, spot: tuple[str, str] = ("", "")) -> str:
    return GCP_HOST.format(region=region, usd=host, spot=spot[0]) + GCP_GPU.format(region=region, usd=gpu, spot=spot[1])


def test_host_and_accelerators_in_separate_rows_are_added_and_it_is_said(tmp_path: Path) -> None:
    result = imported(tmp_path, SKYPILOT + gcp("us-east4", spot=("1.7", "18.3")), "skypilot", provider="gcp")
    offer = offers(result)["a3-highgpu-8g", "us-east4"]
    assert (offer.on_demand_usd_per_h, offer.spot_usd_per_h) == (87.83, 20.0)
    assert (offer.accelerator, offer.accelerators, offer.quality) == ("h100-sxm", 8, "B")
    assert found(result) == {"host-and-accelerator-apart": 2, "no-date": 1}
    assert places(result, "host-and-accelerator-apart")[0] == "line 2 + line 3"


def test_a_host_alone_and_accelerators_alone_stay_out(tmp_path: Path) -> None:
    rows = (
        gcp("us-east4") + GCP_HOST.format(region="us-west1", usd=9.46, spot="") + ",,,T4,1,,us-west1,us-west1-a,0.35,\n"
    )
    result = imported(tmp_path, SKYPILOT + rows, "skypilot", provider="gcp", as_of="2026-08-01")
    assert set(offers(result)) == {("a3-highgpu-8g", "us-east4")}
    counts = found(result)
    assert (counts["host-without-accelerator"], counts["accelerator-without-host"]) == (1, 1)


@pytest.mark.parametrize("regions", [("us-east4",), ("us-east4", "us-east5", "us-west4")])
def test_a_commitment_that_poses_as_on_demand_is_rejected(tmp_path: Path, regions: tuple[str, ...]) -> None:
    rows = "".join(map(gcp, regions)) + gcp("us-central1", gpu=8 * 4.20076)
    result = imported(tmp_path, SKYPILOT + rows, "skypilot", provider="gcp")
    assert {region for _, region in offers(result)} == set(regions)
    assert found(result)["commitment-as-on-demand"] == 1
    assert found(result)["host-without-accelerator"] == 1


@pytest.mark.parametrize(("share", "kept"), [(0.59, False), (0.61, True)])
def test_the_line_lies_at_60_per_cent_of_the_median(tmp_path: Path, share: float, kept: bool) -> None:
    rows = "".join(f"g5.xlarge,4,16,A10G,1,,region-{n},z,1.0,\n" for n in range(3))
    result = imported(
        tmp_path, SKYPILOT + rows + f"g5.xlarge,4,16,A10G,1,,cheap,z,{share},\n", "skypilot", provider="aws"
    )
    assert (("g5.xlarge", "cheap") in offers(result)) == kept


def test_700_stands_for_a_missing_price_and_an_empty_cell_for_none(tmp_path: Path) -> None:
    rows = ",,,tpu-v6e-8,1,,us-east5,us-east5-a,21.6,9.72\n,,,tpu-v6e-8,1,,us-east1,us-east1-d,700.0,700.0\n"
    rows += ",,,tpu-v6e-8,1,,us-west1,us-west1-a,,5.0\n,,,tpu-v6e-8,1,,us-west2,us-west2-a,0.0,\n"
    result = imported(tmp_path, SKYPILOT + rows, "skypilot", provider="gcp", as_of="2026-08-01")
    offer = offers(result)["tpu-v6e-8", "us-east5"]
    assert (offer.on_demand_usd_per_h, offer.spot_usd_per_h, offer.accelerators) == (21.6, 9.72, 8)
    assert len(offers(result)) == 1
    assert found(result) == {
        "placeholder-price": 2,
        "no-price": 1,
        "spot-without-on-demand": 1,
        "zero-price": 1,
    }
    assert places(result, "placeholder-price") == ["line 3", "line 3"]


def test_names_of_tpus_count_their_chips(tmp_path: Path) -> None:
    rows = ",,,tpu-v5litepod-16,1,,us-west4,us-west4-a,19.2,7.5\n,,,tpu-v6e-256,1,,us-east5,us-east5-a,691.2,300\n"
    rows += ",,,tpu-v4-8,1,,us-central2,us-central2-b,12.88,3.686\n"
    result = imported(tmp_path, SKYPILOT + rows, "skypilot", provider="gcp", as_of="2026-08-01")
    named = {key: (offer.accelerators, offer.accelerator) for key, offer in offers(result).items()}
    assert named == {
        ("v5litepod-16", "us-west4"): (16, "tpu-v5e"),
        ("tpu-v6e-256", "us-east5"): (256, "tpu-v6e"),
    }
    assert found(result) == {"unknown-accelerator": 1}


@pytest.mark.parametrize(("spot", "kept"), [("1.64", None), ("1.70", None), ("1.19", 1.19)])
def test_spot_not_below_on_demand_is_dropped_and_on_demand_stays(tmp_path: Path, spot: str, kept: float | None) -> None:
    row = f"1x_A100-80GB_SECURE,8.0,80.0,A100-80GB,1.0,A100-80GB,CA,CA-MTL-1,1.64,{spot}\n"
    result = imported(tmp_path, SKYPILOT + row, "skypilot", provider="runpod", as_of="2026-08-01")
    offer = offers(result)["1x_A100-80GB_SECURE", "CA"]
    assert (offer.on_demand_usd_per_h, offer.spot_usd_per_h) == (1.64, kept)
    assert found(result) == ({} if kept else {"spot-not-below-on-demand": 1})


def test_zones_of_a_region_become_one_offer_with_the_middle_spot_price(tmp_path: Path) -> None:
    rows = "".join(
        f"g5.xlarge,4,16,A10G,1,,us-east-1,us-east-1{z},1.006,{s}\n"
        for z, s in zip("abc", (0.5, 0.3, 0.4), strict=True)
    )
    result = imported(tmp_path, SKYPILOT + rows, "skypilot", provider="aws", as_of="2026-08-01")
    offer = offers(result)["g5.xlarge", "us-east-1"]
    assert (offer.spot_usd_per_h, found(result)) == (0.4, {})
    assert "the middle of 3, 0.3 to 0.5" in offer.notes


def test_different_prices_of_one_instance_type_keep_the_highest(tmp_path: Path) -> None:
    rows = "g5.xlarge,4,16,A10G,1,,us-east-1,a,1.006,\ng5.xlarge,4,16,A10G,1,,us-east-1,b,1.2,\n"
    result = imported(tmp_path, SKYPILOT + rows, "skypilot", provider="aws", as_of="2026-08-01")
    assert offers(result)["g5.xlarge", "us-east-1"].on_demand_usd_per_h == 1.2
    assert found(result) == {"several-prices": 1}


@pytest.mark.parametrize(
    ("name", "mib", "device", "kinds"),
    [
        ("A100", 40960, "a100-40gb-sxm", {}),
        ("A100", 81920, "a100-80gb-sxm", {}),
        ("H100", 80, "h100-sxm", {"memory-unit": 1}),
        ("MI325X", 294912, "mi325x", {"memory-differs": 1}),
    ],
)
def test_the_memory_tells_devices_of_one_name_apart_and_its_traps_are_told(
    tmp_path: Path, name: str, mib: int, device: str, kinds: dict[str, int]
) -> None:
    info = f"\"{{'Gpus': [{{'Name': '{name}', 'MemoryInfo': {{'SizeInMiB': {mib}}}}}]}}\""
    result = imported(
        tmp_path,
        SKYPILOT + f"box,16,128,{name},8,{info},any,z,20,\n",
        "skypilot",
        provider="x",
        as_of="2026-08-01",
    )
    assert offers(result)["box", "any"].accelerator == device
    assert found(result) == kinds


def test_a_host_memory_that_no_machine_has_is_left_empty(tmp_path: Path) -> None:
    result = imported(
        tmp_path, SKYPILOT + "box,16,131072,L4,1,,any,z,2,\n", "skypilot", provider="x", as_of="2026-08-01"
    )
    assert offers(result)["box", "any"].memory_bytes is None
    assert found(result) == {"memory-unit": 1}


def test_an_unknown_accelerator_names_the_remedy_which_works(tmp_path: Path) -> None:
    rows = SKYPILOT + "box,16,128,L4,1,,any,z,2,\nold,8,64,V100,1,,any,z,3,\n"
    result = imported(tmp_path, rows, "skypilot", provider="x", as_of="2026-08-01")
    assert found(result) == {"unknown-accelerator": 1}
    (tmp_path / "own").mkdir()
    (tmp_path / "own/accelerators.csv").write_text(
        "name,vendor,memory_bytes,memory_bytes_per_s,bf16_flops,source,as_of,quality\nv100,NVIDIA,16e9,9e11,1.25e14,sheet,2018,C\n"
    )
    again = imported(
        tmp_path, rows, "skypilot", provider="x", as_of="2026-08-01", catalog=load_catalog(tmp_path / "own")
    )
    assert found(again) == {}
    assert offers(again)["old", "any"].accelerator == "v100"


def test_gpuhunt_rows(tmp_path: Path) -> None:
    rows = (
        "a3-highgpu-8g,us-east4-a,88.49,208,1872.0,8,H100,80.0,False,\n"
        "a3-highgpu-8g,us-east4-b,20.0,208,1872.0,8,H100,80.0,True,\n"
        "v4-8,us-central2-b,12.88,240,400.0,4,v4,32.0,False,\n"
        "n1-standard-8,us-east4-a,0.73,8,30.0,1,T4,16.0,False,\n"
        "e2-standard-4,us-east4-a,0.134,4,16.0,0,,,False,\n"
    )
    result = imported(tmp_path, GPUHUNT + rows, "gpuhunt", provider="gcp", as_of="2026-08-01")
    assert set(offers(result)) == {("a3-highgpu-8g", "us-east4"), ("e2-standard-4", "us-east4")}
    assert offers(result)["a3-highgpu-8g", "us-east4"].spot_usd_per_h == 20.0
    assert found(result) == {"unknown-accelerator": 1, "attached-accelerator": 1}


def test_an_own_list_holds_any_way_of_buying_and_any_currency(tmp_path: Path) -> None:
    (tmp_path / "currencies.csv").write_text(
        "currency,usd_per_unit,source,as_of,quality\nEUR,1.10,ecb,2026-01-01,A\nEUR,1.20,ecb,2026-07-01,A\n"
    )
    rows = (
        "provider,sku,price_per_h,region,way,currency,term_years,upfront,accelerator,accelerators,as_of,notes\n"
        "neo,h100x8,20,eu,on-demand,EUR,,,H100,8,2026-03-01,quote 12\n"
        "neo,h100x8,12,eu,take-or-pay,EUR,1,none,,,2026-08-01,\n"
        "neo,h100x8,9,eu,spot,USD,,,,,,\n"
    )
    result = imported(tmp_path, rows, "own", catalog=load_catalog(tmp_path), as_of="2026-09-01")
    offer = offers(result)["h100x8", "eu"]
    assert (offer.on_demand_usd_per_h, offer.spot_usd_per_h, offer.as_of) == (22.0, 9.0, "2026-03-01")
    assert offer.notes == "quote 12; 20 EUR at 1.1"
    assert rates(result)["take-or-pay", "h100x8", 1, "none"].usd_per_h == pytest.approx(14.4)


def test_an_own_list_is_not_misread(tmp_path: Path) -> None:
    rows = (
        "provider,sku,price_per_h,way,term_years,accelerator,accelerators,as_of\n"
        'neo,comma,"19,20",,,H100,8,\n'
        'neo,thousands,"1,234.50",,,H100,8,\n'
        "neo,new,5,,,H100,2,2025-01-01\nneo,new,3,,,H100,2,2026-08-01\nneo,new,2.9,,,H100,2,2026-08-01\n"
        "neo,no-day,5,,,H100,2,2026-02-31\n"
        "neo,new,2,take-or-pay,,,,\n"
        "neo,no-name,3,,,,8,\nneo,cpu,1,,,,0,\n"
    )
    result = imported(tmp_path, rows, "own", as_of="2026-09-01")
    prices = {sku: (offer.on_demand_usd_per_h, offer.accelerators) for (sku, _), offer in offers(result).items()}
    assert prices == {"thousands": (1234.5, 8), "new": (3.0, 2), "cpu": (1.0, 0)}
    assert not rates(result)
    reasons = {
        "no-price": 1,
        "no-currency": 8,
        "older-price": 1,
        "several-prices": 1,
        "unreadable": 2,
        "unknown-accelerator": 1,
        "far-from-catalog": 1,
    }
    assert found(result) == reasons


@pytest.mark.parametrize(
    ("text", "format_", "place", "message"),
    [
        ("provider,sku,price_per_h,way\na,b,1,spott\n", "own", ":2: way", "did you mean 'spot'"),
        ("provider,sku,price_per_h,upfront\na,b,1,some\n", "own", ":2: upfront", "none, partial, all"),
        ("provider,sku,price_per_h\n,b,1\n", "own", ":2: provider", "is empty"),
        ("provider,sku,price_per_h,regoin\na,b,1,x\n", "own", ":1: regoin", "did you mean 'region'"),
        ("provider,sku,price\n", "own", ":1:1", "no column 'price_per_h'; did you mean 'price'?"),
        (SKYPILOT + "a,b\n", "skypilot", ":2:1", "2 cells under 10 columns"),
        ("", "skypilot", ":1:1", "no column 'InstanceType'"),
        (SKYPILOT + 'a,"b', "skypilot", ":2: ", "never closed"),
    ],
)
def test_files_that_cannot_be_used_are_located(
    tmp_path: Path, text: str, format_: str, place: str, message: str
) -> None:
    with pytest.raises(FaultsError) as error:
        imported(tmp_path, text, format_, provider="x")
    assert f"list.txt{place}" in str(error.value)
    assert message in str(error.value)


def test_a_list_of_one_provider_needs_its_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--provider"):
        imported(tmp_path, SKYPILOT, "skypilot")
    with pytest.raises(InputError, match="did you mean 'skypilot'"):
        imported(tmp_path, SKYPILOT, "skypilott")


def test_a_list_without_a_usable_price_says_what_was_found(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        imported(tmp_path, SKYPILOT + "box,1,4,,,,any,z,0,\nbox,1,4,,,,any,z,nan,\n", "skypilot", provider="x")
    assert "no price of 2 rows can be used" in str(error.value)
    assert "1 zero-price" in str(error.value)
    assert "first line 3" in str(error.value)


@pytest.mark.parametrize(("later", "told"), [("2026-10-01", True), ("2026-12-01", False)])
def test_an_older_list_over_a_newer_price_is_told(tmp_path: Path, later: str, told: bool) -> None:
    rows = "provider,sku,price_per_h,accelerator,accelerators\nneo,h100x8,20,H100,8\n"
    for day in ("2026-11-01", later):
        result = imported(tmp_path, rows, "own", as_of=day)
        for name, text in result.files(tmp_path).items():
            (tmp_path / name).write_text(text)
    assert ("replaces-newer" in found(result)) is told


@pytest.mark.parametrize(("day", "told"), [("2026-01-01", True), ("2026-11-25", False)])
def test_an_older_list_over_a_newer_price_of_simcost_is_told(tmp_path: Path, day: str, told: bool) -> None:
    """Plans of the folder pay the older price from then on."""
    rows = (
        "provider,sku,region,price_per_h,accelerator,accelerators\naws,p5.48xlarge,us-east-1,50,H100,8\n"
        "neo,h100x8,us-east-1,50,H100,8\n"
    )
    result = imported(tmp_path, rows, "own", as_of=day)
    result.files(tmp_path)
    assert ("replaces-newer" in found(result)) is told
