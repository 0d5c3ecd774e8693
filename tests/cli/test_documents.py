"""`--json`: one document on stdout with the keys that other tools read, and laws that its numbers keep."""

import json
from math import fsum
from pathlib import Path
from typing import Any

import pytest
from support.commands import FOLDER, LOG, Said, call, scenario, trace


@pytest.fixture(scope="module")
def document(finished: Said) -> dict[str, Any]:
    assert finished.code == 0, finished.err
    return finished.document()


def test_run_has_its_keys(document: dict[str, Any]) -> None:
    assert document.keys() >= {
        "scenario",
        "verdict",
        "baseline",
        "plans",
        "differences",
        "provenance",
        "files",
    }
    assert document["provenance"].keys() >= {"simcost_version", "seed", "inputs", "catalog_date"}
    assert document["baseline"] == document["plans"][0]["name"]
    assert document["verdict"].endswith(".")
    assert document["provenance"]["inputs"].keys() == {"tiny.yaml"}
    assert len(document["provenance"]["inputs"]["tiny.yaml"]) == 64
    for plan in document["plans"]:
        assert plan.keys() >= {
            "name",
            "model",
            "quality",
            "cost_usd",
            "slo",
            "requests",
            "replica_hours",
            "utilisation",
            "over_provisioned",
        }
        assert plan["over_provisioned"].keys() >= {"replica_hours", "usd"}
        assert plan["replica_hours"].keys() == {"computing", "idle", "starting", "draining", "unallocated"}
        assert plan["cost_usd"].keys() >= {"total", "per_month", "by_category"}
        assert plan["slo"].keys() >= {"met", "attainment", "metrics"}
        for metric in ("ttft_s", "tpot_s", "e2e_s"):
            assert plan["slo"]["metrics"][metric].keys() >= {"p50", "p95", "p99"}
        assert plan["requests"].keys() >= {"arrived", "completed", "rejected", "timed_out", "in_system"}
    for change in document["differences"]:
        assert change.keys() >= {"plan", "against", "cost_usd"}
        assert change["cost_usd"].keys() >= {"mean", "lo", "hi", "level"}


def test_requests_are_conserved(document: dict[str, Any]) -> None:
    for plan in document["plans"]:
        counts = plan["requests"]
        assert counts["arrived"] > 300
        left = (counts[key] for key in ("completed", "rejected", "timed_out", "in_system"))
        assert counts["arrived"] == sum(left)
    assert len({plan["requests"]["arrived"] for plan in document["plans"]}) == 1, "every plan sees the same"


def test_money_adds_up(document: dict[str, Any]) -> None:
    for plan in document["plans"]:
        cost = plan["cost_usd"]
        assert fsum(cost["by_category"].values()) == pytest.approx(cost["total"], rel=1e-12)
        assert fsum(cost["by_state"].values()) == pytest.approx(cost["by_category"]["compute"], rel=1e-12)
        assert cost["per_month"] == pytest.approx(cost["total"] * 730 * 6, rel=1e-9)


def test_hours_add_up_to_the_nodes_paid(document: dict[str, Any]) -> None:
    for plan in document["plans"]:
        hours = plan["replica_hours"]
        assert fsum(hours.values()) == pytest.approx(plan["node_hours"], rel=1e-9)
        assert plan["utilisation"] > 0
        assert hours["computing"] / plan["node_hours"] == pytest.approx(plan["utilisation"], rel=0.05)
        over = plan["over_provisioned"]
        paid = over["per_month"]["paid_replica_hours"]
        assert paid == pytest.approx(plan["node_hours"] * 730 * 6, rel=1e-9)
        assert paid == pytest.approx(over["per_month"]["needed_replica_hours"] + over["per_month"]["replica_hours"])
        price = plan["cost_usd"]["by_category"]["compute"] / plan["node_hours"]
        assert over["usd"] == pytest.approx(over["replica_hours"] * price, rel=0.01)
    assert document["plans"][0]["node_hours"] == pytest.approx(1 / 6)


def test_a_difference_is_that_of_the_totals(document: dict[str, Any]) -> None:
    base, other = document["plans"]
    (change,) = document["differences"]
    assert (change["plan"], change["against"]) == (other["name"], base["name"])
    assert change["against"] == document["baseline"]
    gap = other["cost_usd"]["total"] - base["cost_usd"]["total"]
    assert change["cost_usd"]["mean"] == pytest.approx(gap, rel=1e-9)
    assert change["cost_usd"]["lo"] <= change["cost_usd"]["mean"] <= change["cost_usd"]["hi"]


def test_percentiles_rise_and_shares_are_shares(document: dict[str, Any]) -> None:
    for plan in document["plans"]:
        for levels in plan["slo"]["metrics"].values():
            assert 0 < levels["p50"] <= levels["p95"] <= levels["p99"]
        bounds = plan["intervals"]["attainment"]
        assert 0 <= bounds["lo"] <= plan["slo"]["attainment"] <= bounds["hi"] <= 1
        assert 0 <= plan["utilisation"] <= 1


def test_the_files_named_are_there(document: dict[str, Any], home: Path) -> None:
    names = document["files"]
    assert all((home / name).is_file() for name in names)
    assert {f"{FOLDER}/result.json", f"{FOLDER}/scenario.yaml", f"{FOLDER}/report.html"} <= set(names)
    stored = json.loads((home / FOLDER / "result.json").read_text(encoding="utf-8"))
    assert stored["plans"] == document["plans"]


@pytest.mark.usefixtures("no_report")
def test_nothing_is_said_on_stderr_when_quiet(finished: Said, home: Path) -> None:
    said = call("run", home / "tiny.yaml", "--out", home / FOLDER, "--json", "--quiet")
    assert said.err == ""
    assert said.document()["plans"] == finished.document()["plans"]


def test_check(tmp_path: Path) -> None:
    good = call("check", scenario(tmp_path), "--json")
    assert (good.code, good.document(), good.err) == (0, {"faults": [], "notes": []}, "")
    bad = call("check", scenario(tmp_path, ("rate: 1/s", "rte: 1/s")), "--json")
    assert bad.code == 2
    assert bad.err == ""
    faults = bad.document()["faults"]
    assert all(fault.keys() == {"file", "line", "column", "path", "message"} for fault in faults)
    assert any("did you mean 'rate'?" in fault["message"] and fault["line"] == 5 for fault in faults)


def test_schema() -> None:
    found = call("schema").document()
    assert found["$schema"].startswith("https://json-schema.org/")
    assert found["properties"].keys() >= {"scenario", "model", "workload", "slo", "plans"}
    assert call("schema", "--json").document() == found


def test_trace_import_and_describe(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(LOG, encoding="utf-8")
    stored = tmp_path / "log.parquet"
    said = call("trace", "import", tmp_path / "log.csv", "--format", "csv", "-o", stored, "--json").document()
    assert said.keys() >= {"rows", "dropped", "repaired", "span_s", "findings"}
    assert (said["rows"], said["dropped"], said["repaired"], said["span_s"]) == (4, 0, 0, 300.0)
    found = call("trace", "describe", stored, "--json").document()
    wanted = {"rows", "span_s", "rate_per_s", "cv", "dispersion", "prompt_tokens", "output_tokens"}
    assert found.keys() >= wanted
    assert found["dispersion"].keys() == {"1s", "10s", "60s"}
    assert found["prompt_tokens"]["p50"] == 100
    assert found["rows"] == 4


def test_perf() -> None:
    found = call("perf", "llama-3.1-8b", "--on", "h100", "--precision", "fp8", "--json").document()
    assert found.keys() >= {"coefficients", "provenance", "kv_capacity_tokens", "weights_bytes", "throughput"}
    assert 6e9 < found["weights_bytes"] < 12e9
    assert all(row["tokens_per_s"] > 0 for row in found["throughput"])


@pytest.mark.parametrize(
    "words", [("list",), ("list", "models"), ("list", "offers"), ("show", "l4"), ("show", "aws/g6.xlarge")]
)
def test_catalog(words: tuple[str, ...]) -> None:
    assert call("catalog", *words, "--json").document()
    shown = call("catalog", *words)
    assert shown.code == 0
    assert "None" not in shown.out
    assert "nan" not in shown.out.lower().split()


def test_synthesize_uses_the_seed_zero_too(tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text("kind: synthetic\nrate: 1/s\n", encoding="utf-8")
    made = {}
    for seed in (0, 1):
        out = tmp_path / f"{seed}.parquet"
        words = ("trace", "synthesize", spec, "--horizon", "2min", "-o", out, "--seed", seed, "--json")
        assert call(*words).document()["rows"] > 50
        made[seed] = out.read_bytes()
    assert made[0] != made[1]


@pytest.mark.usefixtures("no_report")
def test_a_horizon_that_is_not_the_length_of_the_trace_is_said(tmp_path: Path) -> None:
    trace(tmp_path)
    recorded = (
        "{kind: synthetic, rate: 1/s, lengths: {prompt_median: 100, output_median: 20}}",
        "{kind: trace, path: log.parquet}",
    )
    file = scenario(tmp_path, recorded, ("seeds: 2", "seeds: 1"))
    said = call("run", file, "--out", tmp_path / "out").out
    assert "log.parquet ends after 5 min of 10 min: nothing of it arrives later" in " ".join(said.split())
    almost = scenario(tmp_path, recorded, ("seeds: 2", "seeds: 1"), ("horizon: 10min", "horizon: 302s"))
    assert "nothing of it arrives later" not in call("run", almost, "--out", tmp_path / "out").out
    part = scenario(tmp_path, recorded, ("seeds: 2", "seeds: 1"), ("horizon: 10min", "horizon: 1min"))
    said = " ".join(call("run", part, "--out", tmp_path / "out").out.split())
    assert "log.parquet is 5 min long: its first 60 s are replayed" in said
    whole = scenario(tmp_path, recorded, ("seeds: 2", "seeds: 1"), ("horizon: 10min\n", ""))
    said = call("run", whole, "--out", tmp_path / "out").out
    assert "nothing of it arrives later" not in said
    assert "are replayed" not in said
