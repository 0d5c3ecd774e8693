"""Per-token prices: they agree with the reference list, and with each other."""

import csv
from pathlib import Path

import pytest

from simcost.catalog import TokenPrice, load_catalog
from simcost.errors import CatalogError, FaultsError

CATALOG = load_catalog()
PRICES = CATALOG.facts.token_prices
HEADER = "provider,model,input_usd_per_m,output_usd_per_m,{}source,as_of,quality\n"


def test_they_agree_with_the_reference_list(shared: Path) -> None:
    with (shared / "data/token_prices.csv").open(newline="") as file:
        listed = list(csv.DictReader(file))
    assert len(listed) == len(PRICES) == 89
    columns = {
        "input_usd_mtok": "input_usd_per_m",
        "output_usd_mtok": "output_usd_per_m",
        "cache_read_usd_mtok": "cache_read_usd_per_m",
        "cache_write_usd_mtok": "cache_write_usd_per_m",
        "tier_start_input_tokens": "tier_start_input_tokens",
        "tier_input": "tier_input_usd_per_m",
        "tier_output": "tier_output_usd_per_m",
        "context": "context_tokens",
    }
    for row in listed:
        price = CATALOG.token_price(f"{row['provider']}/{row['model']}")
        for theirs, ours in columns.items():
            assert getattr(price, ours) == (float(row[theirs]) if row[theirs] else None), (row, ours)


@pytest.mark.parametrize("price", PRICES, ids=lambda price: price.name)
def test_reading_from_the_cache_saves_and_a_tier_costs_more(price: TokenPrice) -> None:
    assert (price.cache_read_usd_per_m or 0) <= price.input_usd_per_m
    assert price.input_usd_per_m <= price.output_usd_per_m
    if price.cache_write_1h_usd_per_m is not None:
        assert price.cache_write_1h_usd_per_m == pytest.approx(2 * price.input_usd_per_m)
    if price.tier_input_usd_per_m is not None:
        assert price.tier_input_usd_per_m > price.input_usd_per_m
    assert price.batch_multiplier in (None, 0.5)


def test_names_of_models_are_the_providers_own(tmp_path: Path) -> None:
    (tmp_path / "token_prices.csv").write_text(
        HEADER.format("") + "acme,Any/Name v2,1,2,offer,2026-10-01,A\n"
    )
    assert load_catalog(tmp_path).token_price("ACME/any/name v2").output_usd_per_m == 2


def test_a_missing_price_is_named() -> None:
    with pytest.raises(
        CatalogError, match=r"no token price of 'openai/gpt-5-mni'.*did you mean 'openai/gpt-5-mini'"
    ):
        CATALOG.token_price("openai/gpt-5-mni")


def test_half_a_tier_is_refused(tmp_path: Path) -> None:
    (tmp_path / "token_prices.csv").write_text(
        HEADER.format("tier_start_input_tokens,") + "acme,a,1,2,200000,offer,2026-10-01,A\n"
    )
    with pytest.raises(FaultsError, match="a size tier needs"):
        load_catalog(tmp_path)
