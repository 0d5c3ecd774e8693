"""Tokens of usage files: whole prompts or uncached input, as the provider counts them or as the file declares."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simcost.billing.account import bill_usage
from simcost.billing.bill import Bill
from simcost.billing.focus.export import Stamp, focus_table
from simcost.billing.purchasing import Purchasing
from simcost.catalog import load_catalog
from simcost.errors import FaultsError
from simcost.scenario.inputs.purchasing import price_usage
from simcost.trace.usage.reader import read_usage

CATALOG = load_catalog()
OPENAI, ANTHROPIC = "openai/gpt-5-mini", "anthropic/claude-haiku-4-5"
DAY = "2026-04-01T00:00:00Z"


def billed(folder: Path, text: str, **plan: Any) -> Bill:
    path = folder / "usage.csv"
    path.write_text(text)
    return bill_usage(read_usage(path), Purchasing(**plan), CATALOG)


def usd(model: str, uncached: float, read: float, write: float, output: float) -> float:
    """By hand: each token once, at its price."""
    price = CATALOG.token_price(model)
    of_reads, of_writes = price.cache_read_usd_per_m, price.cache_write_usd_per_m
    each = (price.input_usd_per_m, of_reads, price.input_usd_per_m if of_writes is None else of_writes)
    return (uncached * each[0] + read * each[1] + write * each[2] + output * price.output_usd_per_m) / 1e6


def rows(model: str, **tokens: int) -> str:
    lines = [f"{model},{DAY},{count},{unit}" for unit, count in tokens.items()]
    return "\n".join(["sku,start,quantity,unit", *lines])


@pytest.mark.parametrize("unit", ["input_tokens", "prompt_tokens", "total_input_tokens", "promptTokenCount"])
def test_prompts_of_openai_hold_their_cached_tokens(tmp_path: Path, unit: str) -> None:
    """The worked example: 2,746 in, 2,208 of them cached, 197 out cost $0.0005837."""
    found = billed(tmp_path, rows(OPENAI, **{unit: 2746}, cached_tokens=2208, output_tokens=197))
    assert found.total_usd == pytest.approx(0.0005837, rel=1e-9)
    assert found.total_usd == pytest.approx(usd(OPENAI, 538, 2208, 0, 197))
    assert any("2,208 cached tokens were taken off the 2,746 input tokens" in note for note in found.notes)


def test_columns_of_tokens_one_beside_the_other(tmp_path: Path) -> None:
    text = f"model,start,team,prompt_tokens,cached_tokens,completion_tokens\n{OPENAI},{DAY},a,2746,2208,197\n"
    found = billed(tmp_path, text + f"{OPENAI},{DAY},b,1000,0,10\n")
    assert found.total_usd == pytest.approx(0.0005837 + usd(OPENAI, 1000, 0, 0, 10))
    with pytest.raises(FaultsError, match=r"usage\.csv:3: .*'x' is not a number"):
        billed(tmp_path, text + f"{OPENAI},{DAY},b,x,0,10\n")


def test_input_of_anthropic_leaves_cached_tokens_out(tmp_path: Path) -> None:
    cached = {"cache_read_input_tokens": 6000, "cache_creation_input_tokens": 2000}
    own = billed(tmp_path, rows(ANTHROPIC, input_tokens=2000, **cached, output_tokens=500))
    assert own.total_usd == pytest.approx(usd(ANTHROPIC, 2000, 6000, 2000, 500))
    assert not own.notes
    whole = billed(tmp_path, rows(ANTHROPIC, prompt_tokens=10_000, **cached, output_tokens=500))
    assert whole.total_usd == pytest.approx(own.total_usd)


REPORT = (
    "starting_at,ending_at,model,uncached_input_tokens,cache_read_input_tokens,cache_creation.ephemeral_5m_input_tokens,"
    "cache_creation.ephemeral_1h_input_tokens,cache_creation_input_tokens,output_tokens,service_tier"
)


@pytest.mark.parametrize("without", [(), (7,), (6,), (5,), (5, 6)])
def test_export_of_anthropic_by_how_long_caches_are_kept(tmp_path: Path, without: tuple[int, ...]) -> None:
    """Tokens counted in all and by their time are the same; without one of the times all are taken as short."""
    cells = [DAY, "2026-04-02T00:00:00Z", "claude-haiku-4-5", 1000, 3000, 500, 400, 900, 200, "standard"]
    names = REPORT.split(",")
    kept = [i for i in range(len(names)) if i not in without]
    text = "\n".join(",".join(str(row[i]) for i in kept) for row in (names, cells)) + "\n"
    path = tmp_path / "usage.csv"
    path.write_text(text)
    bill = bill_usage(read_usage(path, provider="anthropic"), Purchasing(), CATALOG)
    price = CATALOG.token_price(ANTHROPIC)
    assert price.cache_write_1h_usd_per_m is not None
    expected = usd(ANTHROPIC, 1000, 3000, 500, 200) + 400 * price.cache_write_1h_usd_per_m / 1e6
    if set(without) & {5, 6}:
        expected = usd(ANTHROPIC, 1000, 3000, 900, 200)
    assert bill.total_usd == pytest.approx(expected)
    table = focus_table(bill, Stamp(run_id="r"), CATALOG.facts.offers)
    assert sum(table["EffectiveCost"].to_pylist()) == pytest.approx(expected)


CONSOLE = (
    "usage_date_utc,model_version,api_key,workspace,usage_type,context_window,usage_input_tokens_no_cache,"
    "usage_input_tokens_cache_write_5m,usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,"
    "usage_output_tokens,web_search_count,inference_geo,speed"
)


def test_file_of_the_console_of_anthropic(tmp_path: Path) -> None:
    """Its columns have names of their own; each row was taken as an hour of a machine that no price list has."""
    path = tmp_path / "usage.csv"
    row = "claude-haiku-4-5,key,Default,{},{},1000,500,400,3000,200,0,global,"
    kinds = (("standard", "\u2264 200k"), ("standard", "> 200k"), ("batch", "\u2264 200k"))
    days = [f"2026-04-0{i + 1},{row.format(*kind)}" for i, kind in enumerate(kinds)]
    path.write_text("\n".join([CONSOLE, *days]) + "\n", encoding="utf-8")
    usage = read_usage(path, provider="anthropic")
    price = CATALOG.token_price(ANTHROPIC)
    assert price.cache_write_1h_usd_per_m is not None
    expected = usd(ANTHROPIC, 1000, 3000, 500, 200) + 400 * price.cache_write_1h_usd_per_m / 1e6
    assert bill_usage(usage, Purchasing(), CATALOG).total_usd == pytest.approx(2.5 * expected)
    assert not usage.findings
    assert usage.end_s.max() - usage.start_s.min() == 3 * 86_400


@pytest.mark.parametrize("snake", [False, True])
def test_thoughts_and_tools_of_gemini_are_beside_the_other_counts(tmp_path: Path, snake: bool) -> None:
    """A model that thinks costs several times what its answers alone do."""
    counts = {
        "prompt_token_count": 1000,
        "candidates_token_count": 100,
        "thoughts_token_count": 400,
        "cached_content_token_count": 200,
        "tool_use_prompt_token_count": 50,
        "total_token_count": 1550,
        "image_tokens": 7,
    }
    names = [name if snake else re.sub("_([a-z])", lambda found: found[1].upper(), name) for name in counts]
    path = tmp_path / "usage.csv"
    cells = ",".join(map(str, counts.values()))
    path.write_text(f"model,start,{','.join(names)}\ngemini-2.5-flash-lite,{DAY},{cells}\n")
    usage = read_usage(path, provider="google")
    bill = bill_usage(usage, Purchasing(), CATALOG)
    assert bill.total_usd == pytest.approx(usd("google/gemini-2.5-flash-lite", 850, 200, 0, 500))
    [told] = [one["message"] for one in usage.findings if one["kind"] == "uncounted_tokens"]
    assert told.startswith(f"columns of tokens that are not priced: {names[-1]};")


@pytest.mark.parametrize(
    ("tier", "message"),
    [
        ("scale", "no price of the service 'scale'"),
        ("flex", "no flex price of anthropic/claude-haiku-4-5"),
    ],
)
def test_a_price_that_is_missing_is_named_with_its_row(tmp_path: Path, tier: str, message: str) -> None:
    text = f"model,start,prompt_tokens,output_tokens,service_tier\n{ANTHROPIC},{DAY},10,1,\n{ANTHROPIC},{DAY},10,1,"
    with pytest.raises(FaultsError, match=rf"usage\.csv:3: .*{message}"):
        billed(tmp_path, f"{text}{tier}\n")


@given(st.lists(st.sampled_from(["standard", "batch", "flex", "priority"]), max_size=4), st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rows_of_nothing_change_no_total(tmp_path: Path, tiers: list[str], blank: bool) -> None:
    """Also of models, caches and services that have no price."""
    head = "model,start,prompt_tokens,cached_tokens,cache_write_1h_tokens,output_tokens,service_tier\n"
    row = f"{OPENAI},{DAY},2746,2208,,197,\n"
    none = ",,," if blank else "0,0,0,0"
    nothing = [f"{model},{DAY},{none},{tier}\n" for tier in tiers for model in (OPENAI, ANTHROPIC, "openai/no-such")]
    found = billed(tmp_path, "".join([head, row, *nothing]))
    assert found.total_usd == pytest.approx(0.0005837, rel=1e-9)


@given(st.lists(st.tuples(*[st.integers(0, 10**7)] * 3, st.sampled_from(["default", "batch", "flex", "priority"]))))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rows_cost_as_much_together_as_apart(tmp_path: Path, rows: list[tuple[int, int, int, str]]) -> None:
    """Each row pays the published price of its own service; the sum does not depend on how usage is cut into rows."""
    each = {"default": (0.25, 0.025, 2), "batch": (0.125, 0.0125, 1), "flex": (0.125, 0.0125, 1)}
    each["priority"] = (0.45, 0.045, 3.6)
    head = "model,start,uncached_input_tokens,cached_tokens,output_tokens,service_tier"
    lines = [f"{OPENAI},{DAY},{fresh},{read},{out},{tier}" for fresh, read, out, tier in rows]
    expected = sum(sum(n * p for n, p in zip(row, each[row[3]], strict=False)) for row in rows) / 1e6
    if rows:
        found = billed(tmp_path, "\n".join([head, *lines]) + "\n")
        assert found.total_usd == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_a_region_with_a_surcharge(tmp_path: Path) -> None:
    text = "model,start,input_tokens,output_tokens,inference_geo\n"
    row = f"anthropic/claude-opus-5,{DAY},1000000,1000000,"
    assert billed(tmp_path, f"{text}{row}global\n{row}us\n").total_usd == pytest.approx(30 + 33)


def test_input_that_is_declared_uncached_stays(tmp_path: Path) -> None:
    found = billed(tmp_path, rows(OPENAI, uncached_input_tokens=538, cached_tokens=2208, output_tokens=197))
    assert found.total_usd == pytest.approx(0.0005837, rel=1e-9)


def test_counts_that_contradict_each_other_are_named(tmp_path: Path) -> None:
    with pytest.raises(FaultsError, match=r"usage\.csv:2: .*3,000 cached tokens of 2,000 input tokens"):
        billed(tmp_path, rows(OPENAI, prompt_tokens=2000, cached_tokens=3000))
    with pytest.raises(FaultsError, match=r"usage\.csv:3: .*both whole prompts and uncached input"):
        billed(tmp_path, rows(OPENAI, prompt_tokens=2000, uncached_input_tokens=1000))
    apart = f"sku,start,quantity,unit,team\n{OPENAI},{DAY},9,prompt_tokens,a\n{OPENAI},{DAY},5,cached_tokens,b\n"
    with pytest.raises(FaultsError, match=r"usage\.csv:3: .*no input tokens with the same region, account and tags"):
        billed(tmp_path, apart)


counts = st.integers(0, 10**9)


@given(counts, counts, counts, counts)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_both_ways_of_counting_cost_the_same(tmp_path: Path, fresh: int, read: int, write: int, output: int) -> None:
    rest = {"cache_read_tokens": read, "cache_write_tokens": write, "output_tokens": output}
    for model in (OPENAI, ANTHROPIC):
        apart = billed(tmp_path, rows(model, uncached_input_tokens=fresh, **rest))
        whole = billed(tmp_path, rows(model, prompt_tokens=fresh + read + write, **rest))
        assert whole.total_usd == pytest.approx(apart.total_usd, rel=1e-9, abs=1e-12)


def test_a_model_whose_long_prompts_cost_more_is_noted(tmp_path: Path) -> None:
    tiered, flat = rows("google/gemini-2.5-pro", input_tokens=300_000), rows("openai/gpt-5-mini", input_tokens=300_000)
    [note] = [note for note in billed(tmp_path, tiered).notes if "longer" in note]
    assert note.startswith("google/gemini-2.5-pro: priced as if no prompt were longer than 200,000 tokens")
    assert "costs 2 times as much" in note
    assert not any("longer" in note for note in billed(tmp_path, flat).notes)
    own = billed(tmp_path, tiered, prices={"gemini-2.5-pro": 1e-6})
    assert not any("longer" in note for note in own.notes)


EXPORT = "start_time,end_time,num_model_requests,model,batch,service_tier,input_tokens,output_tokens,input_audio_tokens"
"""Of OpenAI's usage by the day, in seconds since 1970."""


def openai_export(folder: Path, *cells: str) -> Path:
    days = [f"{1775001600 + i * 86400},{1775088000 + i * 86400},9,{OPENAI},{row}" for i, row in enumerate(cells)]
    path = folder / "export.csv"
    path.write_text("\n".join([EXPORT, *days]) + "\n")
    return path


def test_export_of_openai_is_read_by_its_own_names(tmp_path: Path) -> None:
    usage = read_usage(openai_export(tmp_path, "false,default,1000,10,0", "False,,2000,20,"))
    found = bill_usage(usage, Purchasing(), CATALOG)
    assert found.total_usd == pytest.approx(usd(OPENAI, 3000, 0, 0, 30))
    assert usage.end_s.max() - usage.start_s.min() == 2 * 86400
    assert not usage.findings


@pytest.mark.parametrize(("digits", "own"), [("", True), ("000", True), ("", False)])
def test_a_unit_of_times_is_said_unless_the_export_documents_it(tmp_path: Path, digits: str, own: bool) -> None:
    path = openai_export(tmp_path, "false,default,1000,10,0")
    text = re.sub(r"(177\d{7})", rf"\g<1>{digits}", path.read_text())
    path.write_text(text if own else text.replace("num_model_requests", "requests"))
    usage = read_usage(path)
    assert usage.start_s.tolist() == [1775001600] * len(usage.start_s)
    assert ["time_unit"] * (bool(digits) or not own) == [one["kind"] for one in usage.findings]


def test_days_that_two_exports_of_tokens_have_are_told(tmp_path: Path) -> None:
    path = openai_export(tmp_path, "false,default,1000,10,0", "false,default,1000,20,0", "false,default,0,0,0")
    head, *days = path.read_text().splitlines()
    path.write_text("\n".join([head, *days, *days[1:]]) + "\n")
    [told] = read_usage(path).findings
    assert (told["kind"], told["count"]) == ("repeated", 1)


def test_rows_pay_the_price_of_their_service(tmp_path: Path) -> None:
    path = openai_export(
        tmp_path,
        "true,batch,1000000,100000,0",
        "false,flex,1000000,100000,0",
        "false,priority,1000000,100000,",
        "false,default,1000000,100000,0",
    )
    bill = bill_usage(read_usage(path), Purchasing(), CATALOG)
    assert bill.total_usd == pytest.approx(0.225 + 0.225 + 0.81 + 0.45)
    audio = path.read_text().replace(OPENAI, "openai/gpt-4o-audio-preview-2025-06-03").replace("true,batch", "false,")
    path.write_text("\n".join(line for line in audio.splitlines() if "flex" not in line and "priority" not in line))
    path.write_text(path.read_text().replace("100000,0", "100000,1000"))
    price = CATALOG.token_price("openai/gpt-4o-audio-preview-2025-06-03")
    assert price.audio_input_usd_per_m
    bill = bill_usage(read_usage(path), Purchasing(), CATALOG)
    assert bill.total_usd == pytest.approx(2 * (2.5 + 1 + price.audio_input_usd_per_m / 1e3))


def test_columns_of_machines_may_have_the_names_of_what_changes_the_price_of_tokens(tmp_path: Path) -> None:
    path = tmp_path / "machines.csv"
    path.write_text(f"sku,start,quantity,batch,service_tier\naws/g6e.xlarge,{DAY},1,1,gold\n")
    assert not read_usage(path).findings


SOLD_BY_ANOTHER = "deepinfra/google/gemini-2.5-pro"


@pytest.mark.parametrize(
    ("head", "cells", "plan"),
    [
        ("provider,model", "deepinfra,google/gemini-2.5-pro", ""),
        ("provider,model", f"DeepInfra,{SOLD_BY_ANOTHER}", ""),
        ("model", SOLD_BY_ANOTHER, ""),
        ("model", "google/gemini-2.5-pro", "provider: deepinfra"),
    ],
)
def test_a_model_that_another_sells_under_the_name_of_its_maker(
    tmp_path: Path, head: str, cells: str, plan: str
) -> None:
    """Its tokens were billed at the prices of the maker, without a word, or had none."""
    usage, purchasing = tmp_path / "usage.csv", tmp_path / "plan.yaml"
    usage.write_text(f"{head},start,prompt_tokens,cached_tokens,output_tokens\n{cells},{DAY},2000,1500,100\n")
    purchasing.write_text(f"purchasing: api\n{plan}\n")
    [(bill, _)] = price_usage(usage, [purchasing], {})
    price = CATALOG.token_price(SOLD_BY_ANOTHER)
    assert price.cache_read_usd_per_m is None, "the maker's own is a tenth"
    wanted = (2000 * price.input_usd_per_m + 100 * price.output_usd_per_m) / 1e6
    assert bill["effective_usd"] == pytest.approx(wanted)
    assert {(one["provider"], one["sku"]) for one in bill["charges"]} == {("deepinfra", "google/gemini-2.5-pro")}


def test_a_model_that_names_its_provider_needs_no_other(tmp_path: Path) -> None:
    """The provider of the plan is that of rows that name none."""
    text = f"sku,start,quantity,unit\n{OPENAI},{DAY},1000,output_tokens\ng6.xlarge,{DAY},1,h\n"
    (tmp_path / "usage.csv").write_text(text)
    (tmp_path / "plan.yaml").write_text("provider: aws\nregion: us-east-1\n")
    [(bill, _)] = price_usage(tmp_path / "usage.csv", [tmp_path / "plan.yaml"], {})
    assert {one["provider"] for one in bill["charges"]} == {"openai", "aws"}


def test_tokens_of_no_provider_are_told_where_to_name_it(tmp_path: Path) -> None:
    model = OPENAI.partition("/")[2]
    with pytest.raises(FaultsError, match="its rows name no provider; write `provider: openai` in the purchasing plan"):
        billed(tmp_path, f"model,start,input_tokens,output_tokens\n{model},{DAY},1000,10\n")


def test_tokens_are_of_the_month_in_which_they_were_used(tmp_path: Path) -> None:
    """125 USD in February and 1.125 USD in March: one amount was spread over the time from the first row to the last,
    so that most of it fell into March. What a cache served is taken off the prompts of its own month.
    """
    text = (
        "provider,model,start,end,prompt_tokens,cached_tokens,completion_tokens\n"
        "openai,gpt-5-mini,2026-02-01T00:00:00Z,2026-02-02T00:00:00Z,100000000,0,50000000\n"
        "openai,gpt-5-mini,2026-02-27T00:00:00Z,2026-02-28T00:00:00Z,0,0,0\n"
        "openai,gpt-5-mini,2026-03-30T00:00:00Z,2026-03-31T00:00:00Z,1000000,500000,500000\n"
    )
    found = billed(tmp_path, text)
    price = CATALOG.token_price(OPENAI)
    of_cache = price.cache_read_usd_per_m or 0.0
    february = 100 * price.input_usd_per_m + 50 * price.output_usd_per_m
    march = 0.5 * price.input_usd_per_m + 0.5 * of_cache + 0.5 * price.output_usd_per_m
    table = focus_table(found, Stamp(run_id="x"), [])
    months: dict[str, float] = {}
    for row in table.select(["BillingPeriodStart", "BilledCost"]).to_pylist():
        month = str(row["BillingPeriodStart"])[:7]
        months[month] = months.get(month, 0.0) + row["BilledCost"]
    assert months == pytest.approx({"2026-02": february, "2026-03": march})
    assert found.total_usd == pytest.approx(february + march)
