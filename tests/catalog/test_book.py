"""Looking facts up, and what is said when they are missing."""

from collections.abc import Callable
from pathlib import Path

import pytest

from simcost.catalog import Catalog, load_catalog
from simcost.errors import CatalogError

CATALOG = load_catalog()


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("h100", "h100-sxm"),
        ("H100-SXM", "h100-sxm"),
        ("a100", "a100-80gb-sxm"),
        ("t4", "t4"),
        ("rtx_pro_6000", "rtx-pro-6000"),
    ],
)
def test_accelerators_are_found_under_their_common_names(written: str, name: str) -> None:
    assert CATALOG.accelerator(written).name == name


@pytest.mark.parametrize("written", ["llama-3.1-8b", "meta-llama/Meta-Llama-3.1-8B-Instruct", "Llama-3.1-8B"])
def test_models_are_found_under_their_hub_names(written: str) -> None:
    assert CATALOG.model(written).name == "llama-3.1-8b"


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda c: c.accelerator("h10"), ["'h10'", "did you mean", "h100", "catalog list accelerators"]),
        (lambda c: c.model("llama-3.1-9b"), ["llama-3.1-8b", "models.csv"]),
        (lambda c: c.offer("aws/p5.48xlarg"), ["aws/p5.48xlarge", "offers.csv"]),
        (lambda c: c.offer("zzz"), ["'zzz'; `simcost catalog list offers`"]),
        (lambda c: c.offer("aws/p5.48xlarge", "mars"), ["'mars'", "us-east-1"]),
        (lambda c: c.offer("aws/p5en.48xlarge"), ["several regions", "us-west-2", "eu-north-1"]),
        (lambda c: c.accelerator("L40"), ["'l40'", "no datasheet", "accelerators.csv"]),
        (lambda c: c.offers_for("v100"), ["'v100'", "no datasheet"]),
        (lambda c: c.billing_rule("awz"), ["'awz'", "'aws'", "billing_rules.csv"]),
        (lambda c: c.tier_prices("verda", "storage"), ["storage price of verda", "tier_prices.csv"]),
    ],
)
def test_a_missing_fact_is_named_with_a_remedy(ask: Callable[[Catalog], object], words: list[str]) -> None:
    with pytest.raises(CatalogError) as error:
        ask(CATALOG)
    assert all(word in str(error.value) for word in words), str(error.value)


def test_an_offer_of_any_region_serves_every_region() -> None:
    assert CATALOG.offer("lambda/gpu_8x_h100_sxm5", "us-east-1").region == "any"
    assert CATALOG.offer("lambda/gpu_8x_h100_sxm5").accelerators == 8


def test_a_region_selects_among_several() -> None:
    assert CATALOG.offer("AWS/p5en.48xlarge", "eu-north-1").on_demand_usd_per_h == 67.7267


def test_offers_for_an_accelerator_start_with_the_cheapest() -> None:
    prices = [offer.on_demand_usd_per_h / offer.accelerators for offer in CATALOG.offers_for("h100")]
    assert prices == sorted(prices)
    assert prices[0] < 3 < prices[-1]


def test_tiers_come_lowest_first_and_cover_everything() -> None:
    tiers = CATALOG.tier_prices("aws", "egress")
    assert [tier.from_gb for tier in tiers] == [0, 100, 10240, 51200, 153600]
    assert tiers[-1].to_gb is None


def test_an_accelerator_that_was_not_measured_has_the_mean_of_its_kind_of_link() -> None:
    assert CATALOG.hardware_fit(CATALOG.accelerator("h100"), "fp8").accelerator == "h100-sxm"
    mean, other = (CATALOG.hardware_fit(CATALOG.accelerator(name), "bf16") for name in ("l4", "gaudi3"))
    assert mean.accelerator == other.accelerator == ""
    assert (mean.link, other.link) == ("PCIe", "fabric")


def test_as_of_is_the_newest_known_date(tmp_path: Path) -> None:
    (tmp_path / "billing_rules.csv").write_text(
        "provider,granularity_s,minimum_s,source,as_of,quality\nown,1,0,contract,2031-02-03,A\n"
    )
    assert "2026-07" < CATALOG.as_of < "2031"
    assert load_catalog(tmp_path).as_of == "2031-02-03"
