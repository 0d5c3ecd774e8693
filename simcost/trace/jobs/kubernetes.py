"""Jobs as `kubectl get ... -o json` lists them: pods, batch, Volcano, Kubeflow and Ray jobs, Kueue Workloads.

GPUs are the resources `*/gpu` (nvidia.com/gpu, amd.com/gpu) of the containers, or other accelerators (google.com/tpu,
aws.amazon.com/neuron, habana.ai/gaudi), times the pods of the job. Field names: Kubernetes API v1 and batch/v1;
batch.volcano.sh/v1alpha1 Job; kueue.x-k8s.io/v1beta1 Workload; kubeflow.org/v1 PyTorchJob, MPIJob, TFJob and others
with replica specs; ray.io/v1 RayJob.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from simcost.errors import TraceError
from simcost.tables.sources import open_stream, reading
from simcost.tables.table import LogTable
from simcost.trace.jobs.rejections import finding
from simcost.trace.jobs.slurm import SACCT
from simcost.units import how_many

_MOST_BYTES = 2**30
"""Longest listing that is read whole; a small gzipped file may hold far more."""
_HEAD_BYTES = 4096
_WHAT = "listing by `kubectl get pods,jobs -A -o json`"
_NAMED_KEYS = 8
"""Keys of another log that a message names."""
_OTHERS = "write other logs of jobs as CSV or Parquet, a row for each"
_COLUMNS = (
    "job_id",
    "submit_s",
    "start_s",
    "end_s",
    "gpus",
    "min_gpus",
    "cpu_milli",
    "memory_mib",
    "gpu_type",
    "pool",
    "user",
    "priority",
    "limit_s",
    "status",
)
_QUEUE = "kueue.x-k8s.io/queue-name"
_PRODUCT = "nvidia.com/gpu.product"
_REPLICAS = "ReplicaSpecs"
_COUNTED = ("gpu", "cpu", "memory")
_ACCELERATORS = ("gpu", "tpu", "neuron", "gaudi")
"""Last parts of the names of resources that count as GPUs: of NVIDIA, AMD, Google, AWS and Intel."""
_PART = re.compile(r"/mig-|/gpu\.shared$")
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)([a-zA-Z]*)")
_UNITS = {
    "": 1.0,
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "Ki": 2.0**10,
    "Mi": 2.0**20,
    "Gi": 2.0**30,
    "Ti": 2.0**40,
}
_ENDED = {"Completed": "passed", "Failed": "failed", "Aborted": "killed", "Terminated": "killed"}

Said = Mapping[str, Any]


def read_kubernetes(path: Path) -> LogTable:
    """The jobs of a listing. Records that belong to another item of it (the pods of a Job) are passed over.

    Raises:
        TraceError: no JSON, or none of the kinds above.
    """
    items = _items(path)
    listed = {str(uid) for item in items if (uid := _meta(item).get("uid")) and _reader_of(item) is not None}
    rows, places, malformed, parts, alone = [], [], [], 0, 0
    for number, item in enumerate(items, start=1):
        meta, kind = _meta(item), str(item.get("kind"))
        place = f"item {number} ({kind} {meta.get('namespace', '')}/{meta.get('name', '')})"
        try:
            owners = {str(owner["uid"]) for owner in meta.get("ownerReferences", ())}
            if owners & listed:
                parts += 1
                continue
            rows.append(_common(meta) | _read(item, kind))
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
            named = isinstance(error, ValueError)
            malformed.append((place, str(error) if named else f"not as Kubernetes writes it: {error!r}"))
        else:
            places.append(place)
            alone += kind == "Pod" and bool(owners)
    columns = {ours: pa.array([_text(row.get(ours)) for row in rows], pa.string()) for ours in _COLUMNS}
    return LogTable(
        columns=columns,
        rows=len(rows),
        theirs=dict(zip(_COLUMNS, _COLUMNS, strict=True)),
        malformed=malformed,
        place=lambda i: places[i],
        findings=_findings(parts, alone),
        grace=True,
    )


def is_listing(path: Path) -> bool:
    """True if a file of JSON begins as kubectl writes objects. Raises TraceError if it cannot be read."""
    with reading(path, "jsonl", _WHAT):
        return b'"apiVersion"' in open_stream(path).read(_HEAD_BYTES)


def _meta(item: Said) -> Said:
    said = item.get("metadata")
    return said if isinstance(said, dict) else {}


def _reader_of(item: Said) -> Callable[[Said], dict[str, Any]] | None:
    """Reader of an object; None = it is not a job."""
    kind, spec = str(item.get("kind")), item.get("spec")
    if kind == "Job" and "volcano" in str(item.get("apiVersion")):
        return _volcano
    if isinstance(spec, dict) and any(name.endswith(_REPLICAS) for name in spec):
        return _kubeflow
    return {"Pod": _pod, "Job": _job, "Workload": _workload, "RayJob": _ray}.get(kind)


def _read(item: Said, kind: str) -> dict[str, Any]:
    """Resources and outcome of an object of one of the kinds. Raises ValueError for other kinds."""
    reader = _reader_of(item)
    if reader is None:
        hint = ": list its jobs too (`kubectl get jobs`), which are read" if kind == "JobSet" else ""
        raise ValueError(f"kind {kind} is not a job{hint}")
    return reader(item)


def _items(path: Path) -> list[dict[str, Any]]:
    """The objects of a List or an array, or the one object of the file."""
    with reading(path, "jsonl", _WHAT):
        text = open_stream(path).read(_MOST_BYTES + 1)
    if len(text) > _MOST_BYTES:
        raise TraceError(f"{path}: larger than {_MOST_BYTES:,} bytes when unpacked; export fewer objects at a time")
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TraceError(f"{path}: no JSON: {error}; give a {_WHAT}; {_OTHERS}") from error
    if isinstance(said, dict) and "jobs" in said and "apiVersion" not in said:
        raise TraceError(f"{path}: not a listing of Kubernetes; of Slurm's accounting export `{SACCT}`, not --json")
    items = said.get("items", [said]) if isinstance(said, dict) else said
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise TraceError(f"{path}: not a list of Kubernetes objects; give a {_WHAT}; {_OTHERS}")
    if items and not any(_meta(item) or item.get("kind") for item in items):
        keys = ", ".join([*items[0]][:_NAMED_KEYS])
        raise TraceError(f"{path}: not a list of Kubernetes objects, but of {keys}; {_OTHERS}")
    of = said if isinstance(said, dict) else {}
    single = str(of.get("kind", "")).removesuffix("List")
    return [{"kind": single, "apiVersion": of.get("apiVersion"), **item} for item in items]


def _findings(parts: int, alone: int) -> list[dict[str, Any]]:
    result = []
    if parts:
        result.append(
            finding(
                "parts", parts, f"{how_many(parts, 'item belongs', 'items belong')} to others of the list; passed over"
            )
        )
    if alone:
        result.append(
            finding(
                "pods",
                alone,
                f"{how_many(alone, 'pod belongs', 'pods belong')} to jobs that are not in the list; each counts as "
                "a job of its own, without its gang: list the jobs too",
            )
        )
    return result


def _common(meta: Said) -> dict[str, Any]:
    return {
        "job_id": meta.get("uid") or f"{meta.get('namespace', '')}/{meta['name']}",
        "submit_s": meta.get("creationTimestamp"),
        "user": meta.get("namespace"),
        "pool": (meta.get("labels") or {}).get(_QUEUE),
    }


def _pod(item: Said) -> dict[str, Any]:
    spec, status = item["spec"], item.get("status", {})
    ends = [
        each.get("state", {}).get("terminated", {}).get("finishedAt") for each in status.get("containerStatuses", ())
    ]
    ended = status.get("phase") in ("Succeeded", "Failed") and all(ends)
    return _size([(1, spec)]) | {
        "start_s": status.get("startTime"),
        "end_s": max(ends, default=None) if ended else None,
        "priority": spec.get("priority"),
        "limit_s": spec.get("activeDeadlineSeconds"),
        "status": status.get("phase"),
    }


def _job(item: Said) -> dict[str, Any]:
    spec, status = item["spec"], item.get("status", {})
    count = min(spec.get("parallelism", 1), spec.get("completions") or spec.get("parallelism", 1))
    failed = _when(status, "Failed")
    return _size([(count, spec["template"]["spec"])]) | {
        "start_s": status.get("startTime"),
        "end_s": status.get("completionTime") or failed,
        "priority": spec["template"]["spec"].get("priority"),
        "limit_s": spec.get("activeDeadlineSeconds"),
        "status": "failed" if failed else "passed" if status.get("completionTime") else None,
    }


def _volcano(item: Said) -> dict[str, Any]:
    spec, status = item["spec"], item.get("status", {})
    state = status.get("state", {})
    running = [each["lastTransitionTime"] for each in status.get("conditions", ()) if each.get("status") == "Running"]
    outcome = _ENDED.get(state.get("phase", ""))
    return _size([(task.get("replicas", 1), task["template"]["spec"]) for task in spec["tasks"]]) | {
        "start_s": min(running, default=None),
        "end_s": state.get("lastTransitionTime") if outcome else None,
        "pool": spec.get("queue"),
        "status": outcome,
    }


def _kubeflow(item: Said) -> dict[str, Any]:
    spec, status = item["spec"], item.get("status", {})
    replicas = next(value for name, value in spec.items() if name.endswith(_REPLICAS))
    failed, passed = _when(status, "Failed"), _when(status, "Succeeded")
    size = _size([(each.get("replicas", 1), each["template"]["spec"]) for each in replicas.values()])
    return size | {
        "start_s": status.get("startTime"),
        "end_s": status.get("completionTime") or failed or passed,
        "limit_s": (spec.get("runPolicy") or {}).get("activeDeadlineSeconds"),
        "status": "failed" if failed else "passed" if passed else None,
    }


def _ray(item: Said) -> dict[str, Any]:
    spec, status = item["spec"], item.get("status", {})
    cluster = spec["rayClusterSpec"]
    groups = [(1, cluster["headGroupSpec"]["template"]["spec"])]
    groups += [(group.get("replicas", 1), group["template"]["spec"]) for group in cluster.get("workerGroupSpecs", ())]
    return _size(groups) | {
        "start_s": status.get("startTime"),
        "end_s": status.get("endTime"),
        "limit_s": spec.get("activeDeadlineSeconds"),
        "status": str(status.get("jobStatus", "")).replace("STOPPED", "killed"),
    }


def _workload(item: Said) -> dict[str, Any]:
    spec, status = item["spec"], item.get("status", {})
    sets = [(pod_set.get("count", 1), pod_set["template"]["spec"]) for pod_set in spec["podSets"]]
    least = [
        (pod_set.get("minCount", pod_set.get("count", 1)), pod_set["template"]["spec"]) for pod_set in spec["podSets"]
    ]
    finished: Said = next((each for each in status.get("conditions", ()) if each.get("type") == "Finished"), {})
    return _size(sets) | {
        "min_gpus": _size(least)["gpus"],
        "start_s": _when(status, "Admitted") or _when(status, "QuotaReserved"),
        "end_s": finished.get("lastTransitionTime"),
        "pool": spec.get("queueName"),
        "priority": spec.get("priority"),
        "limit_s": spec.get("maximumExecutionTimeSeconds"),
        "status": None if not finished else "failed" if "Fail" in str(finished.get("reason")) else "passed",
    }


def _when(status: Said, condition: str) -> str | None:
    """Since when a condition is true."""
    times = [
        each.get("lastTransitionTime")
        for each in status.get("conditions", ())
        if each.get("type") == condition and each.get("status") == "True"
    ]
    return times[0] if times else None


def _size(pods: Sequence[tuple[int, Said]]) -> dict[str, Any]:
    """Resources of so many pods of these specifications together. The listing does not say which part of
    a GPU a MIG slice or a share is: `gpus` is then the name of that resource, and the job is kept out by it.
    """
    total = dict.fromkeys(_COUNTED, 0.0)
    types: set[str] = set()
    parts: list[str] = []
    for count, spec in pods:
        types |= {(spec.get("nodeSelector") or {}).get(_PRODUCT, "")} - {""}
        together = _asked(spec["containers"])
        first = [_asked([one]) for one in spec.get("initContainers") or ()]
        parts += [f"{name}={together[name]:g}" for name in together if _PART.search(name)]
        for kind in total:
            total[kind] += count * max(_of(asked, kind) for asked in (together, *first))
    return {
        "gpus": parts[0] if parts else round(total["gpu"]),
        "cpu_milli": round(total["cpu"] * 1000),
        "memory_mib": round(total["memory"] / 2**20),
        "gpu_type": "|".join(sorted(types)),
    }


def _asked(containers: Sequence[Said]) -> dict[str, float]:
    """GPUs, parts of them, CPUs and memory that containers ask for together, by name of the resource."""
    total: dict[str, float] = {}
    for container in containers:
        resources = container.get("resources", {})
        for name, value in ((resources.get("limits") or {}) | (resources.get("requests") or {})).items():
            if _kind_of(name) in _COUNTED or _PART.search(name):
                total[name] = total.get(name, 0.0) + _quantity(str(value))
    return total


def _of(asked: Mapping[str, float], kind: str) -> float:
    """Amount of all resources of a kind."""
    return sum(value for name, value in asked.items() if _kind_of(name) == kind)


def _kind_of(resource: str) -> str:
    """`gpu` of an accelerator, else the last part of the name."""
    last = resource.rsplit("/", 1)[-1]
    return "gpu" if last in _ACCELERATORS else last


def _quantity(text: str) -> float:
    """`500m`, `16Gi`, `8`. Raises ValueError for others."""
    match = _QUANTITY.fullmatch(text)
    if match is None or match[2] not in _UNITS:
        raise ValueError(f"{text!r} is not a quantity")
    return float(match[1]) * _UNITS[match[2]]


def _text(value: object) -> str | None:
    return None if value is None else str(value)
