"""`simcost api`: a scenario, a results folder, a trace; and words that are refused."""

import json
from pathlib import Path

import pytest
from support.commands import call, refused, scenario, trace

API = "groq/llama-3.1-8b-instant"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_a_scenario_as_document_as_text_and_as_picture(here: Path) -> None:
    scenario(here, ("horizon: 10min", "horizon: 1min"))
    words = (
        "api",
        "tiny.yaml",
        "--api",
        f"{API},ttft=0.4s",
        "--api",
        "openai/gpt-4o",
        "--scale",
        "0.5,1,4",
        "--quiet",
    )
    found = call(*words, "--json", "--svg", "costs.svg").document()
    assert set(found) >= {"verdict", "demands", "apis", "break_even", "assumptions", "provenance"}
    assert [demand["scale"] for demand in found["demands"] if demand["scale"] in (0.5, 1, 4)] == [0.5, 1, 4]
    assert [plan["name"] for plan in found["demands"][0]["plans"]] == ["one", "scaled"]
    assert (here / "costs.svg").read_text(encoding="utf-8").startswith("<svg")
    said = call(*words)
    assert said.code == 0
    assert " ".join(said.out.splitlines()[:4]).startswith(found["verdict"][:80])
    assert "400 ms (stated)" in said.out
    assert "not known" in said.out
    assert max(map(len, said.out.splitlines())) <= 120


def test_a_results_folder_lends_its_scenario_and_its_runs(here: Path, no_report: None) -> None:
    scenario(here, ("horizon: 10min", "horizon: 1min"))
    assert call("run", "tiny.yaml", "--out", "out", "--quiet").code == 0
    before = set((here / "out" / "runs").iterdir())
    found = call("api", "out", "--api", API, "--scale", "1", "--plan", "one", "--quiet", "--json").document()
    assert found["demands"][0]["plans"][0]["name"] == "one"
    assert set((here / "out" / "runs").iterdir()) >= before
    assert not (here / "results").exists()


@pytest.mark.slow
def test_the_paths_of_a_results_folder_are_those_of_its_scenario(here: Path, no_report: None) -> None:
    """Its trace and its `catalog` were looked for in the results folder."""
    stored = trace(here)
    (here / "facts").mkdir()
    head = "provider,sku,region,accelerator,accelerators,on_demand_usd_per_h,source,as_of,quality"
    offer = "ours,box,any,h100,1,2.00,quote,2026-11-01,A"
    (here / "facts" / "offers.csv").write_text(f"{head}\n{offer}\n", encoding="utf-8")
    rules = "provider,granularity_s,minimum_s,source,as_of,quality\nours,1,0,quote,2026-11-01,A\n"
    (here / "facts" / "billing_rules.csv").write_text(rules, encoding="utf-8")
    (here / "mine.yaml").write_text(
        f"""scenario: mine
catalog: facts
model: llama-3.1-8b
seeds: 1
workload: {{kind: trace, path: {Path(stored).name}}}
slo: {{ttft: 1s}}
plans:
  - name: one
    replica: {{accelerator: h100}}
    buy:
      offer: ours/box
      storage: $0.10/GB
      egress: $0.09/GB
      commitments: [{{kind: take-or-pay, provider: ours, sku: box, count: 1, price: $1.50/h, length: 365d}}]
    scaling: {{kind: fixed, replicas: 1}}
""",
        encoding="utf-8",
    )
    assert call("run", "mine.yaml", "--out", "out", "--quiet").code == 0
    found = call("api", "out", "--api", API, "--scale", "1", "--quiet", "--json").document()
    assert found["demands"][0]["plans"][0]["name"] == "one"
    assert "Commitments are the same at every demand: one." in found["assumptions"]
    assert call("advise", "out", "--quiet", "--json").document()["plan"] == "one"
    (here / "out" / "result.json").write_text("{}")
    for verb in (("advise",), ("api", "--api", API)):
        message = call(verb[0], "out", *verb[1:], "--data", ".", "--quiet").err
        assert "out: no finished result" in message, verb


def test_a_trace_alone_has_a_price(here: Path) -> None:
    stored = trace(here)
    found = call("api", stored, "--api", API, "--api", "openai/gpt-5-mini,batch", "--json").document()
    month = 730 * 3600 / 300
    usd = (410 * 0.05 + 40 * 0.08) / 1e6 * month
    assert found["apis"][0]["usd_per_month"] == pytest.approx(usd)
    assert found["apis"][1]["usd_per_month"] == pytest.approx((410 * 0.125 + 40 * 1) / 1e6 * month)
    assert json.dumps(found)
    assert API in call("api", stored, "--api", API).out


@pytest.mark.slow
def test_hours_that_a_log_lacks_are_told_with_the_money(here: Path, no_report: None) -> None:
    """`trace import` asked if the log was complete, and a month of three quarters of the requests was billed."""
    times = [t for t in range(0, 12 * 3600, 4) if not 3 * 3600 < t < 6 * 3600]
    log = "arrival_s,prompt_tokens,output_tokens\n" + "".join(f"{t},100,20\n" for t in times)
    stored = trace(here, log)
    told = "the longest, 3 h, begins 3 h after the start: was the log complete? A month counts 25.0 % of its time as"
    assert told in " ".join(call("api", stored, "--api", API, "--json").document()["assumptions"])
    drawn = "{kind: synthetic, rate: 1/s, lengths: {prompt_median: 100, output_median: 20}}"
    scenario(here, ("horizon: 10min\n", ""), ("seeds: 2", "seeds: 1"), (drawn, "{kind: trace, path: log.parquet}"))
    ran = call("run", "tiny.yaml", "--out", "out", "--quiet", "--json").document()
    assert told in " ".join(ran["assumptions"])
    document = (here / "tiny.yaml").read_text()
    for horizon, share in (("2h", ""), ("4h", "the longest, 60 min, begins 3 h after the start"), ("24h", told)):
        (here / "part.yaml").write_text(document.replace("seeds: 1", f"seeds: 1\nhorizon: {horizon}"))
        said = " ".join(call("run", "part.yaml", "--out", horizon, "--quiet", "--json").document()["assumptions"])
        assert share in said if share else "was the log complete" not in said, horizon
    rows = "".join(f"{t},100,20\n" for t in range(0, 7200, 4))
    even = trace(here, f"arrival_s,prompt_tokens,output_tokens\n{rows}")
    assert "was the log complete" not in " ".join(call("api", even, "--api", API, "--json").document()["assumptions"])


def test_a_model_that_its_provider_ends_is_flagged(here: Path) -> None:
    """`gpt-5-mini` ends after the newest fact of the catalog, the model of Together ended before."""
    ended = "together/meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo"
    found = call("api", trace(here), "--api", ended, "--api", "openai/gpt-5-mini", "--json").document()
    said = " ".join(found["assumptions"])
    assert f"{ended}: the provider ended meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo on 2026-03-06" in said
    assert "choose another model" in said
    assert "openai/gpt-5-mini: the provider ends gpt-5-mini on 2026-12-11." in said
    assert found["apis"][0]["price"]["deprecation_date"] == "2026-03-06"
    assert found["verdict"].startswith("openai/gpt-5-mini costs ")
    assert f"{ended} is offered no more: its provider ended it on 2026-03-06." in found["verdict"]
    dates = {(row["provider"], row["as_of"], row["quality"]) for row in found["provenance"]["prices"]}
    assert dates == {("together", "2026-11-20", "A"), ("openai", "2026-11-20", "A")}


def test_a_model_that_its_provider_has_ended_is_never_the_cheapest(here: Path) -> None:
    scenario(here, ("horizon: 10min", "horizon: 1min"))
    ended = "together/meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo"
    words = ("api", "tiny.yaml", "--api", ended, "--scale", "1", "--plan", "one", "--quiet", "--json")
    alone = call(*words).document()
    [fleet], [cost] = alone["demands"][0]["plans"], alone["demands"][0]["apis"]
    assert cost["usd_per_month"]["mean"] < fleet["usd_per_month"]["mean"]
    assert "the cheapest is the fleet one" in alone["verdict"]
    assert f"{ended} is offered no more" in alone["verdict"]
    assert alone["apis"][0]["ended"] == "2026-03-06"
    both = call(*words, "--api", API).document()
    assert f"the cheapest is {API}" in both["verdict"]


def test_a_fleet_whose_model_is_not_good_enough_is_never_the_cheapest(here: Path) -> None:
    """Without the gate the bad fleet, which costs less, wins; with it the other plan, or an API."""
    scenario(
        here,
        ("horizon: 10min", "horizon: 1min"),
        ("slo:", "quality: {metric: ours, at_least: 0.8}\nslo:"),
        ("  - name: one\n", "  - name: one\n    quality: {metric: ours, value: 0.7, source: us}\n"),
        ("  - name: scaled\n", "  - name: scaled\n    quality: {metric: ours, value: 0.9, source: us}\n"),
    )
    words = ("api", "tiny.yaml", "--scale", "1", "--quiet", "--json", "--api", "openai/gpt-4o")
    found = call(*words).document()
    assert found["below_quality"] == {"one": "ours 0.7, and at least 0.8 is asked for"}
    assert "The fleet one is not good enough: ours 0.7" in found["verdict"]
    assert "the fleet one:" not in found["verdict"]
    assert not any(f" one {words}" in found["verdict"] for words in ("costs less", "comes closest", "becomes"))
    assert any("Of APIs no ours is known" in line for line in found["assumptions"])
    only = call(*words, "--plan", "one").document()
    assert "no plan of that quality meets the SLO" in only["verdict"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--api", "openai/gpt-4o,hti=1"), "did you mean 'hit'"),
        (("--api", "openai/gpt-4o,hit=2"), "more than the whole prompt"),
        (("--api", "openai/gpt-4o,hit=0.4,ttl=1h"), "give one of the two"),
        (("--api", "openai/gpt-4o,written=0.4"), "`written` goes with `hit`"),
        (("--api", "openai/gpt-4o,units=2"), "also need unit_price, unit_tokens"),
        (("--api", "openai/gpt-4o,ttft=0"), "must be greater than 0"),
        (("--api", "openai/gpt-4o,ttl=soon"), "not a quantity"),
        (("--api", "openai/gpt-4o", "--scale", "0,1"), "not a list of demands"),
        (("--api", "openai/nothing"), "no token price of 'openai/nothing'"),
        (("--api", "openai/gpt-4o", "--plan", "on"), "did you mean 'one'"),
        (("--api", "openai/gpt-4o", "--catalog", "x"), "name the folder in the scenario"),
        ((), "required"),
    ],
)
def test_what_is_refused(here: Path, words: tuple[str, ...], message: str) -> None:
    scenario(here)
    assert message in refused("api", "tiny.yaml", *words)
    assert not (here / "results").exists()


def test_a_trace_has_no_fleets(here: Path) -> None:
    stored = trace(here)
    for option in (("--scale", "1,2"), ("--seeds", 3), ("--seed", 0), ("--data", "."), ("--out", "new"), ("--fresh",)):
        assert f"{option[0]} belongs to a scenario" in refused("api", stored, "--api", API, *option)
    assert "no such file" in refused("api", "none.parquet", "--api", API)


def test_a_trace_without_a_length_has_no_month(here: Path) -> None:
    """One request, or many at one time, say nothing of how many come."""
    once = trace(here, "arrival,prompt_tokens,output_tokens\n5,1000,10\n5,1000,10\n", "once")
    assert "it spans no time (2 requests)" in refused("api", once, "--api", API)
