"""`simcost sweep`: the plans are those written by hand, the rows the same after any stop, and faults have places."""

import json
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.commands import LOG, TINY, call, contents, refused, scenario, trace

from simcost.scenario.checks.load import load
from simcost.scenario.sweeps.fields import strata
from simcost.scenario.sweeps.space import SweepSpace, sweep_space

pytestmark = pytest.mark.slow

ONE = TINY.partition("  - name: scaled")[0]
MATRIX = """\
sweep:
  matrix:
    scaling.replicas: [1, 2]
    buy.offer: [aws/g6.xlarge, aws/g6.2xlarge]
    workload.0.rate: [1/s, 2/s]
"""


def sweep(file: Path, out: Path, *more: object) -> dict[str, Any]:
    said = call("sweep", file, "-o", out, "--json", "--quiet", *more)
    assert said.code == 0, said.err
    return said.document()


def rows(out: Path) -> list[dict[str, Any]]:
    return [row for path in sorted(out.glob("runs/*")) for row in pq.ParquetFile(path).read().to_pylist()]


def space(folder: Path, text: str) -> SweepSpace:
    return sweep_space(load(scenario(folder, text=ONE + text)))


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished sweep of 8 plans, its scenario beside it."""
    folder = tmp_path_factory.mktemp("sweep")
    document = sweep(scenario(folder, text=ONE + MATRIX), folder / "out", "--jobs", 2)
    assert (document["plans"], document["runs"], document["new"], document["missing"]) == (8, 16, 16, 0)
    return folder


def test_a_sweep_is_the_plans_written_by_hand_bit_for_bit(swept: Path, tmp_path: Path) -> None:
    plan = ONE.partition("plans:\n")[2]
    plans = [
        plan.replace("name: one", f"name: {replicas} {offer}")
        .replace("replicas: 1", f"replicas: {replicas}")
        .replace("aws/g6.xlarge", offer)
        for replicas, offer in product([1, 2], ["aws/g6.xlarge", "aws/g6.2xlarge"])
    ]
    by_hand = []
    for rate in ("1/s", "2/s"):
        text = ONE.partition("plans:\n")[0].replace("rate: 1/s", f"rate: {rate}") + "plans:\n" + "".join(plans)
        file = scenario(tmp_path, text=text)
        assert call("run", file, "--out", tmp_path / rate[0], "--quiet").code == 0
        by_hand += pq.ParquetFile(tmp_path / rate[0] / "tables" / "runs.parquet").read().to_pylist()
    ours = {"cost_usd": "total_usd", "cost_usd_per_month": "per_month_usd"}
    found = sorted(
        ({ours.get(name, name): value for name, value in row.items()} for row in rows(swept / "out")),
        key=lambda row: (row["workload.0.rate"], row["scaling.replicas"], "2x" in row["buy.offer"], row["replication"]),
    )
    assert len(found) == len(by_hand) == 16
    for row, hand in zip(found, by_hand, strict=True):
        assert {name: row[name] for name in hand if name != "plan"} == {k: v for k, v in hand.items() if k != "plan"}


def test_the_rows_are_the_same_for_one_job_and_after_stops_and_a_kill(swept: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = sweep(swept / "tiny.yaml", out, "--jobs", 1, "--limit", 3)
    assert (first["new"], first["missing"]) == (3, 13)
    assert not json.loads((out / "sweep.json").read_text())["finished"]
    [part] = (out / "runs").iterdir()
    part.write_bytes(part.read_bytes()[:-9])  # as no kill leaves it, but a broken disk may
    (out / "runs" / ".draft-0123").write_bytes(b"of a killed process")
    done = sweep(swept / "tiny.yaml", out, "--jobs", 1)
    assert (done["new"], done["reused"]) == (16, 0), "a damaged file has no rows"
    (out / "runs" / ".draft-0123").unlink()
    assert contents(out) == contents(swept / "out")
    again = sweep(swept / "tiny.yaml", out)
    assert (again["new"], again["reused"]) == (0, 16)
    assert contents(out) == contents(swept / "out")
    [part] = (out / "runs").iterdir()
    with pq.ParquetFile(part) as file:
        names = file.schema_arrow.names
        damaged = file.metadata.row_group(0).column(names.index("cost_usd"))
    whole = bytearray(part.read_bytes())
    whole[damaged.data_page_offset + damaged.total_compressed_size // 2] ^= 64  # keys can be read, figures cannot
    part.write_bytes(whole)
    mended = sweep(swept / "tiny.yaml", out)
    assert (mended["new"], mended["reused"]) == (16, 0)
    assert contents(out) == contents(swept / "out")


def test_only_what_changed_is_run(swept: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    text = ONE + MATRIX.replace("[1, 2]", "[2, 3]").replace("workload.0.rate: [1/s, 2/s]", "workload.0.rate: [2/s]")
    assert sweep(scenario(tmp_path, text=ONE + MATRIX), out)["new"] == 16
    document = sweep(scenario(tmp_path, text=text), out)
    assert (document["runs"], document["new"], document["reused"]) == (8, 4, 4)
    assert {row["scaling.replicas"] for row in rows(out)} == {2, 3}
    fresh = tmp_path / "fresh"
    sweep(tmp_path / "tiny.yaml", fresh)
    assert contents(fresh / "runs") == contents(out / "runs")
    dear = scenario(tmp_path, ("attainment: 95%", "attainment: 99%"), text=text)
    document = sweep(dear, out)
    assert (document["new"], document["others"]) == (8, 20), "a figure of each run depends on the target"
    back = sweep(scenario(tmp_path, text=ONE + MATRIX), out)
    assert (back["new"], back["reused"], back["others"]) == (0, 16, 12), "no row of another plan, or scenario, is lost"
    assert {row["scaling.replicas"] for row in rows(out)} == {1, 2}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("budget=1e6", "--fail-on", "infeasible"), 0, ""),
        (("budget=1",), 1, "budget of $1.00 a month exceeded: the cheapest plan costs "),
        (("budget=1", "--dry-run"), 0, ""),
    ],
)
def test_gates_of_a_sweep(swept: Path, words: tuple[str, ...], code: int, said: str) -> None:
    found = call("sweep", swept / "tiny.yaml", "-o", swept / "out", "--json", "--quiet", "--fail-on", *words)
    assert (found.code, said in found.err) == (code, True)
    assert found.document()["plans"] == 8


def test_the_best_of_a_sweep_is_good_enough(tmp_path: Path) -> None:
    """As `run` judges: two replicas of a good model cost more than one of a poor one, which may not be the answer."""
    text = ONE.replace("plans:\n", "quality: {metric: mmlu, at_least: 60}\nplans:\n")
    text += "    quality: {metric: mmlu, value: 59}\nsweep:\n  matrix:\n    quality.value: [59, 60]\n"
    text += "    scaling.replicas: [1, 2]\n  exclude: [{quality.value: 60, scaling.replicas: 1}]\n"
    document = sweep(scenario(tmp_path, text=text), tmp_path / "out")
    assert (document["best"]["quality.value"], document["best"]["scaling.replicas"]) == (60, 2)
    assert [row["quality.value"] for row in document["top"]] == [60, 59, 59]
    assert "in all its runs and is good enough" in document["verdict"]
    assert "The models of 2 plans are worse than asked for" in document["verdict"]


def test_a_plan_with_runs_still_to_be_made_is_not_the_best(tmp_path: Path) -> None:
    """One of two runs does not show that it meets the SLO in all its runs."""
    file = scenario(tmp_path, text=f"{ONE}sweep: {{matrix: {{scaling.replicas: [1, 2]}}}}\n")
    found = call("sweep", file, "-o", tmp_path / "out", "--json", "--quiet", "--limit", 1, "--fail-on", "infeasible")
    assert found.document()["best"] is None
    assert (found.code, found.err) == (1, "simcost: no plan meets the SLO; 3 runs still to be made\n")
    assert sweep(file, tmp_path / "out", "--limit", 1)["best"]["scaling.replicas"] == 1


def test_plans_are_named_by_the_kind_of_a_mapping(tmp_path: Path) -> None:
    """Spot is not told from on demand by its price alone."""
    ways = "{offer: aws/g6.xlarge, price: $0.2/h}, {kind: spot, offer: aws/g6.xlarge, price: $0.2/h}"
    document = sweep(scenario(tmp_path, text=f"{ONE}sweep: {{matrix: {{buy: [{ways}]}}}}\n"), tmp_path / "out")
    assert {row["buy"] for row in document["top"]} == {"aws/g6.xlarge $0.2/h", "spot aws/g6.xlarge $0.2/h"}
    assert any(row["plan"].endswith("buy spot aws/g6.xlarge $0.2/h") for row in document["top"])


def test_a_sweep_of_which_no_combination_is_a_plan_says_why(tmp_path: Path) -> None:
    file = scenario(tmp_path, text=f"{ONE}sweep: {{matrix: {{buy.offer: [gcp/g2-standard-4]}}}}\n")
    verdict = sweep(file, tmp_path / "out")["verdict"]
    assert verdict.startswith("None of 1 combination is a plan: 'gcp/g2-standard-4' has prices in several regions")


def test_a_swept_seed_is_a_field_of_the_plans(tmp_path: Path) -> None:
    file = scenario(tmp_path, text=ONE + "sweep: {matrix: {seed: [1, 2], scaling.replicas: [1, 2]}}\n")
    document = sweep(file, tmp_path / "out")
    assert {(cell["x"], cell["y"]) for cell in document["cells"]} == {(1, 1), (1, 2), (2, 1), (2, 2)}
    assert sorted((row["seed"], row["scaling.replicas"]) for row in document["top"]) == [(1, 1), (1, 2), (2, 1), (2, 2)]
    alone = scenario(
        tmp_path, ("seeds: 2", "seeds: 2\nseed: 2"), text=ONE + "sweep: {matrix: {scaling.replicas: [2]}}\n"
    )
    assert sweep(alone, tmp_path / "out")["new"] == 0, "the same plan under the same seed"
    assert {row["seed"] for row in rows(tmp_path / "out")} == {2}


def test_another_trace_under_the_same_name_is_run(tmp_path: Path) -> None:
    log = trace(tmp_path)
    recorded = (
        "{kind: synthetic, rate: 1/s, lengths: {prompt_median: 100, output_median: 20}}",
        "{kind: trace, path: log.parquet}",
    )
    file = scenario(tmp_path, recorded, text=ONE + "sweep: {matrix: {scaling.replicas: [1, 2]}}\n")
    first = sweep(file, tmp_path / "out")
    assert sha256(log.read_bytes()).hexdigest() in first["provenance"]["inputs"].values()
    assert sweep(file, tmp_path / "out")["new"] == 0
    trace(tmp_path, text=LOG.replace("2,90,8", "2,91,8"))
    assert sweep(file, tmp_path / "out")["new"] == first["new"]


def test_the_matrix_is_the_product_without_what_is_excluded(tmp_path: Path) -> None:
    every = space(tmp_path, MATRIX)
    assert len({plan.plan.name for plan in every.plans}) == every.combinations == 2 * 2 * 2
    left = space(tmp_path, f"{MATRIX}  exclude:\n    - {{scaling.replicas: 2, workload.0.rate: [1/s]}}\n")
    assert len(left.plans) == 6
    assert not any(p.values["scaling.replicas"] == 2 and p.values["workload.0.rate"] == 1.0 for p in left.plans)
    sampled = (
        "  latin_hypercube: {samples: 3, ranges: {admission.timeout: [30s, 5min], batching.max_num_seqs: [1, 9]}}\n"
    )
    whole = space(tmp_path, MATRIX + sampled)
    assert len(whole.plans) == 3 * len(every.plans)
    by_sample = {(p.values["admission.timeout"], p.values["batching.max_num_seqs"]) for p in whole.plans}
    assert len(by_sample) == 3, "each combination meets the same samples"
    assert all(30.0 <= time <= 300.0 and isinstance(n, int) and 1 <= n <= 9 for time, n in by_sample)  # type: ignore[operator]


def test_combinations_that_the_facts_exclude_are_counted_with_their_reason(tmp_path: Path) -> None:
    file = scenario(tmp_path, text=ONE + "sweep:\n  matrix: {replica.accelerator: [l4, h100]}\n")
    document = sweep(file, tmp_path / "out")
    assert document["plans"] == 1
    [excluded] = document["excluded"]
    assert excluded["count"] == 1
    assert "h100" in excluded["reason"]


@given(samples=st.integers(1, 200), seed=st.integers(0, 2**31))
def test_each_stratum_has_one_sample(samples: int, seed: int) -> None:
    found = strata(samples, seed, "workload.0.rate")
    assert [int(share * samples) for share in sorted(found)] == list(range(samples))
    assert found == strata(samples, seed, "workload.0.rate")


@pytest.mark.parametrize(
    ("text", "place", "why"),
    [
        ("sweep: {matrix: {scaling.replcas: [1]}}", "12:36", "unknown key 'replcas'; did you mean 'replicas'"),
        ("sweep: {matrix: {scalng.replicas: [1]}}", "12:18", "no field 'scalng'"),
        ("sweep: {matrix: {scaling.replicas: []}}", "12:36", "has no values"),
        ("sweep: {matrix: {scaling.replicas: [0]}}", "12:37", "must be at least 1"),
        ("sweep: {matrix: {workload.3.rate: [1/s]}}", "12:", "the scenario has nothing at 'workload.3.rate'"),
        ("sweep: {matrix: {workload.0.rate: [-1]}}", "12:", "must be"),
        ("sweep: {}", "12:8", "has no fields"),
        ("sweep: {latin_hypercube: {samples: 2, ranges: {scaling.replicas: [2]}}}", "12:66", "is not a range"),
        ("sweep: {latin_hypercube: {samples: 2, ranges: {scaling.replicas: [3, 2]}}}", "12:66", "is empty"),
        ("sweep: {latin_hypercube: {samples: 2, ranges: {buy.offer: [a, b]}}}", "12:", "is not a number"),
        ("sweep: {latin_hypercube: {samples: 0, ranges: {scaling.replicas: [1, 2]}}}", "12:36", "must be"),
        ("sweep: {matrix: {seed: [1]}, exclude: [{seeds: 1}]}", "12:41", "'seeds' is not a field of the matrix"),
        ("sweep: {matrix: {seed: [1]}, exclude: [{seed: 2}]}", "12:47", "2 is not among the values of seed"),
    ],
)
def test_faults_have_their_place_and_a_remedy(tmp_path: Path, text: str, place: str, why: str) -> None:
    file = scenario(tmp_path, text=ONE + text + "\n")
    said = refused("sweep", file, "-o", tmp_path / "out", "--dry-run")
    assert f"tiny.yaml:{place}" in said, said
    assert why in said, said
    assert why in refused("check", file)


def test_what_is_asked_before_it_is_done(tmp_path: Path) -> None:
    many = scenario(
        tmp_path, text=ONE + f"sweep: {{matrix: {{seed: {list(range(100))}, admission.timeout: {[*range(1, 61)]}}}}}\n"
    )
    said = refused("sweep", many, "-o", tmp_path / "out")
    assert "tiny.yaml:12:8" in said
    assert "makes 12,000 runs" in said
    assert "--yes" in said
    document = sweep(many, tmp_path / "out", "--dry-run")
    assert (document["runs"], document["new"]) == (12_000, 12_000)
    assert document["expected_s"] > 0
    assert not (tmp_path / "out").exists()
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "notes.txt").write_text("mine")
    small = scenario(tmp_path, text=ONE + "sweep: {matrix: {seed: [1]}}\n")
    assert "holds something else" in refused("sweep", small, "-o", tmp_path / "own")
    assert "has no `sweep`" in refused("sweep", scenario(tmp_path), "-o", tmp_path / "out")


def test_a_run_that_cannot_be_made_says_so_in_its_row(
    swept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from simcost.errors import RunError
    from simcost.scenario.sweeps import batches

    real = batches.simulated

    def broken(question: Any, run: Any, *more: Any, **named: Any) -> Any:
        if run.pool.scaling.replicas == 2:
            raise RunError("the clock went backwards")
        return real(question, run, *more, **named)

    monkeypatch.setattr(batches, "simulated", broken)
    document = sweep(swept / "tiny.yaml", tmp_path / "out", "--jobs", 1)
    assert document["failed"] == 4
    wrong = [row for row in rows(tmp_path / "out") if row["error"]]
    assert {row["error"] for row in wrong} == {"the clock went backwards"}
    assert {(row["scaling.replicas"], row["cost_usd"]) for row in wrong} == {(2, None)}
