"""Jobs that a cluster is too small for: a verdict that takes such a plan says so."""

from pathlib import Path

import pytest
from support.commands import call
from support.job_scenarios import home
from support.scenarios import write

from simcost.scenario.checks.load import find_faults, load
from simcost.scenario.runs.provenance import assumptions
from simcost.scenario.runs.resolve import settle

pytestmark = pytest.mark.slow

TEXT = """\
scenario: wide
jobs: {path: jobs.csv}
slo: {wait: {p90: 10min}}
plans:
  - name: both fit
    buy: {offer: aws/p4d.24xlarge}
    training: {kind: gpus, gpus: 16}
  - name: small
    buy: {offer: aws/p4d.24xlarge}
    training: {kind: gpus, gpus: 8}
"""
KEPT_OUT = "2 of the 42 jobs are wider than its cluster, or of a type of GPU it lacks, and never run."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    jobs = ["job_id,submit_s,duration_s,gpus", "long,0,10000,12", "wide,10,600,16"]
    jobs += [f"small{i},{60 + 120 * i},60,1" for i in range(40)]
    (tmp_path / "jobs.csv").write_text("\n".join(jobs) + "\n")
    return tmp_path


def verdict(verb: str, file: Path) -> str:
    said = call(verb, file, "--json", "--quiet", "--out", file.parent / "out")
    assert said.code == 0, said.err
    text: str = said.document()["verdict"]
    return text


def test_a_run_tells_of_jobs_that_the_best_plan_never_runs(folder: Path) -> None:
    both = verdict("run", write(folder, text=TEXT))
    assert both.startswith("small is the cheapest plan that meets the SLO")
    assert both.endswith(KEPT_OUT)
    large = TEXT.partition("  - name: small")[0]
    assert "never run" not in verdict("run", write(folder, text=large))
    assert verdict("run", write(folder, text=large.replace("gpus: 16", "gpus: 8"))).endswith(KEPT_OUT)


def test_a_search_tells_of_them_too(folder: Path) -> None:
    vary = "vary: [{path: training.gpus, values: [8, 16]}]\n"
    assert KEPT_OUT in verdict("optimize", write(folder, text=TEXT.partition("  - name: small")[0] + vary))
    wide = "vary: [{path: training.gpus, values: [16, 24]}]\n"
    assert "never run" not in verdict("optimize", write(folder, text=TEXT.partition("  - name: small")[0] + wide))


@pytest.mark.parametrize("horizon", ["", "horizon: 4h\n"], ids=["to the last end", "four hours"])
def test_a_cluster_too_small_for_every_job_stands_idle_and_is_paid(folder: Path, horizon: str) -> None:
    """It is the smallest that was named, and the answer is that no job runs; it was a traceback. A month of one node is
    730 h at $21.957642, and 200 GB of disk at $0.08, however long the run: here as long as the jobs would take."""
    (folder / "jobs.csv").write_text("job_id,submit_s,duration_s,gpus\na,0,7200,12\nb,7300,3600,16\n")
    said = call("run", write(folder, text=horizon + TEXT), "--json", "--quiet", "--out", folder / "out")
    assert said.code == 0, said.err
    both, small = said.document()["plans"]
    assert (small["jobs"]["failed"], small["jobs"]["completed"]) == (2, 0)
    assert small["cost_usd"]["per_month"] == pytest.approx(730 * 21.957642 + 200 * 0.08)
    assert small["gpu_share"]["idle_free"] == 1
    assert not small["slo"]["met"]
    assert both["jobs"]["completed"] == 2
    vary = "vary: [{path: training.gpus, values: [8, 16]}]\n"
    assert "gpus 16 is the cheapest" in verdict("optimize", write(folder, text=horizon + TEXT + vary))


MAY_MISS = "Its {} may still miss: jobs count up to the end of the run; give a longer horizon."


def open_ended(folder: Path, slo: str, due: str = "") -> str:
    """One of four jobs runs for 10 h, in a run of 3 h."""
    rows = ["a,0,36000,8,36000", "b,0,60,8,600", "c,0,60,1,600", "d,10,60,1,600"]
    head = "job_id,submit_s,duration_s,gpus,deadline_s"
    (folder / "jobs.csv").write_text("\n".join([head, *rows]) + "\n")
    text = "horizon: 3h\n" + TEXT.partition("  - name: small")[0].replace("gpus: 16", "gpus: 24")
    return text.replace("{wait: {p90: 10min}}", slo)


def test_a_verdict_that_jobs_may_still_turn_says_so(folder: Path) -> None:
    """No job is seen for longer, so that P90 of the completion was met without a word."""
    text = open_ended(folder, "{jct: {p50: 1min, p90: 2.5h}}")
    said = call("run", write(folder, text=text), "--json", "--quiet", "--out", folder / "out").document()
    assert said["plans"][0]["slo"]["undecided"] == ["jct_s p90"]
    assert said["verdict"].endswith(MAY_MISS.format("P90 completion time"))
    assert "may still miss" not in verdict("run", write(folder, text=text.replace("horizon: 3h", "horizon: 11h")))


def test_every_decision_says_so(folder: Path) -> None:
    """A search, advice with something to do and without, and sensitivity took such a plan without a word."""
    text = open_ended(folder, "{jct: {p50: 1min, p90: 2.5h}}")
    vary = "vary: [{path: training.gpus, values: [24, 32]}]\n"
    assert MAY_MISS.format("P90 completion time") in verdict("optimize", write(folder, text=text + vary))
    for gpus in (24, 48):
        file = write(folder, text=text.replace("gpus: 24", f"gpus: {gpus}"))
        advice = call("advise", file, "--json", "--quiet", "--out", folder / "out").document()
        assert bool(advice["actions"]) is (gpus == 48)
        assert all(action["after"]["undecided"] == ["jct_s p90"] for action in advice["actions"])
        assert MAY_MISS.format("P90 completion time") in advice["verdict"]
    varied = ("--vary", "price.aws/p4d.24xlarge=10..40")
    said = call("sensitivity", write(folder, text=text), *varied, "--json", "--quiet", "--out", folder / "out")
    assert MAY_MISS.format("P90 completion time") in said.document()["verdict"]


def test_deadlines_of_jobs_that_run_on_may_still_be_missed(folder: Path) -> None:
    """Three of four deadlines are kept, that of the job which runs on is not past: 3 of 3, and at last 3 or 4 of 4."""
    text = open_ended(folder, "{deadlines: 80%}")
    assert MAY_MISS.format("deadlines") in verdict("run", write(folder, text=text))
    for sure in (text.replace("80%", "75%"), text.replace("horizon: 3h", "horizon: 11h")):
        assert "may still miss" not in verdict("run", write(folder, text=sure))


def test_remedies_for_a_log_are_keys_of_the_scenario(tmp_path: Path) -> None:
    """A command would take `--map` and `--timezone`; a scenario has neither."""
    path = home(tmp_path)
    log = path.parent / "jobs.csv"
    log.write_text("job_id,submit_time,duration_s,width\na,2026-03-01 00:00,3600,8\n")
    [fault] = find_faults(path)
    assert "no column says how many GPUs they asked for; write `jobs.map: {gpus: COLUMN}`; its columns" in fault.message
    path.write_text(path.read_text().replace("{path: jobs.csv}", "{path: jobs.csv, map: {gpus: width}}"))
    assert not find_faults(path)
    said = " ".join(assumptions(settle(load(path), seed=None, seeds=1)))
    assert "read as UTC; if they are of another one, write `jobs.timezone`." in said
    assert "--" not in said
