"""KEDA ScaledObject, keda.sh/v1alpha1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from simcost.errors import InputError
from simcost.plan.autoscaling import Keda, Source
from simcost.plan.autoscaling.keda import CronTrigger, Fallback, MetricTrigger, Trigger
from simcost.scenario.faults import fault_at
from simcost.scenario.manifests.fields import Fields
from simcost.scenario.manifests.hpa import read_behavior
from simcost.scenario.manifests.manifest import Unmapped
from simcost.scenario.manifests.promql import Query, parse_promql
from simcost.trace.calendar import find_zone

ON = "autoscaling.keda.sh/"


class Keys(NamedTuple):
    """How a trigger calls its thresholds."""

    threshold: str
    activation: str


_SCALERS = {
    "prometheus": Keys("threshold", "activationThreshold"),
    "kafka": Keys("lagThreshold", "activationLagThreshold"),
    "apache-kafka": Keys("lagThreshold", "activationLagThreshold"),
    "rabbitmq": Keys("value", "activationValue"),
    "aws-sqs-queue": Keys("queueLength", "activationQueueLength"),
    "aws-cloudwatch": Keys("targetMetricValue", "activationTargetMetricValue"),
    "azure-servicebus": Keys("messageCount", "activationMessageCount"),
    "gcp-pubsub": Keys("value", "activationValue"),
    "redis": Keys("listLength", "activationListLength"),
    "metrics-api": Keys("targetValue", "activationTargetValue"),
    "datadog": Keys("targetValue", "activationQueryValue"),
    "external": Keys("threshold", "activationThreshold"),
}
_RESOURCES = ("cpu", "memory")
_MODIFIERS = (
    "replaces the triggers' metrics by a formula, which is not evaluated; write its result as one trigger"
)


def read_keda(
    spec: Fields, notes: Mapping[str, str], signals: Mapping[str, Source]
) -> tuple[Keda | None, list[Unmapped]]:
    """The autoscaler, and the metrics that are none of the simulator's; `notes` are the annotations."""
    spec.passes("scaleTargetRef")
    unmapped: list[Unmapped] = []
    low, high = spec.count("minReplicaCount"), spec.count("maxReplicaCount", 1)
    idle = spec.count("idleReplicaCount")
    if high is not None and low is not None and low > high:
        spec.fault(
            f"{high} is below minReplicaCount ({low}); raise it or lower minReplicaCount", "maxReplicaCount"
        )
    if idle is not None and idle > 0:
        spec.fault(f"{idle} would be undone by the HPA at once; only 0 works", "idleReplicaCount")
    behavior = None
    if (advanced := spec.child("advanced")) is not None:
        if (config := advanced.child("horizontalPodAutoscalerConfig")) is not None:
            behavior = read_behavior(config.child("behavior"))
        if advanced.has("scalingModifiers"):
            advanced.passes("scalingModifiers")
            advanced.fault(_MODIFIERS, "scalingModifiers")
    triggers = [
        found
        for number, one in enumerate(spec.items("triggers", required=True))
        if (found := _trigger(one, number, signals, unmapped)) is not None
    ]
    if not low and triggers and all(isinstance(one, MetricTrigger) and one.resource for one in triggers):
        spec.fault("is 0, but cpu and memory cannot start the first pod; write 1, or add another trigger",
                   "minReplicaCount")  # fmt: skip
    policy = spec.build(
        Keda, min=low, max=high, idle=idle, triggers=tuple(triggers), behavior=behavior,
        polling=spec.seconds("pollingInterval", 1), cooldown=spec.seconds("cooldownPeriod"),
        initial_cooldown=spec.seconds("initialCooldownPeriod"), fallback=_fallback(spec.child("fallback")),
        paused=_noted(notes, "paused"), paused_scale_in=_noted(notes, "paused-scale-in"),
        paused_scale_out=_noted(notes, "paused-scale-out"), force_activation=_noted(notes, "force-activation"),
        paused_replicas=_paused_replicas(spec, notes),
    )  # fmt: skip
    return policy, unmapped


def _noted(notes: Mapping[str, str], key: str) -> bool:
    return notes.get(f"{ON}{key}", "false").lower() == "true"


def _paused_replicas(spec: Fields, notes: Mapping[str, str]) -> int | None:
    given = notes.get(f"{ON}paused-replicas")
    if given is not None and not given.isdecimal():
        spec.fault(f"the annotation {ON}paused-replicas is {given!r}, no whole number")
        return None
    return None if given is None else int(given)


def _fallback(fallback: Fields | None) -> Fallback | None:
    if fallback is None:
        return None
    failures, replicas = (
        fallback.count("failureThreshold", required=True),
        fallback.count("replicas", required=True),
    )
    if failures is None or replicas is None:
        return None
    return fallback.build(Fallback, failures=failures, replicas=replicas)


def _trigger(
    entry: Fields, number: int, signals: Mapping[str, Source], unmapped: list[Unmapped]
) -> Trigger | None:
    kind = entry.choice("type", ("cron", *_RESOURCES, *_SCALERS), required=True)
    details = entry.child("metadata", required=True)
    if kind is None or details is None:
        return None
    if kind == "cron":
        return _cron(details)
    if kind in _RESOURCES:
        return _resource(entry, details, kind)
    name = entry.text("name") or details.text("metricName") or f"s{number}-{kind}"
    keys = _SCALERS[kind]
    threshold = details.quantity(keys.threshold, above=True, required=True)
    query = _query(details, kind)
    source = signals.get(name, query.source if isinstance(query, Query) else ())
    if not source:
        why = (
            query if isinstance(query, str) else f"what a {kind} trigger reads is no signal of the simulator"
        )
        remedy = f"{why}; say what it is made of, as signals: {{{name}: {{from: waiting}}}}"
        node = details.mapping.get("query", details.node)
        unmapped.append(Unmapped(name, fault_at(node, remedy, entry.reading.file)))
    if isinstance(query, Query) and query.labels:
        entry.reading.notes.append(f"labels {', '.join(query.labels)} of trigger {name}: there is one pool")
    if threshold is None:
        return None
    return entry.build(
        MetricTrigger, name=name, threshold=threshold, source=source,
        activation_threshold=details.quantity(keys.activation), ignore_null=details.flag("ignoreNullValues"),
        cached=entry.flag("useCachedMetrics"), target_type=entry.choice("metricType", ("AverageValue", "Value")),
    )  # fmt: skip


def _query(details: Fields, kind: str) -> Query | str | None:
    """The query's signals, or why it has none."""
    if kind != "prometheus":
        return None
    text = details.text("query", required=True)
    try:
        return None if text is None else parse_promql(text)
    except ValueError as error:
        return str(error)


def _cron(details: Fields) -> CronTrigger | None:
    start, end = details.text("start", required=True), details.text("end", required=True)
    zone, replicas = (
        details.text("timezone", required=True),
        details.count("desiredReplicas", 1, required=True),
    )
    if start is None or end is None or zone is None or replicas is None:
        return None
    try:
        find_zone(zone)
    except InputError as error:
        details.fault(str(error), "timezone")
        return None
    return details.build(CronTrigger, start=start, end=end, timezone=zone, replicas=replicas)


def _resource(entry: Fields, details: Fields, name: str) -> MetricTrigger | None:
    """CPU or memory of the pods, which never makes a trigger active."""
    of = entry.choice("metricType", ("Utilization", "AverageValue"), required=True)
    value = details.quantity("value", above=True, required=True)
    if of is None or value is None:
        return None
    return entry.build(MetricTrigger, name=name, threshold=value, target_type=of, resource=True)
