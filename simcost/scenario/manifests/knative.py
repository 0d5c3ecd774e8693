"""Knative Service (or Revision, Configuration, PodAutoscaler): annotations of autoscaling.knative.dev."""

from __future__ import annotations

from simcost.plan import Admission
from simcost.plan.autoscaling import Kpa
from simcost.plan.autoscaling.kpa import queue_limit
from simcost.scenario.manifests.fields import Fields

GROUP = "autoscaling.knative.dev/"
_DEADLINE = "serving.knative.dev/progress-deadline"
TIMEOUT_S = 300.0
"""`timeoutSeconds`, unless the revision says otherwise."""
_OLD = {
    "minScale": "min-scale",
    "maxScale": "max-scale",
    "initialScale": "initial-scale",
    "targetUtilizationPercentage": "target-utilization-percentage",
    "targetBurstCapacity": "target-burst-capacity",
    "panicWindowPercentage": "panic-window-percentage",
    "panicThresholdPercentage": "panic-threshold-percentage",
    "scaleDownDelay": "scale-down-delay",
    "scaleToZeroPodRetentionPeriod": "scale-to-zero-pod-retention-period",
}
"""Older spellings."""


def read_knative(root: Fields, kind: str) -> tuple[Kpa | None, Admission]:
    """The autoscaler, and the concurrency and queue of a replica."""
    spec = root.child("spec", required=kind != "PodAutoscaler")
    template = spec.child("template") if spec is not None and kind in ("Service", "Configuration") else root
    if template is not root and (meta := root.child("metadata")) is not None:
        _check_place(meta.child("annotations"))
    if template is None:
        return None, Admission()
    pod = template.child("spec") if template is not root else spec
    meta = template.child("metadata")
    given = meta.child("annotations") if meta is not None else None
    limit = pod.count("containerConcurrency") if pod is not None else None
    timeout_s = pod.seconds("timeoutSeconds") if pod is not None else None
    notes = _Annotations(given) if given is not None else None
    policy = _policy(notes, limit) if notes is not None else Kpa(container_concurrency=limit or 0)
    door = Admission(
        max_ongoing=limit or None,
        max_queued_per_replica=queue_limit(limit or 0),
        timeout=timeout_s or TIMEOUT_S,
    )
    return policy, door


def _check_place(notes: Fields | None) -> None:
    """Faults of annotations of the service itself, of which no revision knows."""
    for key in notes.mapping if notes is not None else ():
        if notes is not None and key.startswith(GROUP):
            notes.fault("is refused here by Knative; write it under spec.template.metadata.annotations", key)


class _Annotations:
    """Annotations of the group by their newer names."""

    def __init__(self, fields: Fields) -> None:
        self.fields = fields
        bare = {key: key.removeprefix(GROUP) for key in fields.mapping if key.startswith(GROUP)}
        self.keys = {_OLD.get(name, name): key for key, name in bare.items()}

    def key(self, name: str) -> str:
        """The annotation as it is written."""
        return self.keys.get(name, f"{GROUP}{name}")


def _policy(notes: _Annotations, limit: int | None) -> Kpa | None:
    fields, key = notes.fields, notes.key
    kind = fields.text(key("class"))
    if kind is not None and not kind.startswith("kpa."):
        fields.fault(f"{kind!r} is not Knative's own autoscaler; give the HorizontalPodAutoscaler itself", key("class"))
        return None
    low, high = fields.count(key("min-scale")), fields.count(key("max-scale"))
    if low is not None and high and low > high:
        fields.fault(f"{high} is below min-scale ({low}); raise it or lower min-scale", key("max-scale"))
    percent = fields.quantity(key("target-utilization-percentage"), 1, 100)
    initial = fields.count(key("initial-scale"))
    if initial == 0:
        fields.reading.notes.append("initial-scale 0 is taken as allowed by the cluster")
    return fields.build(
        Kpa,
        metric=fields.choice(key("metric"), ("concurrency", "rps")),
        target=fields.quantity(key("target"), 0.01),
        utilization=None if percent is None else percent / 100,
        container_concurrency=limit,
        min=low,
        max=high,
        initial_scale=initial,
        activation_scale=fields.count(key("activation-scale"), 1),
        window=fields.duration(key("window"), 6, 3600),
        panic_window=fields.quantity(key("panic-window-percentage"), 1, 100),
        panic_threshold=fields.quantity(key("panic-threshold-percentage"), 110, 1000),
        scale_down_delay=fields.duration(key("scale-down-delay"), 0, 3600),
        target_burst_capacity=fields.quantity(key("target-burst-capacity"), -1),
        progress_deadline=fields.duration(_DEADLINE, 1),
        retention=fields.duration(key("scale-to-zero-pod-retention-period"), 0, 3600),
    )
