"""The prices that a bill rests on are listed with their dates, and old ones are called so."""

from pathlib import Path

import pytest

from simcost.billing.bill import Charge, Place, UnitPrice, volume_charge
from simcost.billing.commitment import CapacityBlock
from simcost.billing.price_list import offer_prices, other_prices, price_list, price_sentences, token_prices
from simcost.billing.storage_transfer import month_usd
from simcost.catalog import load_catalog
from simcost.errors import FaultsError, InputError
from simcost.scenario.inputs.purchasing import load_purchasing, price_usage

CATALOG = load_catalog()
HEADER = "start,end,sku,region,quantity,unit,pricing\n"
DAY = "2026-11-01T00:00:00Z,2026-11-02T00:00:00Z"


def priced(folder: Path, rows: str, plan: str) -> dict[str, object]:
    (folder / "usage.csv").write_text(HEADER + rows)
    (folder / "plan.yaml").write_text(f"purchasing: plan\nprovider: aws\n{plan}")
    [(document, _)] = price_usage(folder / "usage.csv", [folder / "plan.yaml"], {}, None)
    return document


def test_a_bill_lists_each_price_with_date_and_source(tmp_path: Path) -> None:
    rows = f"{DAY},p5.48xlarge,us-east-1,1,h,\n{DAY},p5en.48xlarge,us-east-2,1,h,spot\n{DAY},egress,us-east-1,300,GB,\n"
    document = priced(tmp_path, rows, "")
    listed = {(row["sku"], row["pricing"]): row for row in document["prices"]}
    offer = CATALOG.offer("aws/p5.48xlarge")
    found = listed["p5.48xlarge", "list"]
    assert (found["usd"], found["as_of"], found["source"]) == (55.04, offer.as_of, offer.source)
    spot = CATALOG.offer("aws/p5en.48xlarge", "us-east-2")
    assert listed["p5en.48xlarge", "spot"]["usd"] == pytest.approx(spot.spot_usd_per_h)
    assert listed["p5en.48xlarge", "spot"]["as_of"] == spot.spot_basis.as_of
    tiers = CATALOG.tier_prices("aws", "egress")
    assert listed["egress", "list"]["usd"] == pytest.approx(month_usd(300, tiers) / 300)
    said = " ".join(document["assumptions"])
    assert all(row["as_of"] in said and row["source"] in said for row in document["prices"])


def test_a_price_of_the_users_own_has_no_date(tmp_path: Path) -> None:
    document = priced(tmp_path, f"{DAY},p5.48xlarge,us-east-1,1,h,\n", "prices: {p5.48xlarge: $38/h}\n")
    [row] = document["prices"]
    assert (row["as_of"], row["source"], row["quality"]) == ("", "", "given")
    assert document["assumptions"] == ["aws/p5.48xlarge in us-east-1: $38 per hour, as given, not of the catalog."]


def test_old_prices_are_named(tmp_path: Path) -> None:
    rows = offer_prices(CATALOG.offer("gcp/v5litepod-8", "us-central1"), spot=True)
    assert [row["as_of"] for row in rows] == ["2024-12-23"] * 2
    first, second, last = price_sentences(rows, CATALOG.as_of)
    assert "$9.6 per hour, old price of 2024-12-23" in first
    assert "on spot" in second
    assert "more than a year older than the newest of the catalog (2026-11-20): gcp/v5litepod-8" in last
    assert list(price_sentences(offer_prices(CATALOG.offer("aws/p5.48xlarge")), CATALOG.as_of))[1:] == []


def test_unused_commitments_and_purchases_are_no_prices() -> None:
    place = Place(provider="p", region="any", start_s=0.0, end_s=3600.0)
    price = UnitPrice(list_usd=2.0, paid_usd=2.0, as_of="2026-11-01", quality="A", source="list")
    charge: Charge = volume_charge(place, "transfer", "egress", 3.0, "GB", price)
    assert len(price_list([charge, charge])) == 1


def test_both_prices_of_a_model_are_listed() -> None:
    price = CATALOG.token_price("openai/gpt-5-mini")
    rows = token_prices(price)
    assert [(row["unit"], row["usd"]) for row in rows] == [
        ("1M input tokens", price.input_usd_per_m),
        ("1M output tokens", price.output_usd_per_m),
    ]
    assert {row["as_of"] for row in rows} == {price.as_of}


def test_a_capacity_block_takes_the_price_of_its_region_and_says_its_date(tmp_path: Path) -> None:
    """2 days x 24 h x 41.528 USD/h, paid at once (AWS Capacity Blocks, us-east-1)."""
    block = "{kind: capacity-block, sku: p5.48xlarge, region: us-east-1, count: 1, days: 2}"
    document = priced(tmp_path, f"{DAY},p5.48xlarge,us-east-1,1,h,\n", f"commitments: [{block}]\n")
    [bought] = document["commitments"]
    assert bought["billed_usd"] == pytest.approx(2 * 24 * 41.528)
    assert "41.528 USD/h" in document["assumptions"][0]
    assert "2026-07-22" in document["assumptions"][0]


def test_a_capacity_block_that_nobody_prices_is_an_error(tmp_path: Path) -> None:
    block = "{kind: capacity-block, sku: g6.xlarge, region: us-east-1, count: 1, days: 2}"
    with pytest.raises(InputError, match=r"plan\.yaml: the catalog has no capacity-block rate of aws/g6"):
        priced(tmp_path, f"{DAY},g6.xlarge,us-east-1,1,h,\n", f"commitments: [{block}]\n")
    assert CapacityBlock(sku="g6.xlarge", count=1, days=2).price is None


@pytest.mark.parametrize(("years", "usd_per_h"), [(1, 18.513656), (3, 10.285667)])
def test_a_gcp_commitment_takes_the_rate_of_its_machine_type(tmp_path: Path, years: int, usd_per_h: float) -> None:
    """Effective hours of a2-highgpu-8g in us-central1 (Cloud Billing API, 2026-07-30)."""
    cud = f"{{kind: resource-cud, sku: a2-highgpu-8g, region: us-central1, count: 1, years: {years}}}"
    (tmp_path / "usage.csv").write_text(HEADER + f"{DAY},a2-highgpu-8g,us-central1,1,h,\n")
    (tmp_path / "plan.yaml").write_text(f"purchasing: plan\nprovider: gcp\ncommitments: [{cud}]\n")
    [(document, _)] = price_usage(tmp_path / "usage.csv", [tmp_path / "plan.yaml"], {}, None)
    assert document["effective_usd"] == pytest.approx(24 * usd_per_h)
    assert f"{usd_per_h:g} USD/h" in document["assumptions"][0]
    assert "2026-07-30, quality A" in document["assumptions"][0]


@pytest.mark.parametrize(
    ("provider", "gb", "usd"),
    [
        ("aws", 60_000, 10_140 * 0.09 + 40_960 * 0.085 + 8_800 * 0.07),
        ("azure", 60_000, 9_900 * 0.087 + 40_000 * 0.083 + 10_000 * 0.07),
        ("gcp", 12_000 * 1.073741824, 1_024 * 0.12 + 9_216 * 0.11 + 1_760 * 0.08),
        ("oci", 12_000, 2_000 * 0.0085),
    ],
)
def test_egress_is_paid_by_the_tiers_of_each_cloud(provider: str, gb: float, usd: float) -> None:
    assert month_usd(gb, CATALOG.tier_prices(provider, "egress")) == pytest.approx(usd, rel=1e-7)


@pytest.mark.parametrize("since", ["2026-01-10", "10.01.2026", "2026-01"])
def test_a_date_in_place_of_a_time_from_the_start_is_called_one(tmp_path: Path, since: str) -> None:
    """`-01-10` was called an unknown unit."""
    plan = tmp_path / "plan.yaml"
    block = f"{{kind: capacity-block, sku: p5.48xlarge, count: 1, days: 7, since: {since}}}"
    plan.write_text(f"purchasing: a\ncommitments: [{block}]\n", encoding="utf-8")
    with pytest.raises(FaultsError, match=f"'{since}' is a date; write the time from the start of the usage"):
        load_purchasing(plan)


@pytest.mark.parametrize("price", ["$80/TB", "$0.08/GB-month", "$0.08/GB/month", "$80/TB-month"])
def test_prices_of_volumes_as_quotes_write_them(tmp_path: Path, price: str) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(f"purchasing: a\nstorage: {price}\n", encoding="utf-8")
    assert load_purchasing(plan)[0].storage == pytest.approx(0.08)


@pytest.mark.parametrize("key", ["egress", "inter_zone"])
def test_traffic_has_no_price_per_month(tmp_path: Path, key: str) -> None:
    """A price per GB and month is one of storage, and was taken for that of a GB that is sent."""
    plan = tmp_path / "plan.yaml"
    plan.write_text(f"purchasing: a\n{key}: $0.09/GB-month\n", encoding="utf-8")
    with pytest.raises(FaultsError, match=rf"{key}: .* unknown unit '/GB-month'; known here: /GB, .* e.g. \$0.09/GB"):
        load_purchasing(plan)


def _row(sku: str, usd: float, quality: str = "A", **of: str) -> dict[str, object]:
    unit = {"storage": "GB-month", "egress": "GB"}.get(sku, "h")
    at = {"provider": "aws", "sku": sku, "region": "us-east-1", "unit": unit, "pricing": "list", "source": "list"}
    return {**at, "usd": usd, "as_of": "", "quality": quality, **of}


def test_prices_that_a_run_paid_and_its_bill_does_not_are_told() -> None:
    """A run at a price of its own was billed at that of the catalog, without a word."""
    run = [_row("p5.4xlarge", 3.0, "given"), _row("egress", 0.5, "given"), _row("storage", 0.08)]
    listed = [_row("p5.4xlarge", 6.88), _row("egress", 0.088), _row("storage", 0.08)]
    [said] = other_prices(run, listed, "on demand")
    assert "aws/p5.4xlarge in us-east-1 $3 per hour ($6.88 there), aws/egress in us-east-1 $0.5 per GB ($0.088" in said
    assert said.startswith("The run paid other prices than under 'on demand': ")
    assert said.endswith("give them as `prices` and `egress` of the purchasing plan.")
    paid = [_row("p5.4xlarge", usd, "given", pricing="spot") for usd in (2.0, 2.2, 2.1)]
    [spot] = other_prices(paid, [_row("p5.4xlarge", 1.5, pricing="spot")], "p")
    assert "aws/p5.4xlarge in us-east-1 on spot $2 to $2.2 per hour ($1.5 there);" in spot
    assert spot.endswith("give them as `spot` of the purchasing plan.")


def test_prices_that_a_purchasing_plan_states_and_means_over_tiers_are_not_told() -> None:
    run = [_row("p5.4xlarge", 3.0, "given"), _row("egress", 0.0883), _row("g6.xlarge", 0.8, "given")]
    billed = [_row("p5.4xlarge", 2.5, "given"), _row("egress", 0.0884)]
    assert list(other_prices(run, billed, "p")) == []
    assert list(other_prices([], billed, "p")) == []
