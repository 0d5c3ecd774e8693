"""`simcost autoscale replay`: a manifest and a recording become decisions; bad ones are said with their places."""

from pathlib import Path
from typing import Any

import pytest
from support.commands import call

HPA = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: chat, labels: {team: ml}}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: chat}
  minReplicas: 1
  maxReplicas: 8
  metrics:
    - type: Pods
      pods:
        metric: {name: queue}
        target: {type: AverageValue, averageValue: "10"}
"""
METRICS = """\
timestamp,pod,metric,value
2026-03-03T08:00:00Z,a,queue,10
2026-03-03T08:00:15Z,a,queue,31
2026-03-03T08:00:30Z,a,queue,10
2026-03-03T08:00:30Z,b,queue,10
2026-03-03T08:00:45Z,a,queue,1
2026-03-03T08:00:45Z,b,queue,1
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hpa.yaml").write_text(HPA)
    (tmp_path / "m.csv").write_text(METRICS)
    return tmp_path


def replayed(*words: object) -> dict[str, Any]:
    said = call("autoscale", "replay", "hpa.yaml", "m.csv", "--json", *words)
    assert said.code == 0, said.err
    return said.document()


def test_decisions() -> None:
    document = replayed()
    shown = [(decision["t_s"], decision["current"], decision["desired"]) for decision in document["decisions"]]
    assert shown == [(0, 1, 1), (15, 1, 4), (30, 2, 4), (45, 2, 4)]
    first, second, *_, last = document["decisions"]
    assert first["time"] == "2026-03-03T08:00:00Z"
    assert second["reason"] == "DesiredWithinRange: queue 31, target 10: desired 4"
    assert last["reason"] == "ScaleDownStabilized: queue 1, target 10: desired 1"
    assert last["metrics"] == {"queue": 2}
    assert (document["scale_ups"], document["scale_downs"], document["syncs"]) == (3, 0, 4)
    assert document["not_simulated"] == ["metadata.labels"]
    assert document["manifest"] == {
        "file": "hpa.yaml",
        "kind": "HorizontalPodAutoscaler",
        "name": "chat",
        "policy": "hpa",
    }
    assert document["provenance"]["inputs"].keys() == {"hpa.yaml", "m.csv"}
    assert sum(reason["syncs"] for reason in document["reasons"]) == 4
    assert document["replica_hours"]["desired"] == pytest.approx(13 * 15 / 3600)


def test_a_closed_loop_goes_its_own_way() -> None:
    decisions = replayed("--closed-loop", "--start", 2)["decisions"]
    assert [decision["current"] for decision in decisions] == [2, *(decision["desired"] for decision in decisions[:-1])]
    assert decisions != replayed()["decisions"]


def test_text_says_why() -> None:
    said = call("autoscale", "replay", "hpa.yaml", "m.csv")
    assert said.code == 0
    assert said.out.startswith("HorizontalPodAutoscaler chat requests 1 to 4 replicas over 45 s: more than there are")
    assert "2026-03-03 08:00:15  DesiredWithinRange: queue 31, target 10: desired 4" in said.out
    assert "Not simulated: metadata.labels" in said.out
    assert max(map(len, said.out.splitlines())) <= 140


def test_pictures(here: Path) -> None:
    replayed("--html", "page.html", "--svg", "chart.svg")
    chart, page = ((here / name).read_text() for name in ("chart.svg", "page.html"))
    assert all(word in chart for word in ("queue", "replicas", "desired", "there", "UTC"))
    assert all(word in page for word in ("ScaleDownStabilized", "metadata.labels", "<svg"))


def test_seconds_need_no_dates(here: Path) -> None:
    (here / "m.csv").write_text("t,replicas,load\n0,1,10\n15,1,40\n30,4,40\n")
    document = replayed("--metric", "queue=load")
    assert [decision["desired"] for decision in document["decisions"]] == [1, 4, 4]
    assert "time" not in document["decisions"][0]
    assert call("autoscale", "replay", "hpa.yaml", "m.csv", "--metric", "queue=load", "--svg", "c.svg").code == 0
    assert "minutes" in (here / "c.svg").read_text()


@pytest.mark.parametrize("recorded", ["t,replicas,queue\n0,6,60\n15,6,60\n", "t,pod,queue\n0,a,20\n0,b,20\n15,a,20\n"])
def test_a_closed_loop_begins_with_the_replicas_recorded(here: Path, recorded: str) -> None:
    """It began with the least that the manifest allows, and needed a scale-up that the recording has not."""
    (here / "m.csv").write_text(recorded)
    assert replayed("--closed-loop")["decisions"][0]["current"] == replayed()["decisions"][0]["current"] > 1
    assert replayed("--closed-loop", "--start", 3)["decisions"][0]["current"] == 3


@pytest.mark.parametrize("other", ["alpha", "zeta"])
def test_a_metric_that_is_named_counts_also_where_its_name_is_recorded(here: Path, other: str) -> None:
    (here / "m.csv").write_text(f"t,replicas,queue,{other}\n0,1,10,40\n15,4,10,40\n")
    assert [one["metrics"] for one in replayed("--metric", f"queue={other}")["decisions"]] == [{"queue": 40}] * 2
    assert [one["metrics"] for one in replayed()["decisions"]] == [{"queue": 10}] * 2
    swapped = replayed("--metric", f"queue={other}", "replicas=queue")["decisions"]
    assert [one["current"] for one in swapped] == [10, 10]


def test_a_name_that_the_manifest_does_not_read_is_refused(here: Path) -> None:
    (here / "m.csv").write_text("t,replicas,queue,zeta\n0,1,10,40\n")
    said = call("autoscale", "replay", "hpa.yaml", "m.csv", "--metric", "queues=zeta")
    assert said.code == 2
    assert "--metric queues=zeta: the manifest has no metric 'queues'; did you mean 'queue'" in said.err


def test_a_start_that_is_recorded_otherwise_is_told(here: Path) -> None:
    (here / "m.csv").write_text("t_s,replicas,queue\n0,4,10\n15,4,10\n")
    told = [one["message"] for one in replayed("--start", 6)["findings"]]
    assert told == [
        "--start 6 changed nothing: 4 replicas are recorded at the first sync; pass --closed-loop to go from others"
    ]
    assert not replayed("--start", 4)["findings"]
    assert not replayed("--start", 6, "--closed-loop")["findings"]


@pytest.mark.parametrize(
    ("manifest", "metrics", "message"),
    [
        (HPA.replace("maxReplicas: 8", "maxReplicas: 0"), METRICS, "hpa.yaml:7:16: spec.maxReplicas"),
        (
            HPA.replace("{name: queue}", "{name: waiting_requests}"),
            METRICS,
            r"waiting_requests is not recorded",
        ),
        (HPA.replace("{name: queue}", "{name: queues}"), METRICS, "did you mean 'queue'"),
        (HPA, METRICS.replace(",31", ",many"), "m.csv:3: value: 'many' is not a number"),
        (HPA, METRICS.replace("metric", "name"), "m.csv: no metric column found"),
        (HPA, "t,metric,value\n", "m.csv: no rows"),
        ("apiVersion: v1\nkind: Pod\n", METRICS, "hpa.yaml:2:7: kind: Pod is not a manifest known here"),
        (
            "apiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata: {name: gpu}\nspec: {}\n",
            METRICS,
            "hpa.yaml",
        ),
    ],
)
def test_bad_files(here: Path, manifest: str, metrics: str, message: str) -> None:
    (here / "hpa.yaml").write_text(manifest)
    (here / "m.csv").write_text(metrics)
    said = call("autoscale", "replay", "hpa.yaml", "m.csv", "--svg", "c.svg")
    assert said.code == 2
    assert message in said.err
    assert not said.out
    assert not (here / "c.svg").exists()


def test_metrics_that_the_autoscaler_cannot_use_are_told(here: Path) -> None:
    """Utilisation is of what pods request."""
    target = "type: Resource\n      resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}\n"
    (here / "hpa.yaml").write_text(HPA[: HPA.index("type: Pods")] + target)
    (here / "m.csv").write_text("t_s,pod,cpu\n0,a,90\n15,a,90\n30,a,90\n")
    [finding] = replayed()["findings"]
    assert finding["message"] == (
        "at 3 of 3 syncs no metric could be used and nothing changes: cpu: a pod requests no cpu; give what it "
        "requests in the column request, 100 where usage is in percent"
    )
    (here / "m.csv").write_text("t_s,pod,cpu,request\n0,a,90,100\n15,a,90,100\n30,a,90,100\n")
    document = replayed()
    assert (document["findings"], document["decisions"][0]["desired"]) == ([], 2)


def test_a_planner_that_waits_for_what_it_is_not_told(here: Path) -> None:
    """Most of its syncs are between its intervals."""
    (here / "hpa.yaml").write_text("optimization_target: sla\nthroughput_adjustment_interval_seconds: 60\n")
    (here / "m.csv").write_text("t_s,requests_per_s\n0,3\n60,3\n120,3\n")
    [finding] = replayed()["findings"]
    assert finding["message"].startswith("at 2 of 2 syncs no metric could be used and nothing changes: engine_rps")


def test_a_recording_that_is_too_long_needs_no_other_metric(here: Path) -> None:
    """Ray decides ten times a second."""
    (here / "ray.yaml").write_text("applications: [{name: a, deployments: [{name: E, autoscaling_config: {}}]}]\n")
    (here / "week.csv").write_text("t,in_flight\n0,1\n604800,1\n")
    said = call("autoscale", "replay", "ray.yaml", "week.csv")
    assert (said.code, said.err.strip().endswith("are more than 2,000,000; replay a shorter time")) == (2, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--metric", "queue=lengths"), "no metric 'lengths' is recorded"),
        (("--metric", "queue=a", "--metric", "queue=b"), "queue is given twice, as a and as b; keep one"),
        (("--map", "value=count,value=value"), "value is given twice, as count and as value; keep one"),
        (("--name", "other"), "hpa.yaml:1:1: is called chat, not other"),
        (("--stale", "0s"), "is not a time"),
        (("--start", "-1"), "not a whole number"),
        (("--map", "value=count"), "no column 'count'"),
    ],
)
def test_bad_words(words: tuple[str, ...], message: str) -> None:
    said = call("autoscale", "replay", "hpa.yaml", "m.csv", *words)
    assert said.code == 2
    assert message in said.err
