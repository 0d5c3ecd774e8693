"""`simcost sensitivity`: swings and flips of a small scenario, and bad input."""

from pathlib import Path
from typing import Any

import pytest
from support.commands import TINY, call, refused, scenario
from support.job_scenarios import home
from support.scenarios import SERVICES, alone, write

from simcost.scenario.checks.load import load_with_services
from simcost.scenario.inputs.changes import with_values
from simcost.scenario.runs import serving_runs
from simcost.scenario.runs.assessment import assess
from simcost.scenario.runs.execution import RunOptions, workers_of
from simcost.studies.sensitivity.simulated import _OneByOne
from simcost.studies.sensitivity.states import PlanAtValue, PlanRange
from simcost.studies.sensitivity.study import TOLERANCE

pytestmark = pytest.mark.slow

TWO = TINY.partition("  - name: scaled")[0] + (
    "  - name: large\n"
    "    replica: {accelerator: l40s}\n"
    "    buy: {offer: aws/g6e.xlarge}\n"
    "    scaling: {kind: fixed, replicas: 1}\n"
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return scenario(tmp_path_factory.mktemp("two"), text=TWO)


def asked(file: Path, *ranges: str) -> dict[str, Any]:
    words = [word for one in ranges for word in ([one] if one.startswith("--") else ["--vary", one])]
    said = call("sensitivity", file, *words, "--out", file.parent / "out", "--json", "--quiet")
    assert said.code == 0, said.err
    return said.document()


def test_prices_flip_where_the_costs_are_equal_without_a_simulation(file: Path) -> None:
    document = asked(file, "price.aws/g6.xlarge=0.4..3", "discount.aws/g6e.xlarge=0..90%")
    assert document["simulated"] == 4, "two plans, two replications: prices need none"
    by_path = {one["path"]: one for one in document["tornado"]}
    row = by_path["price.aws/g6.xlarge"]
    assert row["hi_usd"] - row["lo_usd"] == pytest.approx(2.6 * 730)
    price, discount = document["flips"]
    plans = call("run", file, "--out", file.parent / "out", "--json", "--quiet").document()["plans"]
    small, large = (plan["cost_usd"]["per_month"] for plan in plans)
    assert price["value"] == pytest.approx(row["base"] + (large - small) / 730, abs=0.03)
    assert (price["below"], price["above"], price["verdict"]) == ("one", "large", "large")
    assert discount["value"] == pytest.approx((large - small) / (1.861 * 730), abs=0.01)
    for flip in (price, discount):
        assert flip["lo"] <= flip["value"] <= flip["hi"]
        assert flip["hi"] - flip["lo"] < 0.01 * flip["value"], "costs of fixed fleets hardly vary"
    assert document["value_of_information"]["price.aws/g6.xlarge"] > 0
    assert document["tornado"][0]["swing_usd"] >= document["tornado"][1]["swing_usd"]


def test_a_price_that_chooses_between_nodes_is_simulated(tmp_path: Path) -> None:
    """Five replicas more: on nodes of four GPUs where two of these cost less than five of one."""
    text = TINY.partition("  - name: scaled")[0].replace(
        "scaling: {kind: fixed, replicas: 1}",
        "scaling: {kind: schedule, steps: [{at: 0, replicas: 1}, {at: 60, replicas: 6}]}\n"
        "    or_buy: [{offer: aws/g6.12xlarge}]\n"
        "    nodes: {kind: cluster-autoscaler, max: 9, expander: price}",
    )
    file, path = scenario(tmp_path, text=text), "price.aws/g6.12xlarge"
    document = asked(file, f"{path}=0.5..9")
    [row], runs = document["tornado"], tmp_path / "runs"
    options = RunOptions(folder=runs, workers=workers_of(runs, jobs=1), fresh=False, progress=lambda *_: None)
    for end, usd in ((0.5, row["lo_usd"]), (9.0, row["hi_usd"])):
        [plan] = assess(with_values(load_with_services(file), {path: end}), options).plans
        assert plan.per_month_usd.mean == usd
    assert row["lo_usd"] < 0.6 * row["hi_usd"], "the large nodes are taken where they are cheap"


def test_demand_engine_and_fields_are_simulated(file: Path) -> None:
    document = asked(file, "demand=0.5..2", "engine=0.5..1000", "plans.0.scaling.replicas=1..3")
    by_path = {one["path"]: one for one in document["tornado"]}
    rows = by_path["plans.0.scaling.replicas"]
    assert rows["hi_usd"] / rows["lo_usd"] == pytest.approx(3, rel=0.05)
    broken = [flip for flip in document["flips"] if flip["path"] == "engine"]
    assert broken[-1]["above"] == "no plan meets the SLO"
    assert broken[0]["below"] == "one"
    assert broken[-1]["lo"] <= broken[-1]["value"]
    assert document["value_of_information"]["engine"] is None
    fleet = next(flip for flip in document["flips"] if flip["path"] == "plans.0.scaling.replicas")
    assert (fleet["value"], fleet["above"]) == (3, "large"), "two cost less than the large one"


def test_one_replication_that_is_far_from_missing_tells_what_knowing_is_worth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The large plan at half the demand and at twice, which no flip asks for: one of four replications is enough."""
    file, found = scenario(tmp_path, text=TWO.replace("seeds: 2", "seeds: 4")), []
    for expected in (_OneByOne.expected, lambda plans, name, _base: plans.judged([name])[name]):
        monkeypatch.setattr(_OneByOne, "expected", expected)
        found.append(asked(file, "demand=0.5..1.5", "engine=0.9..30"))
    fewer, all_made = found
    assert fewer["simulated"] < all_made["simulated"]
    worth, whole = (one.pop("value_of_information") for one in found)
    assert worth == pytest.approx(whole, rel=1e-3)
    assert any(worth.values())
    assert (fewer["tornado"], fewer["flips"]) == (all_made["tornado"], all_made["flips"])


def test_one_future_that_meets_the_slo_says_nothing_of_the_others() -> None:
    """It came first, whatever its demand, and had no misses of which to say how far it was from missing."""
    base = PlanAtValue(usd=15.0, met=True, ratio=0.5, costs_usd=(10.0, 20.0))
    one = PlanAtValue(usd=11.0, met=False, ratio=0.0, complete=False, costs_usd=(11.0,), replications=(0,))
    assert one.over_all(base) is None


def test_where_the_quality_asked_for_excludes_the_last_plan_a_flip_says_so(tmp_path: Path) -> None:
    """At a slower engine the large one meets the SLO on, with a model that is not good enough: "no plan meets the SLO"
    was not true of it."""
    text = TWO.replace("plans:\n", "quality: {metric: mmlu, at_least: 50}\nplans:\n")
    text = text.replace(
        "    replica: {accelerator: l4}\n", "    replica: {accelerator: l4}\n    quality: {metric: mmlu, value: 60}\n"
    )
    text += "    quality: {metric: mmlu, value: 40}\n"
    document = asked(scenario(tmp_path, text=text), "engine=0.5..1000", "demand=0.9..1.1", "--grid=engine,demand")
    none = "no plan that is good enough meets the SLO"
    assert (document["base"]["verdict"], document["flips"][-1]["above"]) == ("one", none)
    assert f"It flips: {none} above" in document["verdict"]
    assert {cell["verdict"] for cell in document["two_way"][0]["cells"]} == {"one", none}


def test_fields_say_the_same_alone_and_side_by_side(file: Path) -> None:
    ranges = ("demand=0.5..2", "engine=0.5..1000", "workload.0.rate=0.2..2", "price.aws/g6.xlarge=0.4..3")
    together, twice = asked(file, *ranges), asked(file, *ranges, "--jobs=2")
    assert twice == together
    for one in ranges:
        document = asked(file, one)
        path = one.partition("=")[0]
        assert document["tornado"] == [row for row in together["tornado"] if row["path"] == path]
        assert document["flips"] == [flip for flip in together["flips"] if flip["path"] == path]
        assert document["value_of_information"] == {path: together["value_of_information"][path]}


def test_it_is_shown_and_drawn(file: Path) -> None:
    svg = file.parent / "a.svg"
    words = ("sensitivity", file, "--vary", "price.aws/g6.xlarge=0.4..3", "--out", file.parent / "out")
    said = call(*words, "--svg", svg, "--quiet")
    assert "It flips: large above" in said.out.replace("\n", " ")
    assert max(map(len, said.out.splitlines())) <= 100
    assert svg.read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("vary", "said"),
    [
        ("demand", "is not PATH=LO..HI"),
        ("demand=.9.9", "is not PATH=LO..HI"),
        ("slo.ttft=500ms..2s", "is not PATH=LO..HI, e.g. demand=0.8..1.5 or discount.aws/p5=0..40%; numbers as"),
        ("demand=1.5..2", "does not hold the base 1"),
        (
            "horizon=5..15",
            "does not hold the base 600; widen it (numbers as `scenario.yaml` of a results folder has them",
        ),
        ("demand=2..0.5", "2 is not below 0.5"),
        ("demand=1..1", "1 is not below 1"),
        ("price.aws/none=1..2", "no plan buys the offer 'aws/none'; bought are aws/g6.xlarge, aws/g6e.xlarge"),
        ("price=1..2", "of an offer: price.OFFER; bought are aws/g6.xlarge, aws/g6e.xlarge"),
        ("workload.0.rat=1..2", "has no 'rat' there"),
        ("plans.0.name=1..2", "is not a number"),
        ("plans.0.replica.tp=1..3", "plans.0.replica: tp 3 does not split the 32 heads and 8 KV heads"),
        (
            "plans.0.scaling.replicas=0.5..3",
            "counts something, in whole numbers; write e.g. plans.0.scaling",
        ),
        (
            "plans.0.replica.memory_utilisation=0.5..3",
            "3.0% (with plans.0.replica.memory_utilisation = 3, an end of --vary)",
        ),
        ("demand=0..2", "--vary demand=0..2: a factor is above 0; write e.g. demand=0.01..2"),
        ("engine=-1..2", "--vary engine=-1..2: a factor is above 0"),
        ("price.aws/g6.xlarge=-1..2", "--vary price.aws/g6.xlarge=-1..2: a price is not below 0"),
        ("discount.aws/g6.xlarge=0..2", "--vary discount.aws/g6.xlarge=0..2: a discount is at most 100 %"),
    ],
)
def test_ranges_that_cannot_be_are_refused(file: Path, vary: str, said: str) -> None:
    assert said in refused("sensitivity", file, "--vary", vary, "--out", file.parent / "out")


def test_a_value_has_one_range(file: Path) -> None:
    message = refused("sensitivity", file, "--vary", "demand=0.5..2", "--vary", "demand=0.1..3")
    assert "--vary demand: appears twice; write one range" in message


def test_a_service_varies_by_as_much_as_alone(tmp_path: Path) -> None:
    """Services on nodes of their own share no cost, and the seed of a service gives the same numbers alone."""
    file, own = write(tmp_path, text=SERVICES), write(tmp_path, text=alone("chat"), name="chat.yaml")
    paths = ("plans.one.services.chat.scaling.replicas=1..3", "services.chat.workload.0.rate=0.2..2")
    together = asked(file, *paths, "demand.chat=0.5..2", "engine.search=0.5..1.5", "discount.aws/g6.2xlarge=0..50%")
    seed = together["provenance"]["service_seeds"]["chat"]
    words = [*(f"--vary={one.replace('services.chat.', '')}" for one in paths), "--vary=demand=0.5..2", "--seed", seed]
    said = call("sensitivity", own, *words, "--out", tmp_path / "own", "--json", "--quiet").document()
    swings, same = ({one["path"]: one for one in document["tornado"]} for document in (together, said))
    for path in (*(one.partition("=")[0] for one in paths), "demand.chat"):
        twin = same[path.replace("services.chat.", "").replace("demand.chat", "demand")]
        assert swings[path]["hi_usd"] - swings[path]["lo_usd"] == pytest.approx(twin["hi_usd"] - twin["lo_usd"])
    nodes_usd = swings["discount.aws/g6.2xlarge"]["lo_usd"] - swings["discount.aws/g6.2xlarge"]["hi_usd"]
    assert nodes_usd == pytest.approx(0.5 * 0.978 * 730, rel=0.01)
    [flip] = [one for one in together["flips"] if one["path"].startswith("plans.one")]
    assert (flip["value"], flip["above"]) == (3, "two")


def test_services_on_shared_nodes_vary_together(tmp_path: Path) -> None:
    own = "    chat: {buy: {offer: aws/g6.xlarge}}\n    search: {buy: {offer: aws/g6.2xlarge}}\n"
    shared = SERVICES.replace(own, "").replace("  services:\nplans", "  buy: {offer: aws/g6.12xlarge}\nplans")
    document = asked(write(tmp_path, text=shared), "price.aws/g6.12xlarge=3..9", "demand=0.5..1.5")
    [price] = [one for one in document["tornado"] if one["path"].startswith("price")]
    assert price["hi_usd"] / price["lo_usd"] == pytest.approx(3, rel=0.02), "disks and traffic have other prices"


def test_jobs_beside_services_vary_as_without_them(tmp_path: Path) -> None:
    """The cluster of the jobs and their targets: a node of 8 GPUs more or less is one node of the bill."""
    file = home(tmp_path)
    plan = "  - name: {}\n    services: {{chat: {{}}}}\n    training: {{kind: gpus, gpus: {}, disk: 0}}\n"
    text = SERVICES[: SERVICES.index("  - name: search")] + (
        "jobs: {path: jobs.csv}\nslo: {wait: {p95: 2h}}\nhorizon: 2h\n"
        "defaults:\n  training_buy: {offer: aws/p4d.24xlarge}\n  replica: {accelerator: l4}\n"
        "  buy: {offer: aws/g6.xlarge}\n  scaling: {kind: fixed, replicas: 1}\nplans:\n"
    )
    file.write_text(text.replace("horizon: 10min\n", "") + plan.format("small", 16) + plan.format("large", 32))
    document = asked(file, "plans.small.training.gpus=8..40", "slo.wait.p95=60..100000")
    cluster, _ = (next(one for one in document["tornado"] if one["path"].startswith(key)) for key in ("plans", "slo"))
    assert cluster["swing_usd"] == pytest.approx(4 * 21.957642 * 730, rel=1e-6)
    assert {flip["path"] for flip in document["flips"]} >= {"slo.wait.p95"}


def test_plans_of_jobs_flip_where_one_has_too_few_accelerators(tmp_path: Path) -> None:
    without_disks = (("gpus: 16}", "gpus: 16, disk: 0}"), ("gpus: 32,", "gpus: 32, disk: 0,"))
    file = home(tmp_path, *without_disks)
    document = asked(file, "plans.small.training.gpus=8..40", "price.aws/p4d.24xlarge=10..30")
    by_path = {one["path"]: one for one in document["tornado"]}
    assert by_path["price.aws/p4d.24xlarge"]["hi_usd"] == pytest.approx(3 * by_path["price.aws/p4d.24xlarge"]["lo_usd"])
    assert {flip["path"] for flip in document["flips"]} == {"plans.small.training.gpus"}


@pytest.mark.parametrize(
    ("vary", "said"),
    [
        ("demand.chta=0.5..2", "'chta' is none of the services; did you mean 'chat'"),
        ("services.chta.workload.0.rate=0.5..2", "'chta' is none of the services; did you mean 'chat'"),
        (
            "plans.0.services.chat.scaling.replica=0..2",
            "has no 'replica' there; write a field of the file such as serv",
        ),
        ("services.chat.workload.rate=0.5..2", "has no 'rate' there; lists are counted from 0; write a field"),
        ("plans.two.scaling.replicas=1..3", "services differ in it (2, 1); name one"),
        ("plans.one.scaling.replicas=1..3", "each service has one of its own, so that this changes nothing"),
    ],
)
def test_ranges_of_services_that_cannot_be_are_refused(tmp_path: Path, vary: str, said: str) -> None:
    file = write(tmp_path, text=SERVICES)
    assert said in refused("sensitivity", file, "--vary", vary, "--out", tmp_path / "out")


def test_demand_of_jobs_alone_is_refused(tmp_path: Path) -> None:
    said = refused("sensitivity", home(tmp_path), "--vary", "demand=0.5..2", "--out", tmp_path / "out")
    assert "has jobs alone, and no requests" in said


def test_what_is_not_simulated_changes_nothing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against bisection with all plans in all replications at each value: the same verdicts, flips within tolerance."""
    ranges = ("demand=0.5..2", "engine=0.5..1000", "price.aws/g6.xlarge=0.4..3", "plans.0.scaling.replicas=1..3")
    few = asked(file, *ranges)
    answers = "simcost.studies.sensitivity.answers"
    monkeypatch.setattr(f"{answers}.fixed_usd", lambda _, plans: dict.fromkeys([plan.name for plan in plans], 0.0))
    monkeypatch.setattr(f"{answers}.has_choice", lambda _: True)
    monkeypatch.setattr(f"{answers}.range_between", lambda least, _: PlanRange(least_usd=least))
    monkeypatch.setattr(f"{answers}.range_confirmed", lambda least, *_: PlanRange(least_usd=least))
    monkeypatch.setattr(f"{answers}.plan_of", lambda *_: None)
    monkeypatch.setattr(f"{answers}.PlanAnswers.guess", lambda *_: None)
    monkeypatch.setattr("simcost.studies.sensitivity.simulated.hopeless", lambda *_: False)
    every = asked(file, *ranges)
    assert few.pop("simulated") < every.pop("simulated")
    for key in ("plan", "base", "value_of_information"):
        assert few[key] == every[key]
    for one, other in zip(few["tornado"], every["tornado"], strict=True):
        assert one == pytest.approx(other)
    widths = {one["path"]: one["hi"] - one["lo"] for one in few["tornado"]}
    for one, other in zip(few["flips"], every["flips"], strict=True):
        assert one.pop("value") == pytest.approx(other.pop("value"), abs=2 * TOLERANCE * widths[one["path"]])
        for end in ("lo", "hi", "first", "last"):  # interpolated between the values that are known
            assert (one.pop(end, None) is None) == (other.pop(end, None) is None)
        for end in ("below_at", "above_at"):
            assert one.pop(end) == pytest.approx(other.pop(end), abs=4 * TOLERANCE * widths[one["path"]])
        assert one == other


def test_workers_do_not_change_a_byte(file: Path) -> None:
    words = ("sensitivity", file, "--vary", "demand=0.5..2", "--vary", "engine=0.5..50", "--json", "--quiet")
    out = [call(*words, "--jobs", jobs, "--out", file.parent / f"out-{jobs}").out for jobs in (1, 2)]
    assert out[0] == out[1]


def test_a_grid_says_what_its_lines_say_and_simulates_prices_never(file: Path) -> None:
    ranges = ("demand=0.5..2", "price.aws/g6.xlarge=0.4..3", "discount.aws/g6e.xlarge=0..90%")
    grids = ("--grid=demand,price.aws/g6.xlarge", "--grid=price.aws/g6.xlarge,discount.aws/g6e.xlarge")
    alone, document = asked(file, *ranges), asked(file, *ranges, *grids)
    assert document["flips"] == alone["flips"]
    first, prices = document["two_way"]
    assert (first["x"], first["y"]) == ("demand", "price.aws/g6.xlarge")
    assert [len(first["cells"]), len(prices["cells"])] == [81, 81]
    price = next(flip["value"] for flip in alone["flips"] if flip["path"] == "price.aws/g6.xlarge")
    for cell in prices["cells"]:
        if cell["y"] == 0.0:
            assert cell["verdict"] == ("one" if cell["x"] < price else "large"), cell
    best = {(cell["x"], cell["y"]): cell["verdict"] for cell in prices["cells"]}
    for (x, y), name in best.items():
        assert name == "one" or all(best[x, other] == "large" for _, other in best if other > y), "cheaper still"
    money = asked(file, *ranges[1:], grids[1])
    assert money["simulated"] == 4


def test_what_several_combinations_ask_for_is_simulated_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def counted(question: Any, run: Any, *rest: Any, **named: Any) -> Any:
        made.append(run.folder.name)
        return simulated(question, run, *rest, **named)

    simulated = serving_runs.simulated
    monkeypatch.setattr(serving_runs, "simulated", counted)
    out = ("--out", file.parent / "fresh", "--json", "--quiet", "--jobs", 1)
    ranges = ("--vary=demand=0.5..2", "--vary=price.aws/g6.xlarge=0.4..3", "--vary=workload.0.rate=0.2..2")
    document = call("sensitivity", file, *ranges, "--grid=demand,price.aws/g6.xlarge", "--sobol", *out).document()
    assert len(made) == len(set(made)) == document["simulated"]


def test_shares_of_the_variance_of_prices_are_those_of_the_bill(file: Path) -> None:
    document = asked(file, "price.aws/g6.xlarge=0.4..3", "discount.aws/g6.xlarge=0..50%", "--sobol")
    found = document["variance"]
    assert document["simulated"] == 4
    assert found["of_cost"]["error_usd"] < 1e-6 * found["of_cost"]["standard_deviation_usd"], "a bill is exact"
    indices = {one["path"]: one for one in found["of_cost"]["indices"]}
    price, left = (0.4, 3.0), (0.5, 1.0)
    moments = [((hi + lo) / 2, (hi - lo) ** 2 / 12) for lo, hi in (price, left)]
    (mean, spread), (kept, kept_spread) = moments
    variance = (spread + mean**2) * (kept_spread + kept**2) - (mean * kept) ** 2
    assert indices["price.aws/g6.xlarge"]["first_order"] == pytest.approx(spread * kept**2 / variance, abs=0.01)
    assert indices["discount.aws/g6.xlarge"]["first_order"] == pytest.approx(kept_spread * mean**2 / variance, abs=0.01)
    assert found["of_cost"]["standard_deviation_usd"] == pytest.approx(730 * variance**0.5, rel=0.005), "by ranges"


def test_a_single_value_causes_all_of_the_variance(file: Path) -> None:
    found = asked(file, "price.aws/g6.xlarge=0.4..3", "--sobol")["variance"]
    assert found["of_cost"]["indices"] == [{"path": "price.aws/g6.xlarge", "first_order": 1.0, "total": 1.0}]


def test_all_values_at_once_are_simulated_and_the_surface_is_checked(file: Path) -> None:
    ranges = ("demand=0.5..2", "plans.0.scaling.replicas=1..3", "price.aws/g6.xlarge=0.4..3")
    document = asked(file, *ranges, "--sobol")
    found = document["variance"]
    assert found["plan"] == "one"
    assert found["of_cost"]["error_usd"] < 0.1 * found["of_cost"]["standard_deviation_usd"]
    assert {one["path"] for one in found["of_cost"]["indices"][:2]} == {
        ranges[1].partition("=")[0],
        "price.aws/g6.xlarge",
    }
    assert asked(file, *ranges, "--sobol", "--jobs=2") == document
    said = call("sensitivity", file, *(f"--vary={one}" for one in ranges), "--sobol", "--out", file.parent / "out")
    assert "Shares of the variance of the cost of one" in said.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--grid", "demand,engine"], "--grid demand,engine: engine does not vary"),
        (["--grid", "demand,demand"], "names one value twice"),
        (["--grid", "demand"], "is not PATH,PATH"),
        (["--vary", "engine=0.5..2", "--grid", "demand,enigne"], "did you mean 'engine'"),
    ],
)
def test_grids_that_cannot_be_drawn(file: Path, words: list[str], message: str) -> None:
    assert message in refused("sensitivity", file, "--vary", "demand=0.5..2", *words)


def test_too_many_values_at_once_are_refused(file: Path) -> None:
    names = ("rate", "burst_cv", "lengths.prompt_median", "lengths.output_median")
    fields = {"demand": "0.5..2", "engine": "0.5..2", **{f"workload.0.{name}": "0..10000" for name in names}}
    words = [word for path, ends in fields.items() for word in ("--vary", f"{path}={ends}")]
    assert "6 simulated values vary, 5 at most may" in refused("sensitivity", file, *words, "--sobol")


def test_engines_of_services_vary_together(tmp_path: Path) -> None:
    loaded = load_with_services(write(tmp_path, text=SERVICES))
    both = with_values(loaded, {"engine.chat": 2.0, "engine.search": 3.0, "price.aws/g6.xlarge": 5.0})
    assert [both.engine_of(name) for name in ("chat", "search")] == [2.0, 3.0]
    assert with_values(loaded, {"engine": 2.0, "engine.chat": 1.5}).engine_of("chat") == 3.0
    runs = tmp_path / "runs"
    options = RunOptions(folder=runs, workers=workers_of(runs, jobs=1), fresh=False, progress=lambda *_: None)
    one, other = (
        assess(with_values(loaded, values), options).runs
        for values in ({"engine": 2.0}, {"engine.chat": 2.0, "engine.search": 2.0})
    )
    assert one == other


@pytest.mark.parametrize("terms", ["price_per_h\naws,g6.xlarge,{},0.6", "discount\naws,g6.*,{},0.25"])
def test_a_price_by_contract_varies_as_it_is_paid(tmp_path: Path, terms: str) -> None:
    """The base is what is paid, and the cost moves with it; a fixed price of a contract stayed as it was, so that no
    price changed the cost."""
    (tmp_path / "facts").mkdir()
    head, _, row = terms.format("us-east-1,agreement,2026-01-01,A").partition("\n")
    cells = row.split(",")
    columns = ["provider", "sku", "region", "source", "as_of", "quality", head]
    (tmp_path / "facts" / "contracts.csv").write_text(f"{','.join(columns)}\n{','.join(cells)}\n")
    one = TWO.partition("  - name: large")[0].replace("scenario: tiny", "scenario: tiny\ncatalog: facts")
    document = asked(scenario(tmp_path, text=one), "price.aws/g6.xlarge=0.3..1.2", "discount.aws/g6.xlarge=0..50%")
    price, discount = (next(r for r in document["tornado"] if r["path"].startswith(k)) for k in ("price", "discount"))
    paid = 0.6 if head == "price_per_h" else 0.75 * 0.8048
    assert price["base"] == pytest.approx(paid)
    assert abs(price["hi_usd"] - price["lo_usd"]) == pytest.approx(0.9 * 730)
    assert abs(discount["hi_usd"] - discount["lo_usd"]) == pytest.approx(0.5 * paid * 730)


def test_a_price_that_no_plan_pays_is_told(tmp_path: Path) -> None:
    """It changes no cost: the plan that buys the offer states another."""
    own = TWO.replace("offer: aws/g6e.xlarge", "offer: aws/g6e.xlarge, price: $1/h")
    document = asked(scenario(tmp_path, text=own), "price.aws/g6e.xlarge=0.5..4", "discount.aws/g6.xlarge=0..50%")
    [told] = [said for said in document["assumptions"] if "no plan pays the on-demand price" in said]
    assert told.startswith("price.aws/g6e.xlarge: ")
    assert "vary that price, as plans.NAME.buy.price" in told
    assert next(row for row in document["tornado"] if row["path"].startswith("price."))["swing_usd"] == 0.0


def test_a_price_is_of_one_region_where_these_differ(tmp_path: Path) -> None:
    """One price for both regions made them equal on both sides of the base, and the dearer one the best there."""
    one = TWO.partition("  - name: large")[0].replace("aws/g6.xlarge", "gcp/g2-standard-8, region: us-east4")
    plan = one.partition("plans:\n")[2]
    both = one + plan.replace("name: one", "name: two").replace("us-east4", "europe-west1")
    file = scenario(tmp_path, text=both)
    offer = "gcp/g2-standard-8"
    message = refused("sensitivity", file, "--vary", f"price.{offer}=0.5..1.5")
    assert f"$0.939926 in europe-west1; name one region, as price.{offer}@us-east4" in message
    message = refused("sensitivity", file, "--vary", f"price.{offer}@=0.5..1.5")
    assert f"name one region, as price.{offer}@us-east4" in message
    document = asked(file, f"price.{offer}@us-east4=0.5..1.5", f"discount.{offer}=0..30%")
    assert [flip["value"] for flip in document["flips"]] == [pytest.approx(0.939, abs=0.01)]
    assert document["value_of_information"][f"discount.{offer}"] == 0
    message = refused("sensitivity", file, "--vary", f"discount.{offer}@us=0..0.3")
    assert f"bought are {offer}@europe-west1, {offer}@us-east4" in message
