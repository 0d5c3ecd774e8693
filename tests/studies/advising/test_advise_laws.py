"""Laws of `simcost advise`, whatever the plan is made of: what an action promises is what `simcost diff` finds between
runs of the plan before and after, and no action misses the SLO.
"""

from math import sin
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.commands import call
from support.job_scenarios import NIGHT, home
from support.scenarios import write
from support.undivided import CLOSED, POOLS

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_pictures")]

SPOT = """\
scenario: spot
model: llama-3.1-8b
horizon: 15min
seeds: 5
engine_sigma: 0.2
workload: {kind: synthetic, rate: 9/s, lengths: {prompt_median: 400, output_median: 200}}
slo: {ttft: 2s, tpot: 100ms, attainment: 93%}
plans:
  - name: six
    replica: {accelerator: l4, precision: fp8}
    buy: {offer: gcp/g2-standard-4, region: us-central1}
    startup: {node: 4min}
    scaling: {kind: fixed, replicas: 6}
"""
FORECAST = """\
scenario: forecast
model: llama-3.2-1b
demand:
  history: history.csv
  forecast: {horizon: 6h}
  requests: {lengths: {prompt_median: 300, output_median: 100}}
slo: {ttft: 1s, tpot: 40ms, attainment: 95%}
seeds: 4
plans:
  - name: three
    replica: {accelerator: l4}
    buy: {offer: gcp/g2-standard-4, region: us-central1}
    scaling: {kind: fixed, replicas: 3}
"""
CHAINED = """\
scenario: chained
horizon: 10min
seeds: 3
services:
  - name: small
    model: llama-3.2-1b
    workload: {kind: synthetic, rate: 6/s, lengths: {prompt_median: 300, output_median: 100}}
    slo: {ttft: 3s, attainment: 90%}
  - name: large
    model: llama-3.1-8b
    workload: {kind: synthetic, rate: 0.5/s, lengths: {prompt_median: 300, output_median: 100}}
    slo: {ttft: 2s, attainment: 90%}
plans:
  - name: cascade
    services:
      small:
        replica: {accelerator: l4}
        buy: {offer: gcp/g2-standard-4, region: us-central1}
        cascade: {to: large, escalate: 10%}
        scaling: {kind: fixed, replicas: 2}
      large:
        replica: {accelerator: a100-40gb}
        buy: {offer: gcp/a2-highgpu-1g, region: us-central1}
        scaling: {kind: fixed, replicas: 2}
"""

BATCH = """\
scenario: batch
model: llama-3.1-8b
horizon: 2h
seeds: 3
engine_sigma: 0.01
workload:
  - {kind: synthetic, tenant: chat, rate: 2.6/s, lengths: {prompt_median: 300, output_median: 100}}
  - kind: synthetic
    tenant: summaries
    priority: -1
    rate: 0.09/s
    daily: [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    lengths: {prompt_median: 3000, output_median: 300}
slo: {ttft: 1s, tpot: 60ms, attainment: 92%}
tenants:
  - {name: summaries, slo: {e2e: 2h}}
plans:
  - name: as they come
    replica: {accelerator: l4, precision: fp8}
    buy: {offer: gcp/g2-standard-4, region: us-central1}
    scaling: {kind: fixed, replicas: 2}
"""


def with_history(folder: Path, text: str) -> Path:
    rows = [
        f"2026-01-{1 + h // 24:02d}T{h % 24:02d}:00:00Z,{round(3600 * (2 + sin(h / 24 * 6.283)))}" for h in range(336)
    ]
    (folder / "history.csv").write_text("timestamp,requests\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return write(folder, text=text)


def advised(file: Path, *words: object) -> dict[str, Any]:
    said = call("advise", file, "--json", "--quiet", "--jobs", 1, "--out", file.parent / "out", *words)
    assert said.code == 0, said.err
    return said.document()


def proven(file: Path, document: dict[str, Any], kind: str | None = None) -> None:
    """Run the plan before and after each action under the seeds of the confirmation, and ask `simcost diff`; all
    actions, or those of a kind.
    """
    assert document["slo_met"]
    actions = [one for one in document["actions"] if kind in (None, one["kind"])]
    assert actions
    written = yaml.safe_load(file.read_text(encoding="utf-8"))
    written.pop("defaults", None)
    folders = []
    for i, plan in enumerate([*(one["after"]["plan"] for one in actions), actions[0]["before"]["plan"]]):
        alone = write(file.parent, text=yaml.safe_dump(written | {"plans": [plan]}), name=f"plan-{i}.yaml")
        words = ("--seed", document["provenance"]["confirmation_seed"], "--seeds", document["replications"])
        folders.append(file.parent / f"ran-{i}")
        ran = call("run", alone, "--json", "--quiet", "--out", folders[-1], *words)
        assert ran.code == 0, ran.err
        assert ran.document()["plans"][0]["slo"]["met"]
    for action, after in zip(actions, folders[:-1], strict=True):
        found = call("diff", folders[-1], after, "--json", "--quiet").document()
        saving = action["saving_usd_per_month"]
        assert -found["difference_usd"] == pytest.approx(saving["mean"], rel=1e-9), action["action"]
        assert sum(effect["usd"] for effect in found["effects"]) == pytest.approx(found["difference_usd"])
        assert 0 < saving["lo"] <= saving["mean"]


def outcomes(document: dict[str, Any], service: str | None = None) -> dict[str, str]:
    return {one["kind"]: one["outcome"] for one in document["tried"] if one["service"] == service}


def test_clients_that_wait(tmp_path: Path) -> None:
    file = write(tmp_path, text=CLOSED)
    document = advised(file)
    proven(file, document)
    size = next(one for one in document["actions"] if one["kind"] == "number of replicas")
    assert size["after"]["requests_completed"] < size["before"]["requests_completed"]
    assert any("a slower plan is asked for less" in line for line in document["assumptions"])


def test_plans_of_several_pools(tmp_path: Path) -> None:
    file = write(tmp_path, text=POOLS)
    document = advised(file)
    proven(file, document)
    assert {one["service"] for one in document["actions"]} == {"spot", "steady"}
    sized = next(
        one for one in document["actions"] if (one["service"], one["kind"]) == ("steady", "number of replicas")
    )
    assert [change["path"] for change in sized["changes"]] == ["pools.1.scaling.replicas"]
    assert outcomes(document, "steady")["spot"] == "not tried: needs --spot-interruptions RATE"


def test_a_share_of_spot_is_listed_with_its_interruptions(tmp_path: Path) -> None:
    file = write(tmp_path, text=SPOT)
    document = advised(file, "--spot-interruptions", 3)
    proven(file, document)
    mixed = next(one for one in document["actions"] if one["kind"] == "share of spot")
    steady, spot = mixed["after"]["plan"]["pools"]
    assert spot["interruptions"] == {"spot": {"kind": "hazard", "per_node_h": 3.0}}
    assert steady["scaling"]["replicas"] + spot["scaling"]["replicas"] >= 6


def test_a_forecast_is_advised_on_by_its_futures(tmp_path: Path) -> None:
    file = with_history(tmp_path, FORECAST)
    document = advised(file)
    proven(file, document)
    assert document["actions"][0]["after"]["attainment_at_least"] is None
    count = document["replications"]
    assert document["least_of_futures"] == pytest.approx(0.05 ** (1 / count))
    assert document["actions"][0]["slo_risk"] == pytest.approx(1 / (2 * count + 2))
    assert f"on {count} fresh futures, which show with 95 % confidence" in document["verdict"]


def test_services_that_depend_on_each_other_are_tried_on_other_hardware_one_at_a_time(tmp_path: Path) -> None:
    file = write(tmp_path, text=CHAINED)
    document = advised(file)
    proven(file, document)
    for service in ("small", "large"):
        tried = outcomes(document, service)
        assert {"region", "accelerator", "provider", "commitment of 1 year"} <= tried.keys()
    for action in document["actions"]:
        own = f"services.{action['service']}."
        assert all(change["path"].startswith(own) for change in action["changes"])
    assert any("choices of provider, 6 were simulated" in line for line in document["assumptions"])


def test_requests_beside_jobs_leave_the_cluster_of_the_jobs_as_it_is(tmp_path: Path) -> None:
    text = NIGHT.partition("  - name: one fleet")[0].replace("max: 4", "max: 6").replace("min: 1", "min: 3")
    file = home(tmp_path, text=text.replace("aws/g6.xlarge", "gcp/g2-standard-4, region: us-central1"))
    document = advised(file)
    proven(file, document)
    tried = outcomes(document)
    assert tried["accelerator of the cluster"].startswith("not tried: recorded durations")
    assert {"region", "region of the cluster", "interval of checkpoints", "accelerator"} <= tried.keys()
    for action in document["actions"]:
        if any(change["path"].startswith("buy") for change in action["changes"]):
            assert (
                action["after"]["plan"].get("training_buy", {}).get("offer", "gcp/g2-standard-4") == "gcp/g2-standard-4"
            )


def test_batch_work_is_shifted_to_idle_times(tmp_path: Path) -> None:
    file = write(tmp_path, text=BATCH)
    document = advised(file)
    proven(file, document, "batch work when idle")
    shifted = next(one for one in document["actions"] if one["kind"] == "batch work when idle")
    assert shifted["after"]["plan"]["admission"]["saturation"]["then"] == "defer"
    assert shifted["after"]["plan"]["scaling"]["replicas"] == 1
    size = next(
        (one["saving_usd_per_month"] for one in document["actions"] if one["kind"] == "number of replicas"), None
    )
    assert size is None or shifted["saving_usd_per_month"]["mean"] > size["mean"]


def test_a_recorded_hour_of_conversations_is_served_from_a_cache_of_prefixes(shared: Path, tmp_path: Path) -> None:
    log = shared / "data" / "traces" / "mooncake_conversation_trace.jsonl.gz"
    stored = tmp_path / "mooncake.parquet"
    said = call("trace", "import", log, "--format", "mooncake", "-o", stored, "--quiet")
    assert said.code == 0, said.err
    text = """\
scenario: talks
model: llama-3.1-8b
horizon: 5min
seeds: 3
engine_sigma: 0.02
workload: {kind: trace, path: mooncake.parquet}
slo: {ttft: 15s, attainment: 80%}
plans:
  - name: ten
    replica: {accelerator: h100}
    buy: {offer: gcp/a3-highgpu-1g, region: us-central1}
    scaling: {kind: fixed, replicas: 10}
"""
    file = write(tmp_path, text=text)
    document = advised(file)
    proven(file, document)
    assert not outcomes(document)["prefix cache"].startswith("not tried")


def test_the_risk_of_spot_without_an_interruption_says_so(tmp_path: Path) -> None:
    """One node for ten minutes at 0.6 an hour: a run in ten has one, and none of four may have had it."""
    file = write(tmp_path, text=SPOT.replace("9/s", "1/s").replace("15min", "10min").replace("six", "two"))
    document = advised(file, "--spot-interruptions", 0.6, "--seeds", 2)
    [spot] = [one for one in document["actions"] if one["kind"] == "spot"]
    unseen = spot["unseen_interruptions"]
    assert unseen["expected"] == pytest.approx(0.6 * unseen["node_hours"])
    assert spot["slo_risk"] >= unseen["runs_with_one"] > 0.09
    assert spot["slo_risk_class"] == "medium"
    assert [one["unseen_interruptions"] for one in document["actions"] if one is not spot].count(None) > 0
    said = call("advise", file, "--quiet", "--out", tmp_path / "out", "--spot-interruptions", 0.6, "--seeds", 2)
    text = " ".join(said.out.split())
    assert "none of its spot nodes was taken back in 4 runs" in text
    assert "interruptions are expected at the stated rate" in text
