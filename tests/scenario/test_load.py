"""Scenario files that are wrong: every fault, at its place, in words that say what to do."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.scenarios import SERVICES, SMALL, write

from simcost.errors import FaultsError
from simcost.plan import Fixed, RoundRobin, Schedule
from simcost.scenario.checks.load import find_faults, load, load_with_services
from simcost.scenario.files.conform import hints
from simcost.scenario.files.json_schema import parts
from simcost.scenario.files.parts import load_workload
from simcost.scenario.files.yaml import parse
from simcost.scenario.runs.check import check
from simcost.scenario.runs.provenance import dump


def faults_of(folder: Path, *changes: tuple[str, str]) -> list[str]:
    """Faults as text, without the folder."""
    return [str(fault).replace(f"{folder}/", "") for fault in find_faults(write(folder, *changes))]


def test_a_sound_scenario_has_no_faults(tmp_path: Path) -> None:
    loaded = load(write(tmp_path))
    assert check(loaded.path) == {"faults": [], "notes": []}
    assert [plan.name for plan in loaded.scenario.plans] == ["one", "two"]
    assert loaded.scenario.horizon == 600.0
    assert loaded.scenario.slo.attainment == 0.95
    assert loaded.text == SMALL


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("seeds: 2", "sedes: 2"), "4:1: sedes: unknown key 'sedes'; did you mean 'seeds' or 'seed' or 'services'?"),
        (("lengths:", "length:"), "8:3: workload.length: unknown key 'length'; did you mean 'lengths'"),
        (("model: llama-3.2-1b\n", ""), "1:1: model: is required, and missing"),
        (("seeds: 2", "seeds: 2.5"), "4:8: seeds: 2.5 is not a whole number"),
        (("seeds: 2", "seeds: '2'"), "4:8: seeds: '2' is not a whole number"),
        (("seeds: 2", "seeds: yes"), "4:8: seeds: 'yes' is not a whole number"),
        (("seeds: 2", "seeds: true"), "4:8: seeds: true is not a whole number"),
        (("seeds: 2", "seeds: 0"), "4:8: seeds: 0 must be at least 1"),
        (("seeds: 2", "seeds: -3"), "4:8: seeds: -3 must be at least 1"),
        (("seeds: 2", "level:"), "4:7: level: nothing (null) is not a number"),
        (("seeds: 2", "seeds: 2\nlevel: 1"), "5:8: level: 1 must be at most 0.9999"),
        (("seeds: 2", "seeds: 2\nseeds: 3"), "5:1: seeds: the key 'seeds' appears twice; first in line 4"),
        (
            ("horizon: 10min", "horizon: 10mn"),
            "3:10: horizon: '10mn' has the unknown unit 'mn'; known here: ns",
        ),
        (
            ("horizon: 10min", "horizon: soon"),
            "3:10: horizon: 'soon' is not a quantity; write a number of seconds",
        ),
        (("horizon: 10min", "horizon: -1h"), "3:10: horizon: '-1h' must be above 0"),
        (("horizon: 10min", "horizon: .nan"), "3:10: horizon: .nan is not a finite number"),
        (("horizon: 10min", "horizon: 1e999s"), "3:10: horizon: '1e999s' is too large for a number"),
        (("horizon: 10min", "horizon: [1h]"), "3:10: horizon: a list is not a number"),
        (("horizon: 10min\n", ""), "1:1: horizon: is required with a synthetic workload"),
        (("0.5/s", ".inf"), "7:9: workload.rate: .inf is not a finite number"),
        (("scenario: small", "scenario: Sm all"), "1:11: scenario: 'Sm all' is not a name; use a-z"),
        (("scenario: small", "scenario: ../up"), "1:11: scenario: '../up' is not a name; use a-z"),
        (("scenario: small", "scenario: 8"), "1:11: scenario: 8 is not text; put it in quotes"),
        (
            ("{ttft: 1s, attainment: 95%}", "[]"),
            "9:6: slo: expected a mapping (key: value), not a list",
        ),
        (("{ttft: 1s, attainment: 95%}", "{}"), "9:6: slo: has no target; give at least one of ttft"),
        (
            ("attainment: 95%", "attainment: 95"),
            "9:29: slo.attainment: 95 must be at most 1; 95 per cent is written 95%",
        ),
        (("seeds: 2", "seeds: '2'"), "4:8: seeds: '2' is not a whole number; write 2, without quotes or commas"),
        (
            ("prompt_median: 100", "prompt_median: 1k"),
            "8:28: workload.lengths.prompt_median: '1k' is not a number; write the number alone",
        ),
        (("attainment: 95%", "attainment: 950%"), "9:29: slo.attainment: '950%' must be at most 1"),
        (
            ("ttft: 1s", "percentiles: {ttft: {p96: 1s}}"),
            "9:28: slo.percentiles.ttft.p96: unknown key 'p96'; did you",
        ),
        (
            ("kind: synthetic", "kind: syntetic"),
            "6:9: workload.kind: 'syntetic' is not a kind known here; one of",
        ),
        (("  kind: synthetic\n", ""), "6:3: workload: has no kind; write kind: with one of trace, synthetic"),
        (
            ("kind: synthetic", "kind: synthetic\n  daily: [1, 2]"),
            "7:10: workload.daily: has 2 items; needs at",
        ),
        (
            ("llama-3.2-1b", "llama-3.2-1c"),
            "2:8: model: the catalog has no model 'llama-3.2-1c'; did you mean",
        ),
        (
            ("plans:", "baseline: on\nplans:"),
            "10:11: baseline: 'on' is none of the plans; did you mean 'one'?",
        ),
        (("plans:", "catalog: prices\nplans:"), "10:10: catalog: the catalog folder"),
        (("plans:", "catalog: ../..\nplans:"), "10:10: catalog: ../..: lies outside"),
        (
            ("plans:", "defaults: 3\nplans:"),
            "10:11: defaults: expected the shared fields of plans, not 3",
        ),
    ],
)
def test_a_fault_is_located_and_says_what_to_do(tmp_path: Path, change: tuple[str, str], fault: str) -> None:
    found = faults_of(tmp_path, change)
    assert len(found) == 1, found
    assert found[0].startswith(f"small.yaml:{fault}")


def test_a_wrong_offer_has_others_of_its_provider_named_first(tmp_path: Path) -> None:
    found = faults_of(tmp_path, ("accelerator: l4}", "accelerator: l40s}"))
    assert "offers with l40s: aws/g6e.xlarge, aws/g6e.2xlarge, aws/g6e.12xlarge" in found[0]


def test_a_list_where_a_text_stands_is_not_put_in_quotes(tmp_path: Path) -> None:
    found = faults_of(tmp_path, ("accelerator: l4}", "accelerator: [l4]}"))
    assert found[0].endswith("plans.0.replica.accelerator: a list is not text")


ONE = """  - name: one
    replica: {accelerator: l4}
    buy: {offer: aws/g6.xlarge}
    scaling: {kind: fixed, replicas: 1}"""


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("name: one", "name: two", "15:11: plans.1.name: 'two' is the name of a plan before too"),
        (
            "accelerator: l4",
            "accelerator: l5",
            "12:28: plans.0.replica.accelerator: the catalog has no accelerator",
        ),
        (
            "accelerator: l4",
            "accelerator: h100",
            "13:18: plans.0.buy.offer: aws/g6.xlarge has l4, the replica wants",
        ),
        (
            "{accelerator: l4}",
            "{accelerator: l4, tp: 2}",
            "13:18: plans.0.buy.offer: aws/g6.xlarge has 1 acc",
        ),
        (
            "{accelerator: l4}",
            "{accelerator: l4, kv_tokens: 3}",
            "12:14: plans.0.replica: kv_tokens 3 is less than",
        ),
        (
            "{accelerator: l4}",
            "{accelerator: l4, precision: fp9}",
            "12:43: plans.0.replica.precision: 'fp9' is not",
        ),
        ("{accelerator: l4}", "{tp: 1}", "12:14: plans.0.replica.accelerator: is required, and missing"),
        (
            "aws/g6.xlarge",
            "aws/g6.xlarg",
            "13:18: plans.0.buy.offer: the catalog has no offer 'aws/g6.xlarg'; did",
        ),
        (
            "xlarge}",
            "xlarge, region: mars}",
            "13:18: plans.0.buy.offer: the catalog has no price of 'aws/g6.xlarge'",
        ),
        (
            "buy: {offer: aws/g6.xlarge}",
            "buy: {kind: owned, capex: 9000, accelerators: 1, life_years: 4, pue: 1.4, electricity: 0.1, power: 200}",
            "13:10: plans.0.buy.power: 200 kW is far more than a node with 1 x l4 draws, which take 0.072 kW",
        ),
        ("xlarge}", "xlarge, price: $1/d}", "13:40: plans.0.buy.price: '$1/d' has the unknown unit '/d'"),
        (
            "xlarge}",
            "xlarge, price: '$0,805/h'}",
            "13:40: plans.0.buy.price: '$0,805/h' has a decimal comma; write a point: $0.805/h",
        ),
        (
            "xlarge}",
            "xlarge, price: 3.10 EUR/h}",
            "13:40: plans.0.buy.price: '3.10 EUR/h' is not a quantity in USD, in which all amounts are: convert it",
        ),
        (
            "xlarge}",
            "xlarge, price: €3.10/h}",
            "13:40: plans.0.buy.price: '€3.10/h' is not a quantity in USD",
        ),
        (
            "xlarge}",
            "xlarge, price: '3,10'}",
            "13:40: plans.0.buy.price: '3,10' has a decimal comma; write a point: 3.10",
        ),
        ("xlarge}", "xlarge, price: -1}", "13:40: plans.0.buy.price: -1 must be at least 0"),
        ("{kind: fixed, replicas: 1}", "fixed", "14:14: plans.0.scaling.replicas: is required, and missing"),
        (
            "{kind: fixed, replicas: 1}",
            "fxed",
            "14:14: plans.0.scaling: 'fxed' is not a kind known here; one of fixed",
        ),
        (
            "{kind: fixed, replicas: 1}",
            "3",
            "14:14: plans.0.scaling: expected a mapping (key: value), not 3; in full it is e.g. {kind: fixed",
        ),
        (
            "{kind: fixed, replicas: 1}",
            "{kind: fixed, replicas: 1}\n    router: 5",
            "15:13: plans.0.router: expected a mapping (key: value), not 5; in full it is e.g. {kind: ",
        ),
        ("kind: fixed", "kind: 3", "14:21: plans.0.scaling.kind: 3 is not a kind known here; one of fixed"),
        (
            "replicas: 1",
            "replicas: 1, start: 2",
            "14:41: plans.0.scaling.start: unknown key 'start'; known here: kind",
        ),
        (
            "kind: fixed, replicas: 1",
            "kind: target-concurrency, target: 8, min: 3, max: 2",
            "14:14: plans.0.scaling: min (3) is above max (2)",
        ),
        (
            "kind: fixed, replicas: 1",
            "kind: schedule, steps: [{at: 25:00, replicas: 1}]",
            "14:44: plans.0.scaling.steps.0.at: '25:00' must be below 86400",
        ),
    ],
)
def test_a_fault_of_a_plan_is_located(tmp_path: Path, old: str, new: str, fault: str) -> None:
    found = faults_of(tmp_path, (ONE, ONE.replace(old, new)))
    assert len(found) == 1, found
    assert found[0].startswith(f"small.yaml:{fault}")


def test_a_model_that_does_not_fit_says_how_much_is_missing(tmp_path: Path) -> None:
    found = faults_of(tmp_path, ("llama-3.2-1b", "llama-3.1-70b"))
    assert [fault.split(":")[1] for fault in found] == ["12", "16"]
    assert "GiB" in found[0]


def test_traces_must_be_there_and_beside_the_scenario(tmp_path: Path) -> None:
    spec = "kind: synthetic\n  rate: 0.5/s\n  lengths: {prompt_median: 100, output_median: 20}"
    missing = faults_of(tmp_path, (spec, "kind: trace\n  path: gone.parquet"))
    assert missing[0].startswith("small.yaml:7:9: workload.path: no file 'gone.parquet' in")
    outside = faults_of(tmp_path, (spec, "kind: trace\n  path: ../gone.parquet"))
    assert outside[0].startswith("small.yaml:7:9: workload.path: ../gone.parquet: lies outside")
    lengths = faults_of(tmp_path, ("prompt_median: 100", "trace: gone.parquet"))
    assert lengths[0].startswith("small.yaml:8:20: workload.lengths.trace: no file 'gone.parquet'")
    data = tmp_path / "data"
    data.mkdir()
    (data / "gone.parquet").touch()
    [found] = find_faults(write(tmp_path, ("prompt_median: 100", "trace: gone.parquet")), data)
    assert "the file is empty" in found.message


def test_all_faults_of_a_file_are_reported_together(tmp_path: Path) -> None:
    found = faults_of(
        tmp_path,
        ("scenario: small", "scenario: small\nscenario: twice"),
        ("horizon: 10min", "horizn: 10min"),
        ("0.5/s", "-0.5/s"),
        ("ttft: 1s", "ttft: 1q"),
        ("llama-3.2-1b", "llama-3.2-1c"),
        ("replicas: 1", "replicas: none"),
        ("two", "one"),
        (
            "aws/g6.xlarge}\n    scaling: {kind: fixed, replicas: 2",
            "aws/g6.small}\n    scaling: {kind: fixed, replicas: 2",
        ),
    )
    assert [":".join(fault.split(":")[1:4]) for fault in found] == [
        "1:1: horizon",
        "2:1: scenario",
        "3:8: model",
        "4:1: horizn",
        "8:9: workload.rate",
        "10:13: slo.ttft",
        "15:38: plans.0.scaling.replicas",
        "16:11: plans.1.name",
        "18:18: plans.1.buy.offer",
    ]


def test_a_plan_without_a_schema_is_still_checked_for_what_it_names(tmp_path: Path) -> None:
    found = faults_of(
        tmp_path, (ONE, "  - 3\n  - {name: x, buy: {offer: aws/nope, price: x}, replica: {accelerator: l5}}")
    )
    assert [fault.split(": ")[1] for fault in found] == [
        "plans.0",
        "plans.1.scaling",
        "plans.1.buy.offer",
        "plans.1.buy.price",
        "plans.1.replica.accelerator",
    ]


def test_no_fault_speaks_of_classes_or_of_the_validator(tmp_path: Path) -> None:
    found = faults_of(
        tmp_path,
        ("kind: synthetic", "kind: [synthetic]"),
        ("seeds: 2", "seeds: {a: 1}"),
        ("name: one", "name: ''"),
        ("{accelerator: l4}", "l4"),
        ("kind: fixed", "kind: null"),
    )
    assert len(found) == 7
    for fault in found:
        assert not {"pydantic", "Input should", "Value error", "Synthetic", "ReplicaSpec", "dataclass"} & {fault}
        assert "Input" not in fault
        assert "dataclass" not in fault


def test_defaults_are_merged_and_kinds_replaced(tmp_path: Path) -> None:
    shared = """defaults:
  router: round-robin
  buy: {offer: aws/g6.xlarge, price: $2/h}
  scaling: {kind: schedule, steps: [{at: 08:00, replicas: 3}, {at: 20:00, replicas: 1}], interval: 30s}
  replica: {accelerator: l4, memory_utilisation: 0.8}
plans:
  - name: shared
  - name: own
    replica: {memory_utilisation: 0.9}
    buy: {price: $1/h}
    scaling: {interval: 60s}
    router: least-outstanding
  - name: other
    scaling: {kind: fixed, replicas: 2}
"""
    head = SMALL[: SMALL.index("plans:")]
    shared_plan, own, other = load(write(tmp_path, text=head + shared)).scenario.plans
    assert isinstance(shared_plan.scaling, Schedule)
    assert shared_plan.scaling.steps[0].at == 8 * 3600
    assert isinstance(shared_plan.router, RoundRobin)
    assert own.replica.memory_utilisation == 0.9
    assert own.replica.accelerator == "l4"
    assert (own.buy.price, other.buy.price) == (1.0, 2.0)
    assert isinstance(own.scaling, Schedule)
    assert (own.scaling.interval, len(own.scaling.steps)) == (60.0, 2)
    assert own.router.kind == "least-outstanding"
    assert other.scaling == Fixed(replicas=2)


def test_a_price_is_not_that_of_another_offer(tmp_path: Path) -> None:
    """Only plans and pools of the same offer, or with a price of their own, have one."""
    plans = """defaults:
  buy: {offer: aws/g6.xlarge, price: $0.50/h, storage: $0.07/GB}
  replica: {accelerator: l4}
  scaling: {kind: fixed, replicas: 1}
plans:
  - {name: same}
  - {name: other, replica: {accelerator: l40s}, buy: {offer: aws/g6e.xlarge}}
  - {name: own, replica: {accelerator: l40s}, buy: {offer: aws/g6e.xlarge, price: $1/h}}
  - {name: said, buy: {kind: on-demand}}
  - name: pools
    pools:
      - {name: a}
      - {name: b, replica: {accelerator: l40s}, buy: {offer: aws/g6e.xlarge}}
"""
    found = load_with_services(write(tmp_path, text=SMALL[: SMALL.index("plans:")] + plans))
    prices = [(pool.buy.price, pool.buy.storage) for plan in found.scenario.plans for pool in plan.by_pool()]
    assert prices == [(0.5, 0.07), (None, 0.07), (1.0, 0.07), (0.5, 0.07), (0.5, 0.07), (None, 0.07)]
    on_spot = SMALL[: SMALL.index("plans:")] + plans.replace("{kind: on-demand}", "{kind: spot}")
    with pytest.raises(FaultsError, match=r"the catalog has no spot price of aws/g6\.xlarge"):
        load_with_services(write(tmp_path, text=on_spot))


def test_what_was_measured_is_not_of_another_accelerator(tmp_path: Path) -> None:
    plans = """defaults:
  buy: {offer: aws/p5.4xlarge}
  replica: {accelerator: h100, kv_tokens: 90000, step: {a: 10ms, b: 0s, c: 0s, d: 0s}, memory_utilisation: 0.8}
  scaling: {kind: fixed, replicas: 1}
plans:
  - {name: same, replica: {accelerator: H100-SXM}}
  - {name: faster, replica: {precision: fp8}}
  - {name: other, replica: {accelerator: l4}, buy: {offer: aws/g6.xlarge}}
"""
    found = load(write(tmp_path, text=SMALL[: SMALL.index("plans:")] + plans)).scenario.plans
    replicas = [plan.replica for plan in found if plan.replica is not None]
    assert [one.kv_tokens for one in replicas] == [90000, 90000, None]
    assert [one.step is not None for one in replicas] == [True, True, False]
    assert {one.memory_utilisation for one in replicas} == {0.8}


def test_a_default_that_the_kind_of_a_plan_does_not_have_names_the_plan_and_the_remedy(tmp_path: Path) -> None:
    plans = """defaults:
  buy: {offer: aws/g6.xlarge}
  replica: {accelerator: l4}
  scaling: {kind: fixed, replicas: 1}
plans:
  - {name: rented}
  - name: mine
    buy: {kind: owned, capex: $9000, accelerators: 1, life_years: 3, power: 1kW, pue: 1.2, electricity: $0.1/kWh}
"""
    text = SMALL[: SMALL.index("plans:")] + plans
    with pytest.raises(FaultsError) as refused:
        load(write(tmp_path, text=text))
    [fault] = refused.value.faults
    assert fault.path == "defaults.buy.offer"
    assert "plan 'mine' takes this over, and its 'owned' has no key 'offer'" in fault.message
    assert "write `kind: on-demand` beside it" in fault.message
    rented, mine = load(write(tmp_path, text=text.replace("{offer:", "{kind: on-demand, offer:"))).scenario.plans
    assert (rented.buy.kind, mine.buy.kind) == ("on-demand", "owned")


def test_a_fault_in_the_defaults_is_reported_once_and_there(tmp_path: Path) -> None:
    found = faults_of(tmp_path, ("plans:", "defaults:\n  batching: {max_seqs: 3}\n  startup: {node: -1s}\nplans:"))
    assert [fault.split(": unknown")[0].split(": '-1s'")[0] for fault in found] == [
        "small.yaml:11:14: defaults.batching.max_seqs",
        "small.yaml:12:19: defaults.startup.node",
    ]


def test_a_list_of_one_may_be_written_without_the_list(tmp_path: Path) -> None:
    one = load(write(tmp_path)).scenario.workload
    several = SMALL.replace("workload:\n  kind", "workload:\n  - kind").replace("\n  rate", "\n    rate")
    several = several.replace("\n  lengths", "\n    lengths")
    assert load(write(tmp_path, text=several)).scenario.workload == one


@pytest.mark.parametrize("text", ["3", "[]", "scenario", "{}", "plans: 3", "plans: [3, {}]", "workload: 3\nslo: 3"])
def test_what_is_no_scenario_has_faults_and_no_traceback(tmp_path: Path, text: str) -> None:
    file = write(tmp_path, text=text)
    assert find_faults(file)
    with pytest.raises(FaultsError):
        load(file)


KEYS = st.sampled_from(
    sorted({"defaults", "services", "sharing", "chat"} | {name for part in parts() for name in hints(part.cls)})
)
VALUES = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        1,
        2**52,
        0.5,
        1e300,
        "",
        "l4",
        "h100",
        "fixed",
        "synthetic",
        "trace",
        "aws/g6.xlarge",
        "30s",
        "99%",
        "round-robin",
        "llama-3.1-8b",
        "small",
        "..",
        "\x00",
        "$1/h",
    ]
)
TREES = st.recursive(
    VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=30,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(KEYS, TREES, max_size=8), st.dictionaries(KEYS, TREES, max_size=4))
def test_no_structure_raises(tmp_path: Path, top: dict[str, object], plan: dict[str, object]) -> None:
    sound, _ = parse(SMALL, "f")
    assert sound is not None
    for tree in (top, {**sound.plain(), **top}, {**sound.plain(), "plans": [plan], "defaults": top}):  # type: ignore[dict-item]
        for fault in find_faults(write(tmp_path, text=dump(tree))):
            assert fault.line >= 1
            assert "Input" not in fault.message


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(KEYS, TREES, max_size=6), st.dictionaries(KEYS, TREES, max_size=4))
def test_no_structure_of_services_raises(tmp_path: Path, one: dict[str, object], other: dict[str, object]) -> None:
    parsed, _ = parse(SERVICES, "f")
    assert parsed is not None
    sound = parsed.plain()
    assert isinstance(sound, dict)
    plans = [{"name": "one", **one, "services": {"chat": other, "search": one}}, {"name": "two", "services": other}]
    for tree in ({**sound, **one}, {**sound, "services": [one, {**other, "name": "chat"}]}, {**sound, "plans": plans}):
        for fault in find_faults(write(tmp_path, text=dump(tree))):
            assert fault.line >= 1
            assert "Input" not in fault.message


def test_a_workload_of_its_own_is_read_with_the_same_care(tmp_path: Path) -> None:
    assert load_workload(write(tmp_path, text="rate: 5/s\n")).rate == 5.0
    with pytest.raises(FaultsError) as error:
        load_workload(write(tmp_path, text="rate: 5/q\nburst: 3\n"))
    assert [(fault.line, fault.path) for fault in error.value.faults] == [(2, "burst"), (1, "rate")]


def test_checking_loads_nothing_that_fits_or_compiles(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from simcost.scenario.runs.check import check\n"
        f"assert check(Path({str(write(tmp_path))!r})) == {{'faults': [], 'notes': []}}\n"
        "print([m for m in ('scipy', 'statsmodels', 'numba', 'altair') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("key", ["discounts", "contracts", "edp", "private-pricing"])
@pytest.mark.parametrize(
    "where",
    [("seeds: 2", "seeds: 2\n{}: 8%"), ("buy: {", "buy: {{{}: 8%, "), ("- name: one", "- name: one\n    {}: 8%")],
)
def test_words_for_a_negotiated_discount_are_led_to_it(tmp_path: Path, key: str, where: tuple[str, str]) -> None:
    """They were led to commitments."""
    assert where[0] in SMALL
    said = " ".join(faults_of(tmp_path, (where[0], where[1].format(key))))
    assert f"unknown key '{key}'" in said
    assert "`discount: 8%`" in said
    assert "contracts.csv (columns: provider, sku, service, discount)" in said
    assert "commitments" not in said


@pytest.mark.parametrize("currency", ["EUR", "GBP", "chf", "5"])
def test_another_currency_is_refused_with_the_way_to_a_dated_rate(tmp_path: Path, currency: str) -> None:
    [said] = faults_of(tmp_path, ("seeds: 2", f"seeds: 2\ncurrency: {currency}"))
    assert said.startswith("5:11: currency: ") or ":5:11: currency: " in said
    for word in ("in USD", "contracts.csv", "currencies.csv", "usd_per_unit", "as_of"):
        assert word in said
    assert not faults_of(tmp_path, ("seeds: 2", "seeds: 2\ncurrency: usd"))


def test_a_contract_about_nothing_is_a_fault_of_the_scenario(tmp_path: Path) -> None:
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "contracts.csv").write_text("provider,sku,discount\naws,p5.48xlarg,0.1\naws,*,0.05\n")
    [said] = faults_of(tmp_path, ("seeds: 2", "seeds: 2\ncatalog: book"))
    assert "contracts.csv: aws,p5.48xlarg: " in said
    assert "did you mean 'p5.48xlarge'" in said
