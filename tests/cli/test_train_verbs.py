"""The verbs of training: one document each, and bad input refused in words."""

import json
import random
from pathlib import Path

import pytest
from support.commands import call, refused

from simcost.present.format import seconds

pytestmark = pytest.mark.slow

HEAD = "job_id,submit_s,duration_s,gpus"


@pytest.fixture
def jobs(tmp_path: Path) -> Path:
    """A log of 200 jobs."""
    draw, now, rows = random.Random(4), 0, [HEAD]
    for i in range(200):
        now += draw.randrange(1, 400)
        rows.append(f"{i},{now},{draw.randrange(60, 3000)},{draw.choice([1, 1, 2, 4])}")
    (tmp_path / "jobs.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return tmp_path / "jobs.csv"


def test_a_job_log_is_imported_and_described(jobs: Path, tmp_path: Path) -> None:
    stored = tmp_path / "jobs.parquet"
    found = call("trace", "import", jobs, "--format", "csv", "--jobs-log", "-o", stored, "--json").document()
    assert (found["rows"], found["dropped"]) == (200, 0)
    assert call("trace", "describe", stored, "--json").document()["jobs"] == 200
    assert call("train", "size", stored, "--wait", "5min", "--json").document()["policies"]


def test_the_size_that_keeps_a_wait(jobs: Path) -> None:
    words = ("train", "size", jobs, "--wait", "5min", "--node", "4", "--price", "$2/h")
    found = call(*words, "--policy", "fifo-strict", "--policy", "fifo-skip", "--json").document()
    assert [policy["policy"] for policy in found["policies"]] == ["fifo-strict", "fifo-skip"]
    for policy in found["policies"]:
        assert policy["wait_s"]["target"] <= 300
        assert policy["usd_per_month"] == pytest.approx(policy["gpus"] * 2 * 730)
    assert found["provenance"]["inputs"]
    assert found["verdict"] in call(*words, "--policy", "fifo-strict", "--policy", "fifo-skip").out.replace("\n", " ")


def test_work_of_users_and_pools_leaves_rejected_jobs_out(tmp_path: Path) -> None:
    """A job wider than the cluster never ran: it had counted as 1,000 GPU-hours of its user."""
    log = tmp_path / "wide.csv"
    log.write_text(f"{HEAD},user,pool\n1,0,3600,1,a,x\n2,0,3600,1000,b,y\n3,0,3600,2,b,y\n", encoding="utf-8")
    words = ("train", "replay", log, "--gpus", "8")
    found = call(*words, "--json").document()
    for groups in (found["users"], found["pools"]):
        assert sum(group["gpu_hours"] for group in groups.values()) == pytest.approx(found["gpu_hours"]["useful"])
    assert found["users"]["b"]["jobs"] == 2
    assert found["utilisation_while_submitted"] is None
    assert "while jobs were submitted" not in call(*words).out


def test_a_replay_has_what_others_read(jobs: Path, tmp_path: Path) -> None:
    found = call("train", "replay", jobs, "--gpus", "8", "--policy", "easy-backfill", "--json").document()
    assert found["policy"] == "easy-backfill"
    assert found["jobs"] == found["completed"] == 200
    assert set(found["wait_s"]) >= {"mean", "p50", "p95", "p99", "max"} <= set(found["jct_s"])
    assert sum(found["gpu_hours"].values()) == pytest.approx(8 * found["makespan_s"] / 3600, rel=0.05)
    assert found["fragmentation"] is None
    (tmp_path / "nodes.csv").write_text("node,gpus\na,4\nb,4\n", encoding="utf-8")
    on_nodes = call("train", "replay", jobs, "--nodes", tmp_path / "nodes.csv", "--json").document()
    assert on_nodes["fragmentation"] >= 0
    both = ("train", "replay", jobs, "--nodes", tmp_path / "nodes.csv", "--json", "--gpus")
    assert call(*both, "8").document()["jct_s"] == on_nodes["jct_s"]
    assert "have 8; leave --gpus away" in refused(*both, "9")
    assert "how large is the cluster?" in refused("train", "replay", jobs)
    both = call(
        "train", "replay", jobs, "--gpus", "8", "--policy", "fifo-skip", "--policy", "srtf", "--json"
    ).document()
    assert [policy["policy"] for policy in both["policies"]] == ["fifo-skip", "srtf"]
    best = min(both["policies"], key=lambda policy: policy["jct_s"]["mean"])["policy"]
    assert both["verdict"].startswith(f"Jobs complete soonest under {best}: ")
    (tmp_path / "wide.csv").write_text(f"{HEAD}\n1,0,5,9\n", encoding="utf-8")
    wide = (
        "train",
        "replay",
        tmp_path / "wide.csv",
        "--gpus",
        "8",
        "--policy",
        "fifo-skip",
        "--policy",
        "srtf",
    )
    assert call(*wide).out.startswith("No job completes on this cluster")
    assert "on nodes there are" in refused(
        "train", "replay", jobs, "--nodes", tmp_path / "nodes.csv", "--policy", "elastic"
    )
    (tmp_path / "nodes.csv").write_text("node,gpus\na,4\nb,888\n", encoding="utf-8")
    said = refused("train", "replay", jobs, "--nodes", tmp_path / "nodes.csv")
    assert "nodes.csv: node b has 888 GPUs; placement supports nodes of at most 62" in said


def test_packing_says_what_fragmentation_costs(tmp_path: Path) -> None:
    """Two halves on different GPUs leave no room for a whole one; FGD lays them on the same."""
    (tmp_path / "nodes.csv").write_text("node,gpus\na,2\nb,2\n", encoding="utf-8")
    log = tmp_path / "jobs.csv"
    log.write_text("submit_s,duration_s,gpus,gpu_milli\n0,1,1,500\n0,1,1,500\n0,1,1,1000\n", encoding="utf-8")
    words = ("train", "pack", log, "--nodes", tmp_path / "nodes.csv", "--orders", "20")
    found = call(*words, "--json").document()
    shares = {placement["placement"]: placement["allocated_at_end"]["mean"] for placement in found["placements"]}
    assert list(shares) == ["fgd", "best-fit", "random"]
    assert shares["random"] < shares["fgd"] <= 1
    assert found["placements"][0]["fragmented"]["50"]["mean"] <= found["placements"][2]["fragmented"]["50"]["mean"]
    assert found["verdict"] in call(*words).out.replace("\n", " ")
    assert "looks at no nodes" in refused(*words, "--placement", "count")
    half = call(*words, "--json", "--until", "0.5").document()
    assert half["placements"][0]["allocated_at_end"]["mean"] <= 0.5
    assert "--until above 0" in refused(*words, "--until", "0")


def test_policies_take_their_fields_from_the_command_line(jobs: Path) -> None:
    words = ("train", "replay", jobs, "--gpus", "6", "--json", "--policy")
    for text, parameters in (
        ("easy-backfill", {}),
        ("easy-backfill:shadow_ties=all", {"shadow_ties": "all"}),
        ("srtf:overhead=false,helios_extra_second=true", {"overhead": False, "helios_extra_second": True}),
        ("las:thresholds=[5,60],overhead=false", {"thresholds": [5, 60], "overhead": False}),
        ("ssf-skip:by=limit,sigma=0.5", {"by": "limit", "sigma": 0.5}),
        ("priority-preemptive:checkpoint_interval=2h", {"checkpoint_interval": 7200.0}),
    ):
        found = call(*words, text).document()
        assert (found["policy"], found["parameters"]) == (text.partition(":")[0], parameters)
        assert found["queued"] <= found["completed"]
    assert "did you mean 'overhead'" in refused(*words, "srtf:overhed=false")
    assert "'some' is not one of prefix, all" in refused(*words, "easy-backfill:shadow_ties=some")
    assert "is not NAME=COLUMN" in refused(*words, "srtf:overhead")
    drawn = call(*words, "easy-backfill", "--limit-sigma", "1").document()
    assert drawn["wait_s"] != call(*words, "easy-backfill").document()["wait_s"]
    assert "sigma" in refused(*words, "easy-backfill", "--limit-sigma", "-1")


def test_quotas_shares_failures_and_checkpoints(jobs: Path, tmp_path: Path) -> None:
    rows = jobs.read_text(encoding="utf-8").splitlines()[1:]
    log = tmp_path / "teams.csv"
    teams = "".join(f"{row},{'ab'[i % 2]},{'xy'[i % 2]},{1 + i % 3}e9\n" for i, row in enumerate(rows))
    log.write_text(f"{HEAD},pool,user,params\n{teams}", encoding="utf-8")
    (tmp_path / "q.csv").write_text("queue,nominal,borrowing_limit\na,4,2\nb,4,\n", encoding="utf-8")
    (tmp_path / "s.csv").write_text("path,shares\nlab,2\nlab/x,1\ny,1\n", encoding="utf-8")
    words = ("train", "replay", log, "--gpus", "8", "--json")
    found = call(*words, "--policy", "quotas", "--quotas", tmp_path / "q.csv").document()
    assert found["parameters"]["queues"]["a"]["borrowing_limit"] == 2
    assert len(found["provenance"]["inputs"]) == 2
    assert "quotas need --quotas CSV" in refused(*words, "--policy", "quotas")
    wrong = "quotas:borrow=lower-priority,reclaim=never"
    assert "which reclaim=never forbids" in refused(*words, "--policy", wrong, "--quotas", tmp_path / "q.csv")
    fair = call(*words, "--policy", "fair-share", "--shares", tmp_path / "s.csv").document()
    assert fair["parameters"]["shares"] == {"lab": 2, "lab/x": 1, "y": 1}
    assert sum(user["jobs"] for user in fair["users"].values()) == len(rows)
    assert sum(user["gpu_hours"] for user in fair["users"].values()) == pytest.approx(fair["gpu_hours"]["useful"])
    waits = [user["wait_s"]["mean"] * user["jobs"] for user in fair["users"].values()]
    assert sum(waits) == pytest.approx(fair["wait_s"]["mean"] * len(rows))
    assert "no job is of" not in str(fair["findings"])
    (tmp_path / "s.csv").write_text("path,shares\nlab,2\nlab/z,1\ny,1\n", encoding="utf-8")
    fair = call(*words, "--policy", "fair-share", "--shares", tmp_path / "s.csv").document()
    assert "no job is of the users at the end of lab/z" in str(fair["findings"])
    assert "add --policy fair-share" in refused(*words, "--shares", tmp_path / "s.csv")
    assert "add --policy quotas" in refused(*words, "--quotas", tmp_path / "q.csv")
    assert "give --nodes CSV" in refused(*words, "--placement", "topology")
    assert "pass --checkpoints, or" in refused(*words, "--bandwidth", "2GB/s")
    disruptions = (
        "--failures",
        "per_node_day=20,intervals=young",
        "--checkpoints",
        "interval=5min",
        "--seed",
        "2",
    )
    failed = call(*words, *disruptions).document()
    assert failed["failures"] > 0
    assert failed["gpu_hours"]["lost"] > 0 < failed["gpu_hours"]["checkpoint"]
    slow, fast = (
        call(*words, *disruptions, "--bandwidth", rate).document()["gpu_hours"]["checkpoint"]
        for rate in ("100MB/s", "10GB/s")
    )
    assert slow > fast
    assert "needs a column state_bytes" in refused("train", "replay", jobs, "--gpus", "8", "--bandwidth", "1GB/s")
    assert "did you mean 'repair'" in refused(*words, "--failures", "repairs=1h")
    assert "--checkpoints: interval=0: interval: 0 must be above 0" in refused(*words, "--checkpoints", "interval=0")


def test_failures_of_a_count_go_by_the_nodes_of_the_list(jobs: Path, tmp_path: Path) -> None:
    (tmp_path / "n.csv").write_text("node,gpus\na,2\nb,2\nc,2\nd,2\n", encoding="utf-8")
    listed = ("train", "replay", jobs, "--nodes", tmp_path / "n.csv", "--placement", "count", "--json", "--failures")
    counted = ("train", "replay", jobs, "--gpus", "8", "--json", "--failures")
    found = call(*listed, "per_node_day=20").document()
    assert found["failures"] == call(*counted, "per_node_day=20,gpus_per_node=2").document()["failures"] > 0
    assert "--nodes says it of each node" in refused(*listed, "gpus_per_node=2")
    assert "others stand in at once" in refused(*listed, "repair=1h")
    (tmp_path / "n.csv").write_text("node,gpus\na,2\nb,4\n", encoding="utf-8")
    assert "the nodes have 2, 4 GPUs" in refused(*listed, "per_node_day=20")


def test_nodes_with_racks_and_types(tmp_path: Path) -> None:
    (tmp_path / "jobs.csv").write_text(
        f"{HEAD},gpu_type,after\na,0,60,8,,\nb,1,60,1,H100,\nc,2,60,1,H200,\nd,3,60,2,,a\ne,4,60,1,,e\n",
        encoding="utf-8",
    )
    (tmp_path / "nodes.csv").write_text(
        "node,gpus,gpu_type,rack,domain\na,4,H100,r,1\nb,4,H100,r,2\nc,4,H100,s,3\n", encoding="utf-8"
    )
    words = ("train", "replay", tmp_path / "jobs.csv", "--nodes", tmp_path / "nodes.csv", "--json")
    found = call(*words, "--placement", "topology", "--policy", "easy-backfill").document()
    assert found["topology"] == {
        "gangs": 1,
        "in_one_domain": 0,
        "domains_per_gang": 2,
        "in_one_rack": 1,
        "racks_per_gang": 1,
    }
    assert {finding["kind"]: finding["count"] for finding in found["findings"] if finding.get("dropped")} == {
        "gpu_type": 1,
        "circle": 1,
    }
    assert (found["wait_s"]["max"], found["jct_s"]["max"]) == (0, 117), "d waits for a, and for no GPU"
    assert "of 3 jobs completed" in (shown := " ".join(call(*words[:-1]).out.split()))
    assert "allocated; 2 more of the log left out." in shown
    counted = call(*words, "--placement", "count").document()
    assert "any_type" in {finding["kind"] for finding in counted["findings"]}


def test_pools_as_counts_or_as_nodes(tmp_path: Path) -> None:
    (tmp_path / "jobs.csv").write_text(f"{HEAD},pool\na,0,60,3,x\nb,0,60,3,x\nc,0,60,4,y\n", encoding="utf-8")
    (tmp_path / "nodes.csv").write_text("node,gpus,pool\na,4,x\nb,4,x\nc,4,y\n", encoding="utf-8")
    words = ("train", "replay", tmp_path / "jobs.csv", "--nodes", tmp_path / "nodes.csv", "--json")
    counts = call(*words, "--placement", "count").document()
    assert (counts["gpus"], counts["pools"]["x"]["jobs"], counts["wait_s"]["max"]) == (12, 2, 0)
    assert counts["fragmentation"] is None
    assert call(*words, "--policy", "sjf-skip").document()["fragmentation"] is not None


def test_a_cluster_with_spot_beside_it(jobs: Path, tmp_path: Path) -> None:
    zone = tmp_path / "zone.csv"
    zone.write_text("trace,gap_s,start_tick,ticks,nodes_available\na,300,0,90,4\na,300,90,10,0\nb,300,0,9,1\n")
    words = (
        "train",
        "size",
        jobs,
        "--wait",
        "5min",
        "--node",
        "4",
        "--price",
        "2",
        "--spot",
        "0.5",
        "--spot-trace",
        zone,
    )
    found = call(*words, "--trace", "a", "--html", tmp_path / "size.html", "--json").document()
    assert found["mix"]["best"] in found["mix"]["mixes"]
    assert found["mix"]["mixes"][-1]["spot_gpus"] == 0
    assert found["verdict"].endswith(found["mix"]["verdict"])
    assert found["mix"]["verdict"].startswith("Under fifo-skip, ")  # other policies were sized beside it
    assert "the mixes queue under fifo-skip, whatever --policy says" in found["mix"]["notes"]
    assert (tmp_path / "size.html").read_text(encoding="utf-8").count("<svg") == 2
    assert "has several traces: name one by --trace; there are a, b" in refused(*words)
    assert "no trace 'c'" in refused(*words, "--trace", "c")
    assert "--checkpoint 0" in refused(*words, "--trace", "a", "--checkpoint", "0s")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--wait", "5min", "--policy", "fifo"), "'fifo' is not known; did you mean"),
        (("--wait", "soon"), "not a quantity"),
        (("--wait", "5min", "--price", "cheap"), "not a quantity"),
        (("--wait", "5min", "--percentile", "100"), "not a percentile from 1 to 99"),
        (("--wait", "5min", "--pool", "night"), "night"),
    ],
)
def test_bad_words_of_size(jobs: Path, words: tuple[str, ...], why: str) -> None:
    assert why in refused("train", "size", jobs, *words)


def test_what_fits_nowhere_is_said(jobs: Path, tmp_path: Path) -> None:
    found = call(
        "train", "replay", jobs, "--gpus", "3", "--policy", "fifo-skip", "--policy", "srtf", "--json"
    ).document()
    assert {policy["rejected"] for policy in found["policies"]} == {sum(row[-2:] == ",4" for row in lines(jobs))}
    said = [finding for finding in found["findings"] if finding["kind"] == "rejected"]
    assert len(said) == 1
    assert "4 GPUs" in said[0]["message"]


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def test_impossible_jobs_are_kept_out_and_counted(tmp_path: Path) -> None:
    log = tmp_path / "bad.csv"
    log.write_text(f"{HEAD}\na,0,60,1\nb,-5,60,1\nc,5,0,1\nd,6,60,\na,7,60,1\ne,9,60,2\n", encoding="utf-8")
    said = call("train", "size", log, "--wait", "1min", "--node", "1", "--json").document()
    assert sum(finding["count"] for finding in said["findings"] if finding.get("dropped")) == 4
    assert "bad.csv" in refused("train", "size", tmp_path / "none" / "bad.csv", "--wait", "1min")


def test_spot_along_an_availability(tmp_path: Path) -> None:
    rows = "\n".join(f"{300 * i},{int(i % 7 < 5)}" for i in range(2000))
    (tmp_path / "up.csv").write_text(f"timestamp,available\n{rows}\n", encoding="utf-8")
    words = (
        "train",
        "spot",
        tmp_path / "up.csv",
        "--work",
        "10h",
        "--deadline",
        "20h",
        "--changeover",
        "6min",
    )
    found = call(*words, "--on-demand", "3", "--spot", "1", "--starts", "40", "--json").document()
    rates = {policy["kind"]: policy for policy in found["policies"]}
    assert rates["on-demand"]["deadline_met"] == rates["greedy"]["deadline_met"] == 1.0
    assert rates["greedy"]["saving"] > 0.3
    assert "time-sliced" in refused(*words, "--on-demand", "3", "--spot", "1", "--policy", "time-sliced=x")
    assert "did you mean 'greedy'" in refused(*words, "--on-demand", "3", "--spot", "1", "--policy", "gredy")


def test_a_run_is_estimated_with_its_range() -> None:
    words = (
        "train",
        "estimate",
        "llama-3.1-8b",
        "--tokens",
        "2e9",
        "--on",
        "h100",
        "--gpus",
        "8",
        "--price",
        "2",
    )
    found = call(*words, "--method", "lora", "--json").document()
    assert found["time_s"]["low"] < found["time_s"]["mid"] < found["time_s"]["high"]
    assert found["tokens_per_s"]["low"] * found["time_s"]["high"] == pytest.approx(2e9)
    assert "Low and high are the ends of each row by itself" in call(*words, "--method", "lora").out
    assert "does not fit" in refused("train", "estimate", "llama-3.1-70b", *words[3:])
    assert "no training method" in refused(*words, "--method", "lorra")


def test_what_serving_leaves_needs_a_finished_run(jobs: Path, tmp_path: Path) -> None:
    why = refused("train", "share", jobs, "--serving", tmp_path, "--gpus", "16")
    assert "no finished result" in why


def test_waste_of_a_plan_and_of_a_job_log(jobs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    plan = {
        "name": "a",
        "replica_hours": {"computing": 1.0, "idle": 3.0},
        "accelerator_hours": 8.0,
        "utilisation": 0.25,
        "cost_usd": {"by_category": {"compute": 16.0}},
        "horizon_s": 3600,
        "prices": [],
    }
    whole = {"plans": [plan], "best": "a", "baseline": "a"}
    (folder / "result.json").write_text(json.dumps(whole), encoding="utf-8")
    found = call("waste", folder, "--json", "--html", tmp_path / "waste.html").document()
    assert (found["cost_usd"], found["buckets"]["allocated_idle"]["usd"], found["plan"]) == (16, 12, "a")
    assert found["utilisation"] == 0.25
    assert "no plan 'b'" in refused("waste", folder, "--plan", "b")
    for key in plan.keys() - {"name", "replica_hours"}:
        without = json.dumps(whole | {"plans": [{name: plan[name] for name in plan.keys() - {key}}]})
        (folder / "result.json").write_text(without, encoding="utf-8")
        assert "no finished result" in (why := refused("waste", folder)) or "run the scenario again" in why, key
    assert "--gpus is for files" in refused("waste", folder, "--gpus", "8")
    assert "no finished result" in refused("waste", tmp_path)
    log = call("waste", jobs, "--gpus", "64", "--price", "2", "--json").document()
    assert log["capacity_gpu_hours"] > 0
    assert any(said["kind"] == "no_waits" for said in log["findings"])
    assert "more than the 1 given" in refused("waste", jobs, "--gpus", "1", "--price", "2")
    assert "--gpus takes one number" in refused("waste", jobs, "--gpus", "1", "--gpus", "a=2", "--price", "2")
    assert "--plan is for results folders" in refused("waste", jobs, "--plan", "a", "--price", "2")


def test_waste_of_a_monitored_cluster(tmp_path: Path) -> None:
    rows = "\n".join(f"2026-03-02T{h:02d}:00:00Z,{gpu},{50 * (h > 11)}" for h in range(24) for gpu in (0, 1))
    (tmp_path / "duty.csv").write_text(f"timestamp,gpu,DCGM_FI_DEV_GPU_UTIL\n{rows}\n", encoding="utf-8")
    found = call("waste", tmp_path / "duty.csv", "--price", "2", "--json", "--svg", tmp_path / "w.svg").document()
    assert sum(bucket["gpu_hours"] for bucket in found["buckets"].values()) == pytest.approx(
        found["capacity_gpu_hours"]
    )
    assert (tmp_path / "w.svg").read_text(encoding="utf-8").startswith("<svg")
    assert refused("waste", tmp_path / "duty.csv")


def packed(folder: Path, jobs: str, nodes: str, *options: str) -> tuple[object, ...]:
    """The words of `train pack` on files of these rows."""
    (folder / "jobs.csv").write_text(f"job_id,submit_s,duration_s,gpus\n{jobs}", encoding="utf-8")
    (folder / "nodes.csv").write_text(nodes, encoding="utf-8")
    return ("train", "pack", folder / "jobs.csv", "--nodes", folder / "nodes.csv", *options)


def test_a_job_wider_than_all_that_may_arrive_is_named(tmp_path: Path) -> None:
    """It was a traceback, since no job arrived."""
    words = packed(tmp_path, "a,0,10,12\n", "node,gpus\nn1,8\nn2,8\n")
    assert "asks for 12 GPUs, and jobs arrive until they ask for 8" in refused(*words, "--until", "0.5")


def test_jobs_that_no_empty_cluster_holds_are_kept_out_and_told(tmp_path: Path) -> None:
    """They were refused wherever others lay, which read like fragmentation."""
    nodes = "node,gpus\nn1,8\nn2,8\n"
    found = call(*packed(tmp_path, "a,0,9,17\nb,0,9,1\n", nodes), "--json").document()
    [said] = [each for each in found["findings"] if each["kind"] == "too_wide"]
    assert said["count"] == 1
    assert "job a: 17 GPUs" in said["message"]
    assert all(placement["allocated_at_end"]["mean"] == 1 for placement in found["placements"])
    assert "no job is left: 1 job was kept out" in refused(*packed(tmp_path, "a,0,9,17\n", nodes))


def test_the_verdict_of_packing_says_what_was_requested(tmp_path: Path) -> None:
    """Jobs of 8 GPUs request 16 of 16: with a third they would be over 130 %, which the verdict claimed."""
    found = call(*packed(tmp_path, "a,0,9,8\nb,0,9,8\n", "node,gpus\nn1,8\nn2,8\n"), "--json").document()
    assert found["requested_at_end"] == 1
    assert found["verdict"].startswith("When 100 % of 16 GPUs have been requested")


def test_packing_by_topology_looks_at_racks(tmp_path: Path) -> None:
    """After a job of 4, one of 12 fits in the rest of its rack, and two nodes stay free for one of 16: consolidate, as
    which topology ran, lays what is left of the 12 on another free node.
    """
    racks = "node,gpus,rack\nn0,8,r0\nn1,8,r1\nn2,8,r0\nn3,8,r1\n"
    words = packed(tmp_path, "a,0,9,4\nb,0,9,12\nc,0,9,16\n", racks, "--until", "1", "--orders", "30", "--json")
    found = call(*words, "--placement", "topology", "--placement", "consolidate").document()
    topology, consolidate = (placement["allocated_at_end"]["mean"] for placement in found["placements"])
    assert topology > consolidate
    bare = packed(tmp_path, "a,0,9,4\n", "node,gpus\nn1,8\nn2,8\n", "--placement", "topology")
    assert "needs a column rack or domain" in refused(*bare)


def test_failures_without_a_word_on_checkpoints_say_what_they_cost(tmp_path: Path) -> None:
    """At Young's interval sqrt(2 C M) with C = 0 fifty failures cost nothing; without one all work is done again."""
    (tmp_path / "long.csv").write_text("job_id,submit_s,duration_s,gpus\na,0,864000,8\n")
    (tmp_path / "written.csv").write_text("job_id,submit_s,duration_s,gpus,ckpt_write_s\na,0,864000,8,60\n")

    def said(file: str, failures: str, *more: object) -> list[str]:
        options = ("--gpus", 8, "--policy", "fifo-skip", "--failures", failures, *more, "--json", "--quiet")
        found = call("train", "replay", tmp_path / file, *options).document()["findings"]
        return [each["message"] for each in found if each["kind"] == "unsaved_work"]

    free = "checkpoints at Young's interval take no time to write, so that failures cost no work; pass --checkpoints"
    again = "jobs write no checkpoints: one that fails does all its work again; pass --checkpoints"
    assert said("long.csv", "per_node_day=1,intervals=young") == [free]
    assert said("long.csv", "per_node_day=0.01") == [again]
    assert said("long.csv", "per_node_day=1,intervals=young", "--checkpoints", "write=60") == []
    assert said("written.csv", "per_node_day=1,intervals=young") == []


def test_sizes_say_that_a_count_of_gpus_has_no_types_and_no_parts(tmp_path: Path) -> None:
    """As `train replay --gpus` does: 24 GPUs of two types are not 24 of each, and a quarter is taken as a whole."""
    log = tmp_path / "kinds.csv"
    rows = "a,0,3600,1,250,A100\nb,0,3600,1,500,H100\nc,100,3600,8,1000,H100\n"
    log.write_text("job_id,submit_s,duration_s,gpus,gpu_milli,gpu_type\n" + rows, encoding="utf-8")
    found = call("train", "size", log, "--wait", "1h", "--json").document()
    said = [note["message"] for note in found["findings"]]
    assert any("2 jobs ask for a part of a GPU; on a count each takes a whole one" in one for one in said)
    assert any("3 jobs ask for a type of GPU; a count has no types" in one for one in said)
    assert all("pass --nodes" not in one for one in said)


def test_jobs_on_cpus_alone_do_not_shrink_the_cluster(tmp_path: Path) -> None:
    """They never wait on a count of GPUs: four of them beside each job made P95 of the wait 0 on far too few GPUs."""
    rows = [f"{i},{60 * i},3600,{1 + i % 4}" for i in range(60)]
    cpus = [f"c{k}-{i},{60 * i},3600,0" for i in range(60) for k in range(4)]
    (tmp_path / "gpus.csv").write_text("\n".join([HEAD, *rows]) + "\n")
    (tmp_path / "all.csv").write_text("\n".join([HEAD, *rows, *cpus]) + "\n")
    for words in (("size", "--wait", "10min"), ("replay", "--gpus", "64")):
        alone, mixed = (
            call("train", words[0], tmp_path / file, *words[1:], "--json", "--quiet").document()
            for file in ("gpus.csv", "all.csv")
        )
        told = [each["count"] for each in mixed.pop("findings") if each["kind"] == "no_gpu"]
        assert told == [240]
        for document in (alone, mixed):
            document.pop("provenance")
        alone.pop("findings")
        assert mixed == alone


def test_quotas_are_of_a_cluster_of_known_size(jobs: Path) -> None:
    assert "of known size" in refused("train", "size", jobs, "--wait", "1h", "--policy", "quotas")


def test_waits_after_stops_are_shown_beside_those_of_the_first_start(tmp_path: Path) -> None:
    """On a cluster far too small every job starts at once under `las`, and waits later: its mean wait was 0 s."""
    rows = "".join(f"{i},{10 * i},36000,4\n" for i in range(12))
    (tmp_path / "many.csv").write_text(f"{HEAD}\n{rows}", encoding="utf-8")
    words = ("train", "replay", tmp_path / "many.csv", "--gpus", "4", "--quiet", "--policy", "las")
    said = call(*words).out
    assert "wait, also after stops" in said
    assert f"mean wait {seconds(call(*words, '--json').document()['queue_s']['mean'])}, " in said.replace("\n  ", " ")
    both = call(*words, "--policy", "fifo-skip").out.replace("\n", " ")
    assert "what jobs wait after they were stopped is in the JCT of las" in both
    assert "also after stops" not in call(*words[:-1], "fifo-skip").out


def test_jobs_that_never_fit_tell_all_they_ask_for(tmp_path: Path) -> None:
    """A job of one GPU and more CPUs than any node was told as too wide for its `1 GPUs`."""
    (tmp_path / "n.csv").write_text("node,gpus,cpu_milli\na,8,128000\n", encoding="utf-8")
    (tmp_path / "j.csv").write_text(f"{HEAD},cpus\n1,0,60,1,200\n2,0,60,1,8\n", encoding="utf-8")
    said = call("train", "replay", tmp_path / "j.csv", "--nodes", tmp_path / "n.csv", "--quiet").out
    assert "first: job 1: 1 GPU, 200 CPUs" in said.replace("\n  ", " ")
