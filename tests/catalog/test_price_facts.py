"""Laws of the prices that ship: each dated, sourced, once, and ordered as ways of buying are."""

import re
import subprocess
import sys
from dataclasses import fields
from itertools import chain

import pytest

from simcost.catalog import Offer, load_catalog
from simcost.catalog.aliases import WITHOUT_DATASHEET
from simcost.catalog.dates import is_stale
from simcost.catalog.facts import Provenance

CATALOG = load_catalog()
FACTS = CATALOG.facts
OFFERS = {(o.provider, o.sku, o.region): o for o in FACTS.offers}


def test_every_fact_has_a_date() -> None:
    rows: list[Provenance] = list(chain.from_iterable(getattr(FACTS, table.name) for table in fields(FACTS)))
    assert len(rows) > 2000
    for row in rows:
        assert re.fullmatch(r"20\d\d(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?", row.as_of), row
        assert row.source.strip()


def test_every_price_of_spot_has_its_own_date_where_it_is_not_that_of_the_row() -> None:
    spot = [offer for offer in FACTS.offers if offer.spot_usd_per_h is not None]
    assert len(spot) > 200
    assert all(offer.spot_basis.as_of and offer.spot_basis.source for offer in spot)
    h100 = CATALOG.offer("azure/Standard_ND96isr_H100_v5", "eastus")
    assert (h100.as_of, h100.spot_basis.as_of) == ("2026-11-09", "2026-09-06")


def test_spot_and_commitments_cost_no_more_than_on_demand_and_long_ones_less() -> None:
    for offer in FACTS.offers:
        assert (offer.spot_usd_per_h or 0.0) <= offer.on_demand_usd_per_h, offer
    years: dict[tuple[str, str, str], dict[float, float]] = {}
    for rate in FACTS.commitment_rates:
        offer = OFFERS.get((rate.provider, rate.sku, rate.region))
        if rate.usd_per_h is None or offer is None:
            continue
        assert rate.usd_per_h < offer.on_demand_usd_per_h, rate
        if rate.term_years:
            years.setdefault((rate.provider, rate.sku, rate.region), {})[rate.term_years] = rate.usd_per_h
    assert len(years) > 100
    for terms in years.values():
        assert terms[3] <= terms[1]


def test_no_thing_has_two_prices_so_the_newest_is_the_only_one() -> None:
    names = [(o.provider, o.sku.lower(), o.region) for o in FACTS.offers]
    assert len(set(names)) == len(names)
    sold_everywhere = {(p, sku) for p, sku, region in names if region == "any"}
    assert all(region == "any" or (p, sku) not in sold_everywhere for p, sku, region in names)


def test_prices_that_rose_are_those_of_the_newest_list() -> None:
    """Nebius and RunPod: of two or three dated prices of one thing the last."""
    assert CATALOG.offer("nebius/gpu-h100-sxm_1gpu-16vcpu-200gb").on_demand_usd_per_h == 4.50
    assert CATALOG.offer("runpod/pod-h100-sxm").on_demand_usd_per_h == 3.99
    assert CATALOG.offer("runpod/pod-h200-sxm").as_of == "2026-10-07"


def test_old_prices_are_known_as_such() -> None:
    old = {(o.provider, o.accelerator) for o in FACTS.offers if is_stale(o.as_of, CATALOG.as_of)}
    assert old == {("gcp", "tpu-v5e"), ("gcp", "tpu-v5p"), ("gcp", "tpu-v6e")}


def test_every_provider_and_unit_is_known() -> None:
    for offer in FACTS.offers:
        assert CATALOG.billing_rule(offer.provider)
    for tier in FACTS.tier_prices:
        assert (tier.unit == "GB-month") == (tier.item == "storage"), tier
    assert {rate.instrument for rate in FACTS.commitment_rates} >= {"capacity-block", "resource-cud"}


def test_offers_without_a_datasheet_have_accelerators_of_that_list() -> None:
    named = {row.name for row in FACTS.accelerators}
    used = {offer.accelerator for offer in FACTS.offers if offer.accelerator}
    assert used - named == set(WITHOUT_DATASHEET)
    assert not named & WITHOUT_DATASHEET


def test_tiers_of_each_region_are_cumulative_and_fall() -> None:
    ladders: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for tier in FACTS.tier_prices:
        ladders.setdefault((tier.provider, tier.item, tier.region), []).append((tier.from_gb, tier.price_usd))
    for key, ladder in ladders.items():
        assert ladder == sorted(ladder), key
        assert ladder[0][0] == 0, key
        paid = [usd for _, usd in ladder if usd]
        assert paid == sorted(paid, reverse=True), key
    for provider in ("aws", "azure", "gcp"):
        assert len(CATALOG.tier_prices(provider, "egress")) >= 3
        assert CATALOG.tier_prices(provider, "storage")


def test_a_region_has_its_own_tiers_or_those_of_any() -> None:
    assert CATALOG.tier_prices("gcp", "egress", "europe-west4")[-1].price_usd == pytest.approx(0.085 / 1.073741824)
    assert CATALOG.tier_prices("gcp", "egress", "us-east1") == CATALOG.tier_prices("gcp", "egress")
    assert CATALOG.tier_prices("gcp", "egress")[-1].price_usd == pytest.approx(0.08 / 1.073741824)


def test_offers_for_an_accelerator_never_hold_an_older_price_of_the_same_thing() -> None:
    for accelerator in FACTS.accelerators:
        found = CATALOG.offers_for(accelerator.name)
        newest: dict[tuple[str, str, str], Offer] = {}
        for offer in found:
            key = (offer.provider, offer.sku, offer.region)
            assert key not in newest
            newest[key] = offer


def test_long_tables_are_read_only_when_they_are_asked_for() -> None:
    code = (
        "from simcost.catalog import load_catalog\n"
        "facts = load_catalog().facts\n"
        "assert '_facts' not in vars(facts.token_prices) and '_facts' not in vars(facts.commitment_rates)\n"
        "load_catalog().as_of\n"
        "assert '_facts' not in vars(facts.token_prices)\n"
        "assert len(facts.token_prices) > 1000 and '_facts' in vars(facts.token_prices)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_user_who_has_the_datasheet_adds_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("own")
    (folder / "accelerators.csv").write_text(
        "name,vendor,memory_bytes,memory_bytes_per_s,bf16_flops,source,as_of,quality\n"
        "l40,NVIDIA,48e9,864e9,181e12,sheet,2026-11-01,B\n"
    )
    assert load_catalog(folder).offers_for("l40")[0].accelerator == "l40"
