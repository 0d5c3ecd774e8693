"""Integrity of the facts that ship: every row has a source, and the numbers agree with each other."""

from dataclasses import fields

import pytest

from simcost.catalog import Model, load_catalog, parts_of
from simcost.perf.kv_cache import kv_bytes_per_token
from simcost.perf.model_shape import counted_parameters

CATALOG = load_catalog()
FACTS = CATALOG.facts
USERS = {"contracts", "currencies"}  # nobody's but the user's
TABLES = [field.name for field in fields(FACTS) if field.name not in USERS]


@pytest.mark.parametrize("table", TABLES)
def test_every_fact_has_a_source_a_date_and_a_quality(table: str) -> None:
    rows = getattr(FACTS, table)
    assert rows
    assert all(row.source and row.as_of and row.quality in "ABC" for row in rows)


@pytest.mark.parametrize("model", FACTS.models, ids=lambda model: model.name)
def test_stated_parameters_follow_from_the_shape(model: Model) -> None:
    assert counted_parameters(model) == pytest.approx(model.parameters, rel=0.001)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("llama-3.1-8b", 131_072),
        ("llama-3.1-70b", 327_680),
        ("qwen3-32b", 262_144),
        ("qwen3-30b-a3b", 98_304),
        ("qwen3-235b-a22b", 192_512),
        ("mixtral-8x7b", 131_072),
        ("deepseek-v3", 70_272),
    ],
)
def test_kv_cache_per_token_equals_the_published_figure(name: str, expected: int) -> None:
    assert kv_bytes_per_token(CATALOG.model(name), 1, "bf16") == expected


def test_machines_have_the_accelerators_of_the_offers() -> None:
    machines = {(m.provider, m.sku.lower()): m for m in FACTS.machines}
    offers = [o for o in FACTS.offers if (o.provider, o.sku.lower()) in machines]
    assert len(offers) >= 10
    for offer in offers:
        machine = machines[offer.provider, offer.sku.lower()]
        assert (machine.accelerator, machine.accelerators) == (offer.accelerator, offer.accelerators)
        assert (offer.vcpus, offer.memory_bytes) == (machine.vcpus, machine.memory_bytes)


def test_the_providers_people_ask_for_have_offers_and_billing_rules() -> None:
    providers = {offer.provider for offer in FACTS.offers}
    assert {"aws", "gcp", "azure", "lambda", "runpod", "nebius"} <= providers
    for provider in providers:
        assert CATALOG.billing_rule(provider).granularity_s >= 1


def test_no_accelerator_is_given_its_sparse_peak() -> None:
    for row in FACTS.accelerators:
        if row.fp8_flops is not None:
            assert row.fp8_flops <= 2.05 * row.bf16_flops, row.name
    assert CATALOG.accelerator("l40s").fp8_flops == pytest.approx(733e12)
    assert CATALOG.accelerator("mi300x").bf16_flops == pytest.approx(1307.4e12)


def test_prices_lie_in_a_plausible_range() -> None:
    for offer in FACTS.offers:
        low, high = (0.1, 40) if offer.accelerators else (0.01, 0.2)  # of an accelerator, of a vCPU
        assert low < offer.on_demand_usd_per_h / parts_of(offer) < high, offer.name


def test_traps_of_public_price_lists_are_left_out() -> None:
    skus = " ".join(offer.sku for offer in FACTS.offers)
    for trap in ("accelerator only", "Capacity Block", "L4/A5000/3090"):
        assert trap not in skus
    assert all(offer.source and "opencost" not in offer.source for offer in FACTS.offers)


def test_every_cell_of_factors_lies_in_wider_ones() -> None:
    cells = {(f.model_class, f.engine, f.accelerator, f.precision, f.model, f.tp) for f in FACTS.step_factors}
    for factor in FACTS.step_factors:
        of, on = (factor.model_class, factor.engine), (factor.accelerator, factor.precision)
        wider = [
            (*of, "", None, "", 0),
            (*of, "", None, factor.model, 0),
            (*of, *on, "", 0),
            (*of, *on, factor.model, 0),
        ]
        assert set(wider) <= cells
        assert 0.4 < factor.factor < 2.5
        assert 0.02 < factor.sigma < 1.2


def test_coefficients_are_shares_of_the_peaks_and_short_times() -> None:
    for fit in FACTS.hardware_fits:
        shares = (fit.gemm_efficiency, fit.weight_efficiency, fit.attention_efficiency, fit.allreduce_efficiency)
        assert all(0.05 < share <= 1 for share in shares), fit
        assert fit.layer_s < 2e-4
        assert fit.step_s < 5e-3
