"""Prices per token of genai-prices: the shapes its data takes, and what of them cannot be kept."""

import json
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from support.price_lists import CATALOG, found, imported

from simcost.catalog import load_catalog
from simcost.catalog.facts import TokenPrice
from simcost.catalog.prices.importer import Imported, import_prices
from simcost.errors import FaultsError, InputError

SONNET = {
    "id": "claude-sonnet-4-5",
    "context_window": 1_000_000,
    "prices": {
        "input_mtok": {"base": 3, "tiers": [{"start": 200000, "price": 6}]},
        "output_mtok": {"base": 15, "tiers": [{"start": 200000, "price": 22.5}]},
        "cache_read_mtok": {"base": 0.3, "tiers": [{"start": 200000, "price": 0.6}]},
        "cache_write_mtok": 3.75,
    },
}


def data(*models: Any, provider: str = "anthropic") -> str:
    return json.dumps([{"id": provider, "name": "X", "api_pattern": "x", "models": list(models)}])


def tokens(result: Imported) -> dict[str, TokenPrice]:
    return {row.name: row for row in result.rows["token_prices"] if isinstance(row, TokenPrice)}


def model(name: str = "m", **prices: Any) -> dict[str, Any]:
    return {"id": name, "prices": {"input_mtok": 1, "output_mtok": 2, **prices}}


def test_base_cache_and_tier_prices(tmp_path: Path) -> None:
    price = tokens(imported(tmp_path, data(SONNET), "genai-prices", as_of="2026-10-07"))["anthropic/claude-sonnet-4-5"]
    assert (price.input_usd_per_m, price.output_usd_per_m) == (3, 15)
    assert (price.cache_read_usd_per_m, price.cache_write_usd_per_m, price.cache_write_1h_usd_per_m) == (
        0.3,
        3.75,
        None,
    )
    assert (price.tier_start_input_tokens, price.tier_input_usd_per_m, price.tier_output_usd_per_m) == (
        200000,
        6,
        22.5,
    )
    assert (price.context_tokens, price.as_of, price.quality) == (1_000_000, "2026-10-07", "B")


def test_what_the_list_does_not_say_of_batches_our_catalog_may(tmp_path: Path) -> None:
    prices = tokens(imported(tmp_path, data(SONNET, model()), "genai-prices", as_of="2026-10-07"))
    ours = CATALOG.token_price("anthropic/claude-sonnet-4-5")
    assert prices["anthropic/claude-sonnet-4-5"].batch_multiplier == ours.batch_multiplier == 0.5
    assert prices["anthropic/m"].batch_multiplier is None


@pytest.mark.parametrize(
    ("batch", "multiplier", "caches"),
    [
        ({"input_mtok": 0.5, "output_mtok": 1, "cache_read_mtok": 0.05}, 0.5, True),
        ({"input_mtok": 0.5, "output_mtok": 1, "cache_read_mtok": 0.1}, 0.5, False),
        ({"input_mtok": 0.5, "output_mtok": 1.5}, None, True),
    ],
)
def test_batch_prices_become_a_factor_where_there_is_one(
    tmp_path: Path, batch: dict[str, float], multiplier: float | None, caches: bool
) -> None:
    entry = {
        **model(cache_read_mtok=0.1),
        "price_variants": [{"when": {"processing": "batch"}, "prices": batch}],
    }
    price = tokens(imported(tmp_path, data(entry), "genai-prices"))["anthropic/m"]
    assert (price.batch_multiplier, price.batch_caches) == (multiplier, caches)


@pytest.mark.parametrize(("day", "usd"), [("2026-08-31", 2), ("2026-09-01", 3), ("2020-01-01", 2), ("", 3)])
def test_of_dated_prices_that_of_the_day_is_taken_and_it_is_said(tmp_path: Path, day: str, usd: float) -> None:
    rules = [
        {"prices": {"input_mtok": 2, "output_mtok": 10}},
        {"constraint": {"start_date": "2026-09-01"}, "prices": {"input_mtok": 3, "output_mtok": 15}},
    ]
    result = imported(tmp_path, data({"id": "m", "prices": rules}), "genai-prices", as_of=day)
    assert tokens(result)["anthropic/m"].input_usd_per_m == usd
    assert found(result)["several-rules"] == 1


def test_of_hours_of_the_day_the_dearer_price_is_taken(tmp_path: Path) -> None:
    night = {"start_time": "16:30:00Z", "end_time": "00:30:00Z"}
    rules = [
        {"prices": {"input_mtok": 0.27, "output_mtok": 1.1}},
        {"constraint": night, "prices": {"input_mtok": 0.135, "output_mtok": 0.55}},
    ]
    price = tokens(imported(tmp_path, data({"id": "m", "prices": rules}), "genai-prices"))["anthropic/m"]
    assert (price.input_usd_per_m, price.notes) == (
        0.27,
        "the hours of the day differ: the more expensive price",
    )


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        (model(input_mtok=0), "zero-price"),
        (model(input_mtok=None), "no-price"),
        (model(output_mtok=-1), "negative-price"),
        (model(output_mtok="NaN"), "no-price"),
        ({"id": "m", "prices": {"input_mtok": 1}}, "no-price"),
        ({"id": "m", "prices": []}, "unreadable"),
        ({"prices": {}}, "unreadable"),
        ("m", "unreadable"),
        (
            model(input_mtok={"base": 1, "tiers": [{"start": 1, "price": 1}, {"start": 2, "price": 2}]}),
            "unreadable",
        ),
    ],
)
def test_models_that_stay_out_are_counted_and_located(tmp_path: Path, entry: Any, kind: str) -> None:
    result = imported(tmp_path, data(SONNET, entry), "genai-prices", as_of="2026-10-07")
    assert found(result) == {kind: 1}
    assert result.findings.document()[0]["places"][0]["place"] == "$[0].models[1]"


def test_other_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FaultsError, match="not the data of genai-prices"):
        imported(tmp_path, '{"Items": []}', "genai-prices")


def test_the_installed_package_is_read_without_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("genai_prices.data")
    dated = SimpleNamespace(start_date=date(2026, 3, 1))
    prices = SimpleNamespace(input_mtok=Decimal("1.25"), output_mtok=Decimal(10), _private=1)
    rule = SimpleNamespace(constraint=dated, prices=prices)
    entry = SimpleNamespace(id="gpt", prices=[rule], price_variants=None, context_window=400000)
    module.providers = [SimpleNamespace(id="openai", models=[entry])]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "genai_prices", ModuleType("genai_prices"))
    monkeypatch.setitem(sys.modules, "genai_prices.data", module)
    price = tokens(import_prices(None, "genai-prices", CATALOG, as_of="2026-10-07"))["openai/gpt"]
    assert (price.input_usd_per_m, price.output_usd_per_m, price.context_tokens) == (1.25, 10, 400000)


def test_a_package_that_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "genai_prices.data", None)
    with pytest.raises(InputError, match="not installed; install it, or give the path"):
        import_prices(None, "genai-prices", CATALOG)
    with pytest.raises(InputError, match="give the FILE"):
        import_prices(None, "aws", CATALOG)


def test_of_two_prices_of_a_model_the_higher_is_kept(tmp_path: Path) -> None:
    """Both were written, and the folder could not be read any more."""
    twice = data(model(input_mtok=7), model("M"), model("other"), model("other"))
    result = imported(tmp_path, twice, "genai-prices", as_of="2026-10-07")
    assert {name: price.input_usd_per_m for name, price in tokens(result).items()} == {
        "anthropic/m": 7,
        "anthropic/other": 1,
    }
    assert found(result) == {"several-prices": 1}
    folder = tmp_path / "facts"
    folder.mkdir()
    for name, text in result.files(folder).items():
        (folder / name).write_text(text, encoding="utf-8")
    assert load_catalog(folder).token_price("anthropic/m").input_usd_per_m == 7


@pytest.mark.parametrize(
    ("prices", "told"),
    [
        ({"input_mtok": 2.5e-6, "output_mtok": 1e-5}, True),
        ({"input_mtok": 2.5, "cache_read_mtok": 25}, True),
        ({"input_mtok": 2.5, "cache_read_mtok": 0.25}, False),
    ],
)
def test_prices_of_tokens_far_from_others_are_told(tmp_path: Path, prices: dict[str, float], told: bool) -> None:
    result = imported(tmp_path, data(model(**prices)), "genai-prices", as_of="2026-10-07")
    assert found(result) == ({"far-from-catalog": 1} if told else {})
