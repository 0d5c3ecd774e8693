"""Fleets against APIs: the study rests on runs and prices that can be made apart."""

from argparse import ArgumentTypeError
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from support.commands import trace
from support.scenarios import SMALL, write

from simcost.billing.api.tokens import HitShare, NoCache, PrefixReuse
from simcost.catalog import load_catalog
from simcost.cli.main import main
from simcost.errors import InputError
from simcost.plan import Fixed
from simcost.scenario.checks.load import load
from simcost.scenario.inputs.demand_scale import scaled
from simcost.scenario.runs.resolve import settle
from simcost.scenario.runs.run import run
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.studies.breakeven.command import asked
from simcost.studies.breakeven.fleets import Made, Settings, make_study
from simcost.studies.breakeven.prices import in_scenario
from simcost.studies.breakeven.question import compare_with_apis, price_trace
from simcost.studies.breakeven.result import BreakEvenResult, MissedFleet
from simcost.studies.breakeven.study import break_even_result
from simcost.studies.breakeven.verdict import verdict
from simcost.trace.synthesis.stored_requests import synthesize
from simcost.trace.workload.spec import RecordedWorkload, Sessions, Stream, Synthetic

pytestmark = pytest.mark.slow

API, DEAR = "groq/llama-3.1-8b-instant", "openai/gpt-4o"
BUSY = (("rate: 0.5/s", "rate: 16/s"), ("ttft: 1s", "ttft: 300ms, tpot: 16ms"))
SETTINGS = Settings(scales=(0.05, 1.0, 6.0), seeds=2, refined=1)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> LoadedScenario:
    return load(write(tmp_path_factory.mktemp("breakeven"), *BUSY, ("horizon: 10min", "horizon: 4min")))


@pytest.fixture(scope="module")
def made(loaded: LoadedScenario) -> Made:
    runs = loaded.path.parent / "out" / "runs"
    return make_study(loaded, [asked(API), asked(DEAR)], runs, SETTINGS, lambda _share, _what: None)


def test_the_least_fleet_meets_the_slo_and_one_replica_less_does_not(
    made: Made, loaded: LoadedScenario, tmp_path: Path
) -> None:
    point = next(point for point in made.study.points if point.scale == 6.0)
    fleets = point.fleets["one"]
    sizes = {fleet.replicas for fleet in fleets if fleet}
    assert max(sizes) > 1
    base = scaled(loaded, 6.0)
    for size in {*sizes, *(size - 1 for size in sizes if size > 1)}:
        plans = (replace(base.scenario.plans[0], scaling=Fixed(replicas=size)),)
        found = run(replace(base, scenario=replace(base.scenario, plans=plans)), tmp_path / str(size), seeds=2)
        met = {i for i, fleet in enumerate(fleets) if fleet and size >= fleet.replicas}
        assert round(2 * found["plans"][0]["slo"]["met_share"]) == len(met)
        if met == {0, 1} and len(sizes) == 1:
            mean = sum(fleet.usd_per_month for fleet in fleets if fleet) / 2
            assert found["plans"][0]["cost_usd"]["per_month"] == pytest.approx(mean)


def test_the_api_is_paid_for_the_requests_of_the_run(made: Made, loaded: LoadedScenario) -> None:
    point = next(point for point in made.study.points if point.scale == 1.0)
    question = settle(loaded, seed=None, seeds=2)
    for replication in range(2):
        batches = list(question.source.batches(replication))
        prompt = sum(int(batch.prompt_tokens.sum()) for batch in batches)
        output = sum(int(batch.output_tokens.sum()) for batch in batches)
        bill = point.bills[0][replication]
        assert bill.total_usd == pytest.approx((prompt * 0.05 + output * 0.08) / 1e6)
        assert bill.requests == sum(map(len, batches))


def test_costs_cross_between_the_demands_around_the_break_even(made: Made) -> None:
    study = made.study
    found = study.break_even("one", 1)
    assert found.place in ("crosses", "below")
    assert found.scale is not None
    assert found.scale.lo <= found.scale.mean <= found.scale.hi <= found.sure.hi * (1 + 1e-9)
    for point in study.points:
        fleet, api = point.fleet_usd("one"), point.api_usd(1)
        if fleet is not None and point.scale >= found.scale.hi:
            assert all(mine <= theirs for mine, theirs in zip(fleet, api, strict=True))
    assert study.break_even("one", 0).place == "api"


def test_more_demand_needs_no_fewer_replicas_and_costs_more_tokens(made: Made) -> None:
    points = made.study.points
    assert [point.scale for point in points] == sorted(point.scale for point in points)
    for before, after in pairwise(points):
        for name in made.study.plans:
            assert np.mean(before.fleet_usd(name)) <= np.mean(after.fleet_usd(name)) * 1.001
        assert np.mean(before.api_usd(0)) < np.mean(after.api_usd(0))


def test_a_second_study_simulates_nothing(made: Made, loaded: LoadedScenario, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("simulated again")

    monkeypatch.setattr("simcost.sim.simulate", fail)
    runs = loaded.path.parent / "out" / "runs"
    again = make_study(loaded, [asked(API), asked(DEAR)], runs, SETTINGS, lambda _share, _what: None)
    assert [point.fleets for point in again.study.points] == [point.fleets for point in made.study.points]


def test_the_result(made: Made, loaded: LoadedScenario) -> None:
    runs = loaded.path.parent / "out" / "runs"
    found = compare_with_apis(
        loaded,
        [asked(f"{API},ttft=0.3s"), asked(DEAR)],
        runs,
        replace(SETTINGS, scales=(0.05, 1.0, 6.0, 1e5)),
        lambda _share, _what: None,
    )
    assert found.verdict.startswith("At ")
    assert [api.name for api in found.apis] == [API, DEAR]
    assert (found.apis[0].ttft_p95_s, found.apis[1].ttft_p95_s) == (0.3, None)
    assert found.apis[0].price["as_of"] == loaded.catalog.token_price(API).as_of
    listed = {(row["provider"], row["sku"]): row["as_of"] for row in found.provenance["prices"]}
    assert listed["aws", "g6.xlarge"] == loaded.catalog.offer("aws/g6.xlarge").as_of
    assert ("groq", API.removeprefix("groq/")) in listed
    assert any("aws/g6.xlarge in us-east-1: $0.8048 per hour, price of" in line for line in found.assumptions)
    assert any("x100000 is left out" in line for line in found.assumptions)
    pair = next(one for one in found.break_even if (one.plan, one.api) == ("one", DEAR))
    here = next(one for one in found.demands if one.scale == 1.0)
    assert pair.requests_per_s.mean == pytest.approx(pair.scale.mean * here.requests_per_s)
    assert pair.tokens_per_month.mean == pytest.approx(pair.scale.mean * here.tokens_per_month)
    api_usd = [api.usd_per_month.mean for demand in found.demands for api in demand.apis if api.name == DEAR]
    assert api_usd[0] * (1 if pair.place == "crosses" else 0) <= pair.usd_per_month <= api_usd[-1]
    assert set(found.provenance) >= {"seed", "inputs", "catalog_date"}


def test_a_difference_that_is_not_significant_is_not_said_to_be_one_in_the_same_sentence(made: Made) -> None:
    """Two replications that both cross say nothing significant of the mean: the verdict says of what each claim is."""
    points = tuple(replace(point, bills=point.bills[1:]) for point in made.study.points)
    found = break_even_result(replace(made.study, apis=made.study.apis[1:], points=points), {}, ())
    assert found.break_even[0].place in ("crosses", "below")
    fleets = {f"the fleet {name}": [1.0 + i, 2.0 + i] for i, name in enumerate(made.study.plans)}
    apart, mixed = (verdict(found, fleets | {DEAR: usd}, 0.95) for usd in ([1001.0, 1002.0], [1.0, 3.0]))
    assert "replication" not in apart
    assert "in each replication taken alone, from" in mixed


def test_the_verdict_says_what_a_choice_rests_on(made: Made) -> None:
    """Spot that is never taken back, a cache that saves nothing, and the last day of an API."""
    apis = made.study.apis
    last = tuple(replace(api, price=replace(api.price, deprecation_date="2999-01-01")) for api in apis)
    found = break_even_result(replace(made.study, apis=last, kept_spot=made.study.plans), {}, ())
    assert f"{API} is offered until 2999-01-01 only." in found.verdict
    assert f"{DEAR} is offered until" not in found.verdict
    assert f"No spot node of {' and '.join(made.study.plans)} is taken back in these runs" in found.verdict
    assert "spot" not in break_even_result(made.study, {}, ()).verdict


def test_cached_tokens_without_a_lower_price_are_told(tmp_path: Path) -> None:
    """Half of the prompts from a cache cost as much as none, which the option alone would not show."""
    log = trace(tmp_path)
    found = price_trace(log, [asked(f"{API},hit=50%"), asked(DEAR + ",hit=50%")], load_catalog())
    assert f"{API}, hit=50%: the catalog has no lower price of cached tokens, so that its cache (50" in found.verdict
    assert [api.hits_at_input_price for api in found.apis] == [True, False]
    assert "saves nothing" not in price_trace(log, [asked(API)], load_catalog()).verdict


def test_what_cannot_be_asked(loaded: LoadedScenario, tmp_path: Path) -> None:
    def study(settings: Settings, api: str = API) -> Made:
        return make_study(loaded, [asked(api)], tmp_path, settings, lambda _share, _what: None)

    with pytest.raises(InputError, match=r"no plan 'onne'.*did you mean 'one'"):
        study(Settings(plans=("onne",)))
    with pytest.raises(InputError, match="raise --most-requests"):
        study(Settings(scales=(10.0,), most_requests=100))
    with pytest.raises(InputError, match="a run has no requests; lengthen the horizon"):
        study(Settings(scales=(1e-6,)))
    few = Settings(scales=(1e-6, 0.2), seeds=1, refined=0)
    assert study(few).left_out == ((1e-6, 0.0),)
    with pytest.raises(InputError, match="no token price of 'groq/x'"):
        study(Settings(), "groq/x")


def test_a_plan_that_no_size_saves(tmp_path: Path) -> None:
    hard = load(write(tmp_path, ("ttft: 1s", "ttft: 1ms"), ("horizon: 10min", "horizon: 1min")))
    found = compare_with_apis(
        hard,
        [asked(API)],
        tmp_path / "runs",
        Settings(scales=(1.0,), seeds=1, plans=("one",)),
        lambda *_: None,
    )
    assert found.demands[0].plans == (MissedFleet(name="one"),)
    assert found.break_even[0].place is None
    assert "no plan meets the SLO" in found.verdict


def test_an_api_that_misses_the_slo_as_stated_is_not_the_cheapest(tmp_path: Path) -> None:
    easy = load(write(tmp_path, ("horizon: 10min", "horizon: 2min")))
    settings = Settings(scales=(1.0,), seeds=2, plans=("one",), refined=0)

    def found(*apis: str) -> BreakEvenResult:
        return compare_with_apis(easy, [asked(api) for api in apis], tmp_path / "runs", settings, lambda *_: None)

    slow, batch = f"{API},ttft=5s", "openai/gpt-5-mini,batch"
    result = found(slow, batch)
    assert min(api.usd_per_month.mean for api in result.here.apis) < result.here.met[0].usd_per_month.mean
    assert "the cheapest is the fleet one" in result.verdict
    assert f"{API} misses the SLO: TTFT p95 of 5 s as stated, and 1 s is asked for." in result.verdict
    assert "batch misses the SLO: answers within a day, and 1 s is asked for." in result.verdict
    assert f"the cheapest is {API}:" in found(API, batch).verdict
    assert [bool(api.slo_misses) for api in found(API, batch).apis] == [False, True]


def test_plans_whose_fleet_is_not_the_whole_cost_are_refused(tmp_path: Path) -> None:
    scaling = "scaling: {kind: fixed, replicas: 1}"
    with_api = f"overflow: {{api: {API}, ttft: 1s, tpot: 10ms}}\n    admission: {{max_queued: 4}}\n    {scaling}"
    settings = Settings(scales=(1.0,), seeds=1)

    def study(file: Path, settings: Settings) -> Made:
        return make_study(load(file), [asked(API)], tmp_path / "runs", settings, lambda *_: None)

    with pytest.raises(InputError, match=r"'one' has an API answer its `overflow`.*--plan"):
        study(write(tmp_path, (scaling, with_api)), settings)
    study(write(tmp_path, (scaling, with_api)), replace(settings, plans=("two",)))
    workload = "  kind: synthetic\n  rate: 0.5/s\n"
    with pytest.raises(InputError, match="clients wait for answers"):
        study(write(tmp_path, (workload, "  kind: closed\n  clients: 4\n")), settings)


def test_prices_are_those_that_are_paid(tmp_path: Path) -> None:
    log = trace(tmp_path, "arrival,prompt_tokens,output_tokens\n0,1000,10\n60,300000,10\n")
    apis = [asked("google/gemini-2.5-pro,batch"), asked("anthropic/claude-haiku-4-5")]
    found = price_trace(log, apis, load_catalog())
    [batch] = [text for text in found.assumptions if "batch: input" in text]
    price = load_catalog().token_price("google/gemini-2.5-pro")
    assert f"input ${price.input_usd_per_m / 2:g}, " in batch
    assert f"longer than 200,000 tokens input ${price.tier_input_usd_per_m / 2:g}, " in batch
    assert "claude-haiku-4-5 would refuse 50.0 % of the requests, which are longer than its window." in found.verdict
    with pytest.raises(ArgumentTypeError, match=r"units=2\.5 must be a whole number"):
        asked("openai/gpt-4.1,units=2.5,unit_price=$1/h,unit_tokens=100")


def test_demand_is_scaled_at_its_source(loaded: LoadedScenario, tmp_path: Path) -> None:
    [workload] = scaled(loaded, 3.0).scenario.workload
    assert isinstance(workload, Synthetic)
    assert workload.rate == pytest.approx(48.0)
    trace = replace(
        loaded,
        scenario=replace(loaded.scenario, workload=(RecordedWorkload(path="t.parquet", rate_scale=2.0),)),
    )
    assert scaled(trace, 4.0).scenario.workload[0].rate_scale == 8.0
    with pytest.raises(InputError, match="cannot be repeated 2000 times"):
        scaled(trace, 1000.0)


CONVERSATIONS = SMALL.replace(
    "  lengths: {prompt_median: 100, output_median: 20}",
    "  clients: [{lengths: {prompt_median: 2000, output_median: 20}, sessions: {mean_turns: 6, think_median: 20s}}]",
)


def test_the_cache_is_looked_for_in_conversations(tmp_path: Path) -> None:
    chat = load(write(tmp_path, text=CONVERSATIONS))
    source = settle(chat, seed=None, seeds=1).source
    found = in_scenario(asked("openai/gpt-5-mini"), chat, source)
    assert isinstance(found.purchase.cache, PrefixReuse)
    assert "in the conversations drawn" in found.cache
    alone = load(write(tmp_path))
    single = in_scenario(asked("openai/gpt-5-mini"), alone, settle(alone, seed=None, seeds=1).source)
    assert single.purchase.cache == NoCache()
    stated = in_scenario(asked("openai/gpt-5-mini,hit=40%"), alone, source)
    assert stated.purchase.cache == HitShare(hit=0.4)


def test_the_cache_of_a_trace_is_a_share_of_its_tokens(tmp_path: Path) -> None:
    spec = Synthetic(rate=1.0, clients=(Stream(sessions=Sessions(mean_turns=6, think_median=20.0)),))
    path = tmp_path / "t.parquet"
    synthesize(spec, path, folder=tmp_path, seed=1, horizon_s=1800.0)
    found = price_trace(path, [asked("openai/gpt-5-mini"), asked("openai/gpt-5-mini,hit=0%")], load_ours())
    with_cache, without = found.apis
    assert 0 < with_cache.read_share < 1
    assert without.read_share == 0
    saved = with_cache.read_share * (0.25 - 0.025)
    inputs = without.usd_by_item["input"] / 0.25
    assert without.usd_by_item["input"] - with_cache.usd_by_item["input"] - with_cache.usd_by_item[
        "cache read"
    ] == pytest.approx(inputs * saved, rel=1e-3)
    recorded = load(
        write(
            tmp_path,
            text=SMALL.replace(
                "  kind: synthetic\n  rate: 0.5/s\n  lengths: {prompt_median: 100, output_median: 20}",
                "  kind: trace\n  path: t.parquet",
            ),
        )
    )
    api = in_scenario(asked("openai/gpt-5-mini"), recorded, settle(recorded, seed=None, seeds=1).source)
    assert isinstance(api.purchase.cache, HitShare)
    assert api.purchase.cache.hit == pytest.approx(with_cache.read_share, abs=1e-3)


def load_ours():  # type: ignore[no-untyped-def]
    from simcost.catalog import load_catalog

    return load_catalog()


def test_an_api_in_words() -> None:
    found = asked("openai/gpt-4o,batch,ttl=10min,ttft=0.5s,units=3,unit_price=$1/h,unit_tokens=2500,output_weight=4")
    assert found.name.startswith("openai/gpt-4o, batch, ttl=10min, units=3")
    assert found.purchase.service == "batch"
    assert found.purchase.cache == PrefixReuse(ttl=600.0)
    assert found.purchase.provisioned is not None
    assert found.purchase.provisioned.capacity == 7500


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("hit=40%,hit=50%", "hit appears twice"),
        ("output_weight=4", "provisioned units also need units, unit_price, unit_tokens"),
        ("cached_weight=0.1", "provisioned units also need"),
        ("hit=40%,ttl=1h", "give one of the two, or `written` too"),
        ("units=3,unit_price=1,unit_tokens=2500,reserved_units=3", "reserved_units need their price"),
        ("units=3,unit_price=1,unit_tokens=2500,reserved_price=0.5", "`reserved_price` goes with `reserved_units`"),
    ],
)
def test_words_that_would_do_nothing_are_refused(words: str, message: str) -> None:
    with pytest.raises(ArgumentTypeError, match=message):
        asked(f"openai/gpt-4o,{words}")


def test_units_with_a_reservation_and_a_price_of_cached_tokens() -> None:
    words = "units=20,unit_price=$1/h,unit_tokens=2500,cached_weight=0.1,reserved_units=15,reserved_price=$365/month"
    units = asked(f"openai/gpt-4o,{words}").purchase.provisioned
    assert units is not None
    assert units.usd(1.0) == pytest.approx(5 + 15 * 0.5)
    assert units.cached_weight == 0.1


HAIKU = "anthropic/claude-haiku-4-5"


def _prompts(folder: Path, lengths: Sequence[int], gap_s: float = 60.0) -> Path:
    """A trace of one conversation with prompts of these lengths."""
    rows = [f"{i * gap_s},{tokens},100,a" for i, tokens in enumerate(lengths)]
    log = folder / "log.csv"
    log.write_text("\n".join(["arrival,prompt_tokens,output_tokens,session", *rows]) + "\n")
    out = folder / "log.parquet"
    assert main(["trace", "import", str(log), "--format", "csv", "-o", str(out), "--quiet"]) == 0
    return out


def test_of_a_trace_each_prompt_pays_for_what_its_own_cache_held(tmp_path: Path) -> None:
    """A size tier divides prompts, so that the mean share of hits is not enough."""
    log = _prompts(tmp_path, [50_000, 60_000, 200_000])
    (found,) = price_trace(log, [asked("anthropic/claude-haiku-5-5")], load_catalog()).apis
    short = 10_000 * 0.125 + 50_000 * 0.01 + 50_000 * 0.125 + 200 * 0.5
    long = 60_000 * 0.05 + 140_000 * 0.625 + 100 * 2.5
    assert sum(found.usd_by_item.values()) == pytest.approx((short + long) / 1e6)
    months = 730 * 3600 / 120
    assert found.usd_per_month == pytest.approx(sum(found.usd_per_month_by_item.values()))
    assert found.usd_per_month_by_item["output"] == pytest.approx(months * found.usd_by_item["output"])


def test_prompts_kept_for_an_hour_are_written_at_the_price_of_an_hour(tmp_path: Path) -> None:
    log = _prompts(tmp_path, [10_000] * 20, gap_s=600.0)
    (found,) = price_trace(log, [asked(f"{HAIKU},ttl=1h")], load_catalog()).apis
    assert found.read_share == pytest.approx(0.95)
    assert found.usd_by_item["cache write"] == pytest.approx(10_000 * 2 / 1e6)
    (stated,) = price_trace(log, [asked(f"{HAIKU},hit=50%,written=10%,ttl=1h")], load_catalog()).apis
    assert stated.usd_by_item["cache write"] == pytest.approx(20 * 1000 * 2 / 1e6)
    recorded = load(
        write(
            tmp_path,
            text=SMALL.replace(
                "  kind: synthetic\n  rate: 0.5/s\n  lengths: {prompt_median: 100, output_median: 20}",
                "  kind: trace\n  path: log.parquet",
            ),
        )
    )
    api = in_scenario(asked(f"{HAIKU},ttl=1h"), recorded, settle(recorded, seed=None, seeds=1).source)
    assert api.purchase.cache.keep_s == 3600


def test_hits_without_writes_and_the_least_length_are_told(tmp_path: Path) -> None:
    log = _prompts(tmp_path, [3000, 3000, 3000])
    words = [asked(f"{HAIKU},hit=50%"), asked(HAIKU), asked(f"{HAIKU},min_tokens=4096")]
    found = price_trace(log, words, load_catalog())
    stated, measured, none = found.apis
    assert "nothing written to it, for which it takes $1.25 per 1M tokens" in stated.cache
    assert "of prompts of 1,024 tokens or more" in measured.cache
    (long,) = price_trace(log, [asked(f"{HAIKU},hit=50%,min_tokens=4096")], load_catalog()).apis
    assert long.cache.startswith("50.0 % of prompts of 4,096 tokens or more read")
    assert none.read_share == 0
    assert none.cache.startswith("no cache: no prompt begins")
    (blind,) = price_trace(trace(tmp_path, name="blind"), [asked(HAIKU)], load_catalog()).apis
    assert "no cached tokens, prefix hashes or sessions to find it by; state what it holds with `hit=`" in blind.cache


def test_the_load_of_units_and_the_busiest_minute_are_told(tmp_path: Path) -> None:
    log = _prompts(tmp_path, [500, 2000, 100, 100], gap_s=30.0)
    words = "openai/gpt-4o,hit=0%,units=1,unit_price=$1/h,unit_tokens=1500,output_weight=4"
    found = price_trace(log, [asked(words)], load_catalog())
    (api,) = found.apis
    assert (api.peak_requests_per_min, api.peak_tokens_per_min) == (2, 2700)
    assert api.units_load == pytest.approx((900 + 500 + 500) / 2250)
    assert api.spilled_requests == 1
    text = " ".join(found.assumptions)
    assert "The busiest minute has 2 requests with 2,700 tokens" in text
    assert "1 unit at $730.00 a month is 84.4 % full and serves 75.0 % of the requests" in text


def test_a_fleet_with_a_prefix_cache_is_not_said_to_compute_prompts_again(tmp_path: Path) -> None:
    cached = "  - name: two\n    prefix_cache: true\n"
    chat = load(write(tmp_path, text=CONVERSATIONS.replace("  - name: two\n", cached)))

    def sentences(*plans: str) -> list[str]:
        settings = Settings(scales=(1.0,), seeds=1, plans=plans, refined=0)
        found = compare_with_apis(chat, [asked("openai/gpt-5-mini")], tmp_path / "runs", settings, lambda *_: None)
        return [said for said in found.assumptions if "every prompt again" in said]

    assert sentences("one")[0].startswith("Fleets compute every prompt again")
    assert sentences("one", "two")[0].startswith("Fleets without `prefix_cache` (one) compute")
    assert sentences("two") == []
