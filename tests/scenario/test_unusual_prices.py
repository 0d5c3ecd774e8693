"""Prices and facts in another unit: told or refused before anybody believes a bill that rests on them."""

from pathlib import Path

import pytest

from simcost.catalog import load_catalog
from simcost.catalog.usual_prices import unusual_token_price
from simcost.errors import FaultsError
from simcost.scenario.inputs.purchasing import price_usage
from simcost.scenario.runs.check import check

HEAD = "name,vendor,memory_bytes,memory_bytes_per_s,bf16_flops,fp8_flops,int8_flops,fp4_flops,power_w,link,"
DEVICE = {"memory_bytes": "80e9", "memory_bytes_per_s": "3350e9", "bf16_flops": "989e12", "power_w": "700"}


def scenario(folder: Path, buy: str) -> Path:
    file = folder / "priced.yaml"
    file.write_text(
        f"""\
scenario: priced
model: llama-3.1-8b
horizon: 10min
workload: {{kind: synthetic, rate: 2/s}}
slo: {{ttft: 1s}}
plans:
  - name: p
    replica: {{accelerator: h100}}
    buy: {{offer: aws/p5.48xlarge, {buy}}}
    scaling: {{kind: fixed, replicas: 1}}
""",
        encoding="utf-8",
    )
    return file


@pytest.mark.parametrize(
    ("buy", "told"),
    [
        ("region: us-east-1", False),
        ("price: $38/h", False),
        ("price: $27740/month", False),
        ("kind: spot, price: $12/h", False),
        ("price: $27740", True),
        ("price: $0.04/h", True),
        ("kind: spot, price: $2000/h", True),
        ("kind: managed-endpoint, premium: 25%", False),
        ("storage: $0.30/GB, egress: $0.12/GB", False),
    ],
)
def test_a_price_far_from_all_others_is_told(tmp_path: Path, buy: str, told: bool) -> None:
    document = check(scenario(tmp_path, buy))
    assert document["faults"] == []
    assert ["times the median" in note for note in document["notes"]] == ([True] if told else [])


ALWAYS = "kind: serverless, price: $5/h, always_on: 2, always_on_price: $4/h"
ENDPOINT = "kind: managed-endpoint, offer: aws/p5.48xlarge, premium: 25%"


@pytest.mark.parametrize(
    ("buy", "scaling", "told"),
    [
        (ALWAYS, "kind: kpa, target: 8", "min: 2"),
        (ALWAYS, "kind: kpa, target: 8, min: 2", ""),
        (
            "kind: serverless, price: $5/h, always_on: 2, always_on_price: $4/h",
            "kind: fixed, replicas: 1",
            "replicas: 2",
        ),
        ("kind: serverless, price: $5/h", "kind: kpa, target: 8", ""),
        (ENDPOINT, "kind: kpa, target: 8", "min: 1"),
        (
            "kind: managed-endpoint, offer: aws/p5.48xlarge, premium: 25%, scale_to_zero: true",
            "kind: kpa, target: 8",
            "",
        ),
    ],
)
def test_what_is_paid_all_the_time_and_stopped_by_the_scaling_is_told(
    tmp_path: Path, buy: str, scaling: str, told: str
) -> None:
    file = scenario(tmp_path, "")
    text = file.read_text(encoding="utf-8").replace("offer: aws/p5.48xlarge, ", buy)
    file.write_text(text.replace("kind: fixed, replicas: 1", scaling), encoding="utf-8")
    document = check(file)
    assert document["faults"] == []
    notes = [note for note in document["notes"] if "does without what is paid and running" in note]
    assert len(notes) == bool(told)
    assert all(f"write {told} or more" in note for note in notes)


def test_a_premium_that_a_price_has_in_it_is_told(tmp_path: Path) -> None:
    file = scenario(tmp_path, "")
    text = file.read_text(encoding="utf-8").replace("offer: aws/p5.48xlarge, ", f"{ENDPOINT}, price: $50/h")
    file.write_text(text, encoding="utf-8")
    assert ["`premium` is not used" in note for note in check(file)["notes"]] == [True]


@pytest.mark.parametrize(
    ("column", "value", "example"),
    [
        ("memory_bytes", "80", "80e9"),
        ("memory_bytes_per_s", "3350", "3350e9"),
        ("bf16_flops", "989", "989e12"),
        ("power_w", "0.7", "700"),
    ],
)
def test_a_device_in_gigabytes_or_teraflops_is_refused(tmp_path: Path, column: str, value: str, example: str) -> None:
    def write(cells: dict[str, str]) -> None:
        row = [cells.get(name, {"name": "mine", "vendor": "us"}.get(name, "")) for name in HEAD.split(",")[:-1]]
        text = f"{HEAD}source,as_of,quality\n{','.join(row)},me,2026-01,A\n"
        (tmp_path / "accelerators.csv").write_text(text, encoding="utf-8")

    write(DEVICE)
    assert load_catalog(tmp_path).accelerator("mine").memory_bytes == 80e9
    write(DEVICE | {column: value})
    with pytest.raises(FaultsError, match=rf"accelerators.csv:2.*{column} {value} is too small.*write it as {example}"):
        load_catalog(tmp_path)


@pytest.mark.parametrize(
    ("api", "told"),
    [
        ("together/meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo", "the provider ended"),
        ("openai/gpt-5-mini", "the provider ends gpt-5-mini on 2026-12-11."),
        ("groq/llama-3.1-8b-instant", ""),
    ],
)
def test_an_overflow_to_an_api_that_ends_is_told(tmp_path: Path, api: str, told: str) -> None:
    file = scenario(tmp_path, "region: us-east-1")
    more = f"    admission: {{max_ongoing: 8, max_queued: 0}}\n    overflow: {{api: {api}, ttft: 1s, tpot: 20ms}}\n"
    file.write_text(file.read_text() + more)
    said = check(file)
    assert said["faults"] == []
    assert any(told in note for note in said["notes"]) if told else not said["notes"]


@pytest.mark.parametrize(
    ("usd", "told"),
    [("0.0004", True), ("900", True), ("0.4", False)],
)
def test_tokens_priced_by_the_thousand_are_told(tmp_path: Path, usd: str, told: bool) -> None:
    facts = tmp_path / "facts"
    facts.mkdir()
    head = "provider,model,input_usd_per_m,output_usd_per_m,source,as_of,quality"
    (facts / "token_prices.csv").write_text(f"{head}\nneo,mine,{usd},{usd},quote,2026-10,A\n")
    file = scenario(tmp_path, "region: us-east-1")
    more = "    admission: {max_ongoing: 8, max_queued: 0}\n    overflow: {api: neo/mine, ttft: 1s, tpot: 20ms}\n"
    file.write_text(f"catalog: facts\n{file.read_text()}{more}")
    document = check(file)
    assert document["faults"] == []
    assert ["USD for a million tokens" in note for note in document["notes"]] == ([True] if told else [])


@pytest.mark.parametrize(
    ("valid", "buy", "told"),
    [
        (",2026-10-31", "", "ended on 2026-10-31: the list price is paid"),
        ("2027-03-01,", "", "begins on 2027-03-01, and is paid here already: a scenario has no calendar"),
        (",2027-06-30", "", "ends on 2027-06-30: a scenario has no calendar, and pays it to the end of the run"),
        (",2027-12-31", "", ""),
        (",2026-10-31", "price: $38/h", ""),
        (",2026-10-31", "kind: spot, price: $12/h", ""),
    ],
)
def test_a_contract_that_is_over_or_to_come_is_told(tmp_path: Path, valid: str, buy: str, told: str) -> None:
    facts = tmp_path / "facts"
    facts.mkdir()
    head = "provider,sku,discount,valid_from,valid_to,source,as_of,quality\n"
    (facts / "contracts.csv").write_text(f"{head}aws,p5.*,0.3,{valid},agreement,2025-01-01,A\n")
    file = scenario(tmp_path, buy or "region: us-east-1")
    file.write_text(f"catalog: facts\n{file.read_text()}")
    notes = check(file)["notes"]
    assert [told in note for note in notes] == ([True] if told else [])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, ""),
        ({"power": "0.006"}, "power (0.006 kW a node) is 0.75 W per accelerator: it is in kW"),
        ({"electricity": "12"}, "electricity at $12 per kWh: it is in USD, and 12 cents are 0.12"),
        ({"contracted": "5kW"}, "contracted (5 kW) is less than the average power (6 kW)"),
        ({"capex": "$3000000"}, "capex is $375,000 per accelerator: it is that of one node"),
        ({"g_per_kwh": "0.35"}, "g_per_kwh (0.35) is in grams: 0.35 kg are 350"),
    ],
)
def test_owned_nodes_in_other_units_are_told(tmp_path: Path, changes: dict[str, str], told: str) -> None:
    node = {"kind": "owned", "nodes": "2", "accelerators": "8", "capex": "$300000", "life_years": "4", "power": "6kW"}
    site = {"pue": "1.3", "electricity": "0.10", "colocation": "$200/kW", "contracted": "10.2kW", "g_per_kwh": "350"}
    file = scenario(tmp_path, "region: us-east-1")
    bought = ", ".join(f"{key}: {value}" for key, value in (node | site | changes).items())
    file.write_text(file.read_text().replace("offer: aws/p5.48xlarge, region: us-east-1", bought))
    document = check(file)
    assert document["faults"] == []
    assert [told in note for note in document["notes"]] == ([True] if told else [])


def test_a_grid_in_kilograms_is_refused(tmp_path: Path) -> None:
    head = "provider,region,g_per_kwh,source,as_of,quality\n"
    (tmp_path / "grid.csv").write_text(f"{head}ours,berlin,0.35,site,2026-01,A\n")
    with pytest.raises(FaultsError, match=r"grid.csv:2.*g_per_kwh 0.35 is in grams; 0.35 kg are written 350"):
        load_catalog(tmp_path)


@pytest.mark.parametrize(("day", "told"), [("2099-11", True), ("unknown", False), ("2026-11-20", False)])
def test_a_fact_of_a_day_to_come_is_told_with_its_table(tmp_path: Path, day: str, told: bool) -> None:
    """One slip in a year, and contracts are over and all prices old."""
    facts = tmp_path / "facts"
    facts.mkdir()
    (facts / "grid.csv").write_text(f"provider,region,g_per_kwh,source,as_of,quality\naws,us-east-1,200,own,{day},A\n")
    file = scenario(tmp_path, "region: us-east-1")
    file.write_text(f"catalog: facts\n{file.read_text()}")
    said = [note for note in check(file)["notes"] if "still to come" in note]
    assert ["correct the date in grid.csv" in note for note in said] == [True] * told


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        ("prices: {p5.48xlarge: $38/h}", ()),
        ("prices: {p5.48xlarge: $27740}", ("aws/p5.48xlarge at $3,468 per accelerator-hour is",)),
        ("prices: {p5.48xlarge: $38/h, mine: 2.5}", ("in `prices` of a purchasing plan it is that of one token",) * 2),
        ("catalog: facts", ("mine: input at $2.5e-06 is", "the newest fact of the catalog is of 2099-11")),
    ],
)
def test_unusual_prices_of_a_bill_are_told(tmp_path: Path, plan: str, told: tuple[str, ...]) -> None:
    """A bill of usage believed prices of which a scenario told: of a month, per token in place of a million."""
    facts = tmp_path / "facts"
    facts.mkdir()
    head = "provider,model,input_usd_per_m,output_usd_per_m,source,as_of,quality"
    (facts / "token_prices.csv").write_text(f"{head}\nneo,mine,0.0000025,0.00001,quote,2099-11,A\n")
    usage = "sku,provider,region,start,end,quantity,unit\n"
    if "27740" in plan or "38/h}" in plan:
        usage += "p5.48xlarge,aws,us-east-1,2026-08-01T00:00:00Z,2026-08-01T09:00:00Z,1,h\n"
    else:
        usage += "".join(
            f"mine,neo,,2026-08-01T00:00:00Z,2026-08-01T09:00:00Z,1000,{what}_tokens\n" for what in ("input", "output")
        )
    (tmp_path / "usage.csv").write_text(usage)
    (tmp_path / "plan.yaml").write_text(f"purchasing: p\n{plan}\n")
    [(document, _)] = price_usage(tmp_path / "usage.csv", [tmp_path / "plan.yaml"], {})
    said = [note for note in document["assumptions"] if "times the median" in note or "still to come" in note]
    assert [words in note for words, note in zip(told, said, strict=True)] == [True] * len(told)


@pytest.mark.parametrize(
    ("cells", "told"),
    [("25,0.5", "costs more than other input"), ("0.25,0.5", ""), ("0.25,50", r"batch_multiplier \(50\) is above 1")],
)
def test_cached_input_and_batches_that_cost_more_are_told(tmp_path: Path, cells: str, told: str) -> None:
    facts = tmp_path / "facts"
    facts.mkdir()
    head = "provider,model,input_usd_per_m,output_usd_per_m,cache_read_usd_per_m,batch_multiplier,source,as_of,quality"
    (facts / "token_prices.csv").write_text(f"{head}\nneo,mine,2.5,10,{cells},quote,2026-10,A\n")
    if "50" in cells:
        with pytest.raises(FaultsError, match=told):
            load_catalog(facts)
        return
    said = unusual_token_price(load_catalog(facts).token_price("neo/mine"))
    assert told in said
    assert bool(told) == bool(said)


@pytest.mark.parametrize(("buy", "told"), [("storage: $80", "storage at $80"), ("egress: $90/GB", "egress at $90")])
def test_a_price_of_a_terabyte_is_told(tmp_path: Path, buy: str, told: str) -> None:
    said = [note for note in check(scenario(tmp_path, buy))["notes"] if "not a terabyte" in note]
    assert [note.startswith(f"{told} per GB") for note in said] == [True]
    usage = "sku,provider,region,start,end,quantity\n" + "".join(
        f"{item},aws,us-east-1,2026-08-01T00:00:00Z,2026-08-02T00:00:00Z,1000\n" for item in ("storage", "egress")
    )
    (tmp_path / "usage.csv").write_text(usage)
    (tmp_path / "plan.yaml").write_text(f"purchasing: p\n{buy}\n")
    [(document, _)] = price_usage(tmp_path / "usage.csv", [tmp_path / "plan.yaml"], {})
    assert sum(f"aws/{told} per GB" in note for note in document["assumptions"]) == 1
