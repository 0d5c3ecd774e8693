"""Per-token prices: they agree with the reference list, and with each other."""

import csv
import re
from pathlib import Path

import pytest

from simcost.billing.api.tokens import rates
from simcost.catalog import load_catalog
from simcost.errors import CatalogError, FaultsError

CATALOG = load_catalog()
PRICES = CATALOG.facts.token_prices
HEADER = "provider,model,input_usd_per_m,output_usd_per_m,{}source,as_of,quality\n"


def test_they_agree_with_the_reference_list(shared: Path) -> None:
    with (shared / "data/token_prices_2026-11.csv").open(newline="") as file:
        listed = list(csv.DictReader(file))
    assert len(listed) == len(PRICES) == 1285
    columns = {
        "input_usd_mtok": "input_usd_per_m",
        "output_usd_mtok": "output_usd_per_m",
        "cache_read_usd_mtok": "cache_read_usd_per_m",
        "context": "context_tokens",
    }
    prices = {(price.provider, price.model): price for price in PRICES}
    for row in listed:
        price = prices[row["provider"], row["model"]]
        for theirs, ours in columns.items():
            assert getattr(price, ours) == (float(row[theirs]) if row[theirs] else None), (row, ours)
        assert (price.as_of, price.deprecation_date) == (row["as_of"], row["deprecation_date"])
        if row["batch_input_usd_mtok"]:
            usd = rates(price, service="batch").usd_per_m[0]
            assert usd[0] == pytest.approx(float(row["batch_input_usd_mtok"]))
            assert usd[-1] == pytest.approx(float(row["batch_output_usd_mtok"]))


def test_a_model_with_a_date_in_its_name_costs_what_the_same_one_costs_without() -> None:
    prices = {(price.provider, price.model): price for price in PRICES}
    dated = {key: re.sub(r"-20\d{6}$", "", key[1]) for key in prices if key[0] == "anthropic"}
    alike = {key: (key[0], name) for key, name in dated.items() if name != key[1] and (key[0], name) in prices}
    assert len(alike) == 5
    for one, other in alike.items():
        assert rates(prices[one]).usd_per_m.tolist() == rates(prices[other]).usd_per_m.tolist(), one
        assert prices[one].cache_write_1h_usd_per_m == prices[other].cache_write_1h_usd_per_m, one


def test_reading_from_the_cache_saves_and_a_tier_costs_more() -> None:
    for price in PRICES:
        assert (price.cache_read_usd_per_m or 0) <= price.input_usd_per_m, price.name
        assert price.input_usd_per_m <= price.output_usd_per_m, price.name
        if price.cache_write_1h_usd_per_m is not None:
            assert price.cache_write_1h_usd_per_m == pytest.approx(2 * price.input_usd_per_m)
        if price.tier_input_usd_per_m is not None:
            assert price.tier_input_usd_per_m > price.input_usd_per_m, price.name
        assert price.batch_multiplier is None or 0.4 <= price.batch_multiplier <= 1, price.name


def test_a_batch_whose_input_and_output_fall_differently(tmp_path: Path) -> None:
    """0.09 / 0.29 by day, 0.05 / 0.15 in a batch: cached tokens fall as input does."""
    (tmp_path / "token_prices.csv").write_text(
        HEADER.format("cache_read_usd_per_m,batch_input_usd_per_m,batch_output_usd_per_m,")
        + "acme,a,0.09,0.29,0.018,0.05,0.15,offer,2026-10-01,A\n"
    )
    usd = rates(load_catalog(tmp_path).token_price("acme/a"), service="batch").usd_per_m[0]
    assert usd.tolist() == pytest.approx([0.05, 0.01, 0.05, 0.15])


def test_half_a_batch_price_is_refused(tmp_path: Path) -> None:
    (tmp_path / "token_prices.csv").write_text(
        HEADER.format("batch_input_usd_per_m,") + "acme,a,1,2,0.5,offer,2026-10-01,A\n"
    )
    with pytest.raises(FaultsError, match="batch_input_usd_per_m with batch_output_usd_per_m"):
        load_catalog(tmp_path)


def test_names_of_models_are_the_providers_own(tmp_path: Path) -> None:
    (tmp_path / "token_prices.csv").write_text(HEADER.format("") + "acme,Any/Name v2,1,2,offer,2026-10-01,A\n")
    assert load_catalog(tmp_path).token_price("ACME/any/name v2").output_usd_per_m == 2


def test_a_missing_price_is_named() -> None:
    with pytest.raises(CatalogError, match=r"no token price of 'openai/gpt-5-mni'.*did you mean 'openai/gpt-5-mini'"):
        CATALOG.token_price("openai/gpt-5-mni")


def test_half_a_tier_is_refused(tmp_path: Path) -> None:
    (tmp_path / "token_prices.csv").write_text(
        HEADER.format("tier_start_input_tokens,") + "acme,a,1,2,200000,offer,2026-10-01,A\n"
    )
    with pytest.raises(FaultsError, match="a size tier needs"):
        load_catalog(tmp_path)
