"""Undamaged content of the kinds of files that `damage` damages, and the files that their commands need besides."""

import gzip
import io
import json
from functools import cache, partial
from pathlib import Path
from typing import Any

import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from support.commands import TINY
from support.focus_files import DIRTY, HEAD

from simcost.cli.main import main

ROWS = 30
P5, G6 = "aws/p5.48xlarge", "aws/g6e.xlarge"


def table(header: str, row: str, rows: int = ROWS) -> bytes:
    """A CSV; in the row, {i} is its number, and {h}, {m}, {d} a time: hour, minute, day."""
    lines = (row.format(i=i, h=f"{i % 24:02d}", m=f"{i % 60:02d}", d=f"{1 + i // 24:02d}") for i in range(rows))
    return "".join(f"{line}\n" for line in (header, *lines)).encode()


def as_parquet(text: bytes, delimiter: str = ",") -> bytes:
    """The same as Parquet."""
    read = pacsv.read_csv(io.BytesIO(text), parse_options=pacsv.ParseOptions(delimiter=delimiter))
    out = io.BytesIO()
    pq.write_table(read, out)
    return out.getvalue()


OWN = partial(table, "arrival,prompt_tokens,output_tokens,model,session,tenant,note", '{i}.5,{i}1,35,m,s{i},"t, {i}",x')
AZURE = partial(table, "TIMESTAMP,ContextTokens,GeneratedTokens", "2024-05-12 {h}:{m}:00.1234567,{i}1,9")
BURST = partial(
    table,
    "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type",
    "{i},ChatGPT,47{i},18,490,Conversation log",
)
JOBS = partial(table, "job_id,submit_s,duration_s,gpus,pool", "j{i},{i}00,1639,4,team")
PHILLY = partial(table, "submit_time,duration_s,num_gpus,vc", "2017-09-{d} {h}:30:41,2240,8,7f04ca")
HELIOS = partial(
    table,
    "job_id,user,vc,gpu_num,cpu_num,node_num,state,submit_time,start_time,end_time,duration,queue",
    "{i},u0,vc0,1,8,1,COMPLETED,2020-04-{d} {h}:00:00,2020-04-{d} {h}:00:30,2020-04-{d} {h}:10:30,600,30",
)
SIA = partial(table, "timestamp,duration,num_gpus,cluster", "{i}00,500,4,c")
OPENB = partial(
    table,
    "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time",
    "p{i},4000,1024,1,1000,,LS,Succeeded,{i}00,99900,{i}10",
)
SACCT = partial(
    table,
    "JobID|User|Partition|Submit|Start|End|ElapsedRaw|AllocTRES|ReqTRES|Timelimit|State|Priority",
    "{i}|u|gpu|2024-03-{d}T{h}:00:00|2024-03-{d}T{h}:05:00|2024-03-{d}T{h}:15:00|600|cpu=8,gres/gpu=4|"
    "cpu=8,gres/gpu=4|01:00:00|COMPLETED|1",
)
USAGE = partial(
    table,
    "sku,region,start,end,quantity,team",
    f"{P5},us-east-1,2026-01-{{d}}T{{h}}:00:00Z,2026-01-{{d}}T{{h}}:30:00Z,3,t{{i}}",
)
SERIES = partial(table, "timestamp,value,tenant", "2024-03-{d}T{h}:00:00Z,{i}0,a", 72)
METRICS = partial(table, "timestamp,pod,metric,value", "2026-03-03T08:{m}:00Z,a,in_flight,{i}")
UTILISATION = partial(
    table,
    "timestamp,gpu,duty,memory_used_bytes,memory_total_bytes,pool",
    "2026-03-03T08:{m}:00Z,g0,0.5,{i}00000,80000000,p",
)
RUNS = partial(table, "trace,gap_s,start_tick,ticks,nodes_available", "region/a,3600,{i}0,10,2")
CHANGES = partial(table, "timestamp,available,price", "2026-03-{d}T{h}:00:00Z,1,2.5")
NODES = partial(table, "node,gpus,pool,rack,gpu_type", "n{i},8,team,r0,a100")
QUOTAS = partial(table, "queue,nominal,borrowing_limit\nteam,8,4", "q{i},8,4")
SKUS = partial(table, "series,timestamp,value", f"{P5},2024-03-{{d}}T{{h}}:00:00Z,{{i}}", 72)
SHARES = partial(table, "path,shares", "physics/u{i},2")
FAILURES = partial(table, "timestamp,node", "2026-03-{d}T{h}:00:00Z,n1")
OWN_PRICES = partial(
    table, "provider,sku,price_per_h,region,way,term_years,upfront", "aws,p5.{i},55,us-east-1,on-demand,,"
)
SKYPILOT = partial(
    table,
    "InstanceType,vCPUs,MemoryGiB,AcceleratorName,AcceleratorCount,GpuInfo,Region,Price,SpotPrice",
    "g6.{i}xlarge,4,16,L4,1,,us-east-1,0.9,0.3",
)
OFFERS = partial(
    table,
    "provider,sku,region,accelerator,accelerators,on_demand_usd_per_h,source,as_of,quality",
    "aws,mine{i},any,h100,1,1,s,2026-01-01,A",
)
FOCUS = "\n".join([HEAD, *DIRTY * 2, ""]).encode


def mooncake() -> bytes:
    """JSON lines."""
    rows = ({"timestamp": 100 * i, "input_length": 30, "output_length": 4, "hash_ids": [i, 7]} for i in range(ROWS))
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def kubernetes() -> bytes:
    """A list of pods."""
    pod = {
        "spec": {"containers": [{"resources": {"limits": {"nvidia.com/gpu": "1"}}}]},
        "status": {
            "phase": "Succeeded",
            "startTime": "2026-01-01T00:05:00Z",
            "containerStatuses": [{"state": {"terminated": {"finishedAt": "2026-01-01T01:00:00Z"}}}],
        },
    }
    meta: list[dict[str, Any]] = [{"name": f"p{i}", "creationTimestamp": "2026-01-01T00:00:00Z"} for i in range(4)]
    return json.dumps({"kind": "PodList", "items": [{**pod, "metadata": one} for one in meta]}, indent=1).encode()


REQUESTS = (
    ("csv", "csv", OWN, "lines"),
    ("azure-llm", "csv", AZURE, "lines"),
    ("burstgpt", "csv", BURST, "lines"),
    ("mooncake", "jsonl", mooncake, "lines"),
    ("parquet", "parquet", lambda: as_parquet(OWN()), "parquet"),
)
JOB_LOGS = (
    ("csv", "csv", JOBS, "lines"),
    ("philly", "csv", PHILLY, "lines"),
    ("helios", "csv", HELIOS, "lines"),
    ("sia", "csv", SIA, "lines"),
    ("openb", "csv", OPENB, "lines"),
    ("sacct", "txt", SACCT, "lines"),
    ("kubernetes", "json", kubernetes, "structure"),
    ("parquet", "parquet", lambda: as_parquet(JOBS()), "parquet"),
)
MANIFESTS = {
    "hpa": """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: chat}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: chat}
  minReplicas: 2
  maxReplicas: 8
  metrics:
    - {type: Pods, pods: {metric: {name: in_flight}, target: {type: AverageValue, averageValue: 1500m}}}
  behavior: {scaleDown: {policies: [{type: Pods, value: 1, periodSeconds: 60}], tolerance: 200m}}
""",
    "keda": """\
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: batch}
spec:
  scaleTargetRef: {name: batch}
  maxReplicaCount: 12
  triggers:
    - {type: prometheus, metadata: {query: 'sum(vllm:num_requests_running)', threshold: "16"}}
    - type: cron
      metadata: {timezone: Europe/Berlin, start: 0 7 * * 1-5, end: 0 19 * * 1-5, desiredReplicas: "3"}
""",
    "knative": """\
apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: embed}
spec:
  template:
    metadata:
      annotations:
        autoscaling.knative.dev/min-scale: "1"
        autoscaling.knative.dev/max-scale: "20"
        autoscaling.knative.dev/window: 40s
        autoscaling.knative.dev/panic-window-percentage: "10"
        autoscaling.knative.dev/target: "8"
    spec: {containerConcurrency: 12}
""",
    "ray": """\
applications:
  - name: chat
    deployments:
      - name: Engine
        max_ongoing_requests: 64
        autoscaling_config: {min_replicas: 1, max_replicas: 10, target_ongoing_requests: 32}
""",
    "aws": json.dumps(
        {
            "ScalableTarget": {"ResourceId": "endpoint/chat", "MinCapacity": 2, "MaxCapacity": 12},
            "ScalingPolicy": {
                "PolicyType": "TargetTrackingScaling",
                "TargetTrackingScalingPolicyConfiguration": {
                    "TargetValue": 20.0,
                    "ScaleOutCooldown": 180,
                    "ScaleInCooldown": 600,
                    "PredefinedMetricSpecification": {
                        "PredefinedMetricType": "SageMakerVariantConcurrentRequestsPerModelHighResolution"
                    },
                },
            },
        },
        indent=1,
    ),
}
PLAN = "purchasing: p\ncommitments: [{kind: savings-plan, commitment: 50, discount: 0.3}]\n"
SPOT = (
    "train",
    "spot",
    "FILE",
    "--work",
    "10h",
    "--deadline",
    "20h",
    "--changeover",
    "30min",
    "--on-demand",
    "4",
    "--spot",
    "1",
    "--starts",
    "3",
    "--json",
)
FORECAST = ("forecast", "FILE", "--horizon", "3h", "--model", "flat", "--paths", "5", "--json")
WASTE = ("waste", "FILE", "--price", "$2/h", "--json")
ESTIMATE = (
    "train",
    "estimate",
    "llama-3.1-8b",
    "--tokens",
    "2e9",
    "--on",
    "h100",
    "--gpus",
    "64",
    "--failure-model",
    "recorded=FILE",
    "--log-span",
    "30d",
    "--simulate",
    "5",
    "--json",
)
REPLAY = ("train", "replay", "FOLDER/jobs.csv", "--json", "--nodes")
AUTOSCALE = ("autoscale", "replay", "FILE", "FOLDER/metrics.csv", "--start", "2", "--json")
KEDA = (*AUTOSCALE, "--metric", "s0-prometheus=in_flight")


@cache
def written(name: str) -> bytes:
    """A file that simcost wrote for `prepare`."""
    return _WRITTEN[name]


_WRITTEN: dict[str, bytes] = {}
OTHERS = (
    ("usage", "csv", USAGE, ("bill", "FILE", "--plan", "FOLDER/plan.yaml", "--json"), "lines"),
    (
        "usage parquet",
        "parquet",
        lambda: as_parquet(USAGE()),
        ("bill", "FILE", "--plan", "FOLDER/plan.yaml", "--json"),
        "parquet",
    ),
    (
        "purchasing plan",
        "yaml",
        PLAN.encode,
        ("bill", "FOLDER/usage.csv", "--plan", "FILE", "--json"),
        "structure",
    ),
    ("series", "csv", SERIES, FORECAST, "lines"),
    ("series parquet", "parquet", lambda: as_parquet(SERIES()), FORECAST, "parquet"),
    (
        "metrics",
        "csv",
        METRICS,
        ("autoscale", "replay", "FOLDER/aws.json", "FILE", "--start", "2", "--json"),
        "lines",
    ),
    (
        "metrics parquet",
        "parquet",
        lambda: as_parquet(METRICS()),
        ("autoscale", "replay", "FOLDER/aws.json", "FILE", "--start", "2", "--json"),
        "parquet",
    ),
    ("utilisation", "csv", UTILISATION, WASTE, "lines"),
    ("utilisation parquet", "parquet", lambda: as_parquet(UTILISATION()), WASTE, "parquet"),
    ("accounting", "txt", SACCT, ("waste", "FILE", "--gpus", "16", "--price", "$2/h", "--json"), "lines"),
    ("spot runs", "csv", RUNS, SPOT, "lines"),
    ("spot changes", "csv", CHANGES, SPOT, "lines"),
    ("spot parquet", "parquet", lambda: as_parquet(RUNS()), SPOT, "parquet"),
    ("focus", "csv", FOCUS, ("focus", "read", "FILE", "--json"), "lines"),
    ("focus parquet", "parquet", lambda: as_parquet(FOCUS()), ("focus", "read", "FILE", "--json"), "parquet"),
    ("nodes", "csv", NODES, (*REPLAY, "FILE"), "lines"),
    (
        "quotas",
        "csv",
        QUOTAS,
        (*REPLAY, "FOLDER/nodes.csv", "--policy", "quotas", "--quotas", "FILE"),
        "lines",
    ),
    (
        "shares",
        "csv",
        SHARES,
        (*REPLAY, "FOLDER/nodes.csv", "--policy", "fair-share", "--shares", "FILE"),
        "lines",
    ),
    ("failures", "csv", FAILURES, ESTIMATE, "lines"),
    ("own prices", "csv", OWN_PRICES, ("prices", "import", "FILE", "--format", "own", "--json"), "lines"),
    (
        "skypilot",
        "csv",
        SKYPILOT,
        ("prices", "import", "FILE", "--format", "skypilot", "--provider", "aws", "--json"),
        "lines",
    ),
    (
        "own facts",
        "csv",
        OFFERS,
        ("catalog", "list", "offers", "--catalog", "FOLDER/catalog", "--json"),
        "lines",
    ),
    (
        "requests stored",
        "parquet",
        partial(written, "stored.parquet"),
        ("trace", "describe", "FILE", "--json"),
        "parquet",
    ),
    (
        "jobs stored",
        "parquet",
        partial(written, "jobs.parquet"),
        ("train", "replay", "FILE", "--gpus", "64", "--json"),
        "parquet",
    ),
    (
        "forecast",
        "parquet",
        partial(written, "forecast.parquet"),
        ("forecast", "score", "FILE", "FOLDER/actual.csv", "--json"),
        "parquet",
    ),
    (
        "paths",
        "parquet",
        partial(written, "paths.parquet"),
        ("commit", "FOLDER/usage.csv", "--options", "FOLDER/plan.yaml", "--paths", "FILE", "--json"),
        "parquet",
    ),
    *(
        (
            f"manifest {name}",
            "json" if name == "aws" else "yaml",
            text.encode,
            KEDA if name == "keda" else AUTOSCALE,
            "structure",
        )
        for name, text in MANIFESTS.items()
    ),
    ("scenario", "yaml", TINY.encode, ("check", "FILE"), "structure"),
)


def prepare(folder: Path) -> None:
    """Write what the commands need besides the damaged file."""
    (folder / "catalog").mkdir()
    actual = table("timestamp,value,tenant", "2024-03-{d}T{h}:00:00Z,{i}0,a", 96)
    made = {
        "usage.csv": USAGE(rows=72),
        "plan.yaml": PLAN.encode(),
        "metrics.csv": METRICS(),
        "jobs.csv": JOBS(),
        "nodes.csv": NODES(),
        "actual.csv": actual,
        "series.csv": SERIES(),
        "skus.csv": SKUS(),
        "own.csv": OWN(),
        "aws.json": MANIFESTS["aws"].encode(),
    }
    for name, data in made.items():
        (folder / name).write_bytes(data)
    for words in (
        ("trace", "import", "own.csv", "--format", "csv", "-o", "stored.parquet"),
        ("trace", "import", "jobs.csv", "--format", "csv", "--jobs-log", "-o", "jobs.parquet"),
        (
            "forecast",
            "series.csv",
            "--horizon",
            "1d",
            "--model",
            "flat",
            "--paths",
            "5",
            "-o",
            "forecast.parquet",
        ),
        (
            "forecast",
            "skus.csv",
            "--horizon",
            "1d",
            "--model",
            "flat",
            "--paths",
            "5",
            "--paths-out",
            "paths.parquet",
        ),
    ):
        assert main([str(folder / word) if "." in word else word for word in words]) == 0
    for name in ("stored.parquet", "jobs.parquet", "forecast.parquet", "paths.parquet"):
        _WRITTEN[name] = (folder / name).read_bytes()


def unpacked(data: bytes) -> bytes:
    """The content of a file that may be gzipped."""
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
