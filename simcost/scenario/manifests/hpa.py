"""HorizontalPodAutoscaler, autoscaling/v2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from simcost.errors import Fault
from simcost.plan.autoscaling import Hpa, Source
from simcost.plan.autoscaling.hpa import Behavior, Direction, Metric, ScalingRule
from simcost.plan.autoscaling.metric_adapter import is_average
from simcost.scenario.files.faults import fault_at
from simcost.scenario.files.nodes import YamlNode
from simcost.scenario.manifests.fields import Fields, ManifestFile, each
from simcost.scenario.manifests.manifest import Unmapped
from simcost.scenario.manifests.promql import metric_source
from simcost.scenario.manifests.remedies import unmapped_metric

TYPES = ("Resource", "ContainerResource", "Pods", "Object", "External")
_DEFAULT = Metric(type="Resource", name="cpu", target_type="Utilization", target=80)
_FIELD = {"Utilization": "averageUtilization", "AverageValue": "averageValue", "Value": "value"}
_ALLOWED = {
    "Resource": ("Utilization", "AverageValue"),
    "ContainerResource": ("Utilization", "AverageValue"),
    "Pods": ("AverageValue",),
    "Object": ("Value", "AverageValue"),
    "External": ("Value", "AverageValue"),
}


def read_hpa(spec: Fields, signals: Mapping[str, Source]) -> tuple[Hpa | None, list[Unmapped]]:
    """The autoscaler, and its metrics that are none of the simulator's."""
    spec.passes("scaleTargetRef")
    unmapped: list[Unmapped] = []
    low = spec.count("minReplicas")
    high = spec.count("maxReplicas", 1, required=True)
    least = 1 if low is None else low
    if high is not None and least > high:
        spec.fault(f"{high} is below minReplicas ({least}); raise it or lower minReplicas", "maxReplicas")
    entries = spec.items("metrics")
    owners = iter(_owners(entries))
    metrics = list(each(entries, lambda one: _metric(one, next(owners), signals, unmapped)))
    if not spec.has("metrics"):
        metrics = [_DEFAULT]
        spec.reading.notes.append("spec.metrics is missing, which Kubernetes takes for 80 % of the CPU request")
    if least == 0 and not any(metric.type in ("Object", "External") for metric in metrics):
        spec.fault("0 needs an Object or External metric, or nothing could start the first pod", "minReplicas")
    policy = spec.build(Hpa, min=low, max=high, metrics=tuple(metrics), behavior=read_behavior(spec.child("behavior")))
    return policy, unmapped


def read_behavior(behavior: Fields | None) -> Behavior | None:
    """`behavior`; an empty one is not the same as none."""
    if behavior is None:
        return None
    up, down = (_direction(behavior.child(key)) for key in ("scaleUp", "scaleDown"))
    return behavior.build(Behavior, scale_up=up, scale_down=down)


def _direction(rules: Fields | None) -> Direction | None:
    if rules is None:
        return None
    select = rules.choice("selectPolicy", ("Max", "Min", "Disabled"))
    policies = list(each(rules.items("policies"), _rule))
    if rules.has("policies") and not rules.nodes("policies"):
        rules.fault("is empty; write at least one policy, or leave it out for the defaults", "policies")
    if select == "Disabled" and policies:
        rules.fault("are never used, since selectPolicy is Disabled; remove them, or choose Max or Min", "policies")
    window_s = rules.seconds("stabilizationWindowSeconds", 0, 3600)
    return rules.build(
        Direction,
        policies=tuple(policies) or None,
        select=select,
        window=window_s,
        tolerance=rules.quantity("tolerance"),
    )


def _rule(rule: Fields) -> ScalingRule | None:
    kind = rule.choice("type", ("Pods", "Percent"), required=True)
    value, period = rule.count("value", 1, required=True), rule.seconds("periodSeconds", 1, 1800)
    if not rule.has("periodSeconds"):
        rule.fault("is required, and missing", "periodSeconds")
    if kind is None or value is None or period is None:
        return None
    return rule.build(ScalingRule, type=kind, value=value, period=period)


def _owners(entries: Sequence[Fields]) -> list[str]:
    """Of each metric the container, object or labels that tell it from others of its name; empty where none do."""
    named = [_owned(entry.node) for entry in entries]
    shared = {name for name, owner in named if any(name == other and owner != whose for other, whose in named)}
    return [owner if name in shared else "" for name, owner in named]


def _owned(entry: YamlNode) -> tuple[str, str]:
    """Name of a metric, and what it is of; empty where nothing says it."""
    parts = entry.value.values() if isinstance(entry.value, dict) else ()
    body = next((one for one in parts if isinstance(one.value, dict)), None)
    if body is None:
        return "", ""
    metric = body.get("metric") or body
    owner = [body.get("container"), metric.get("selector")]
    if (described := body.get("describedObject")) is not None:
        owner += [described.get("kind"), described.get("name")]
    name = metric.get("name")
    return "" if name is None else str(name.value), " ".join(filter(None, map(_in_words, owner)))


def _in_words(node: YamlNode | None) -> str:
    """Labels, names and values one after the other."""
    if node is None or node.value is None:
        return ""
    if isinstance(node.value, list):
        return " ".join(map(_in_words, node.value))
    if isinstance(node.value, dict):
        labels = node.path[-1] == "matchLabels"
        return " ".join(f"{key if labels else ''} {_in_words(one)}".strip() for key, one in node.value.items())
    return str(node.value)


def _metric(entry: Fields, owner: str, signals: Mapping[str, Source], unmapped: list[Unmapped]) -> Metric | None:
    kind = entry.choice("type", TYPES, required=True)
    if kind is None:
        return None
    key = kind[0].lower() + kind[1:]
    body = entry.child(key, required=True)
    if body is None:
        return None
    name = _name(body, kind)
    target = _target(body.child("target", required=True), kind)
    if name is None or target is None:
        return None
    source = signals.get(f"{name} of {owner}") or signals.get(name) or _source(name, kind, target[0], body.reading)
    metric = body.build(Metric, type=kind, name=name, target_type=target[0], target=target[1], source=source, of=owner)
    if not source and metric is not None:
        unmapped.append(Unmapped(metric.key, _unknown(body, name, each=kind not in ("Object", "External"))))
    return metric


def _name(body: Fields, kind: str) -> str | None:
    """Name of the metric."""
    if kind in ("Resource", "ContainerResource"):
        body.passes("container")
        return body.text("name", required=True)
    body.passes("describedObject")
    metric = body.child("metric", required=True)
    return None if metric is None else metric.text("name", required=True)


def _target(target: Fields | None, kind: str) -> tuple[str, float] | None:
    """Kind and size of the target: the controller takes the field that is set, and for an Object what `type` says."""
    if target is None:
        return None
    of = target.choice("type", tuple(_FIELD), required=True)
    if of is None:
        return None
    given = [name for name, key in _FIELD.items() if target.has(key)]
    if kind != "Object" and len(given) == 1 and given[0] in _ALLOWED[kind]:
        if of != given[0]:
            target.reading.notes.append(f"target type {of}: {_FIELD[given[0]]} is what Kubernetes reads")
        of = given[0]
    if of not in _ALLOWED[kind]:
        target.fault(f"{of!r} is not one of {', '.join(_ALLOWED[kind])}, which a {kind} metric may have", "type")
        return None
    others = [_FIELD[name] for name in given if name != of]
    if others:
        target.fault(f"conflicts with type: {of}, which reads {_FIELD[of]}; keep one of the two", others[0])
        return None
    key = _FIELD[of]
    percent = of == "Utilization"
    value = target.count(key, 1, required=True) if percent else target.quantity(key, above=True, required=True)
    return None if value is None else (of, value)


def _source(name: str, kind: str, of: str, reading: ManifestFile) -> Source:
    """The signal of a metric by its name; of the series of an External one, which are the replicas', the sum."""
    source = metric_source(name)
    if kind != "External" or not source or is_average(name) or source[0].over == "sum":
        return source
    if of == "AverageValue":
        return tuple(replace(one, over="sum") for one in source)
    reading.notes.append(f"External metric {name} with a target of type Value: the mean over the replicas counts")
    return source


def _unknown(body: Fields, name: str, *, each: bool) -> Fault:
    node = body.mapping.get("metric", body.node)
    return fault_at(node, unmapped_metric(name, body.reading.file, each=each), body.reading.file)
