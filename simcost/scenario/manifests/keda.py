"""KEDA ScaledObject, keda.sh/v1alpha1."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import NamedTuple, get_args

from simcost.errors import InputError
from simcost.plan.autoscaling import Keda, Source
from simcost.plan.autoscaling.keda import CronTrigger, Fallback, MetricTrigger, Trigger
from simcost.plan.autoscaling.metric_adapter import nearest
from simcost.plan.autoscaling.policy import SignalName
from simcost.scenario.files.faults import fault_at
from simcost.scenario.manifests.fields import Fields
from simcost.scenario.manifests.hpa import read_behavior
from simcost.scenario.manifests.manifest import Unmapped
from simcost.scenario.manifests.promql import Query, parse_promql
from simcost.scenario.manifests.remedies import published, unmapped_metric
from simcost.tables.calendar import find_zone

_GROUP = "autoscaling.keda.sh/"
ANNOTATIONS = tuple(
    f"{_GROUP}{name}"
    for name in ("paused", "paused-replicas", "paused-scale-in", "paused-scale-out", "force-activation")
)
"""Annotations that change decisions."""


class Keys(NamedTuple):
    """Names of a trigger's thresholds."""

    threshold: str
    activation: str
    default: float | None = None
    """The threshold where none is written; None = KEDA asks for one."""
    older: str = ""
    """Older name of the threshold, which counts where it is written."""
    null_fails: bool = False
    """True if no value is an error, as KEDA has it, unless the trigger says otherwise."""


_SCALERS = {
    "prometheus": Keys("threshold", "activationThreshold"),
    "loki": Keys("threshold", "activationThreshold"),
    "graphite": Keys("threshold", "activationThreshold"),
    "influxdb": Keys("thresholdValue", "activationThresholdValue"),
    "elasticsearch": Keys("targetValue", "activationTargetValue", null_fails=True),
    "kafka": Keys("lagThreshold", "activationLagThreshold", 10),
    "apache-kafka": Keys("lagThreshold", "activationLagThreshold", 10),
    "nats-jetstream": Keys("lagThreshold", "activationLagThreshold", 10),
    "rabbitmq": Keys("value", "activationValue", older="queueLength"),
    "aws-sqs-queue": Keys("queueLength", "activationQueueLength", 5),
    "aws-cloudwatch": Keys("targetMetricValue", "activationTargetMetricValue"),
    "azure-servicebus": Keys("messageCount", "activationMessageCount", 5),
    "azure-queue": Keys("queueLength", "activationQueueLength", 5),
    "azure-eventhub": Keys("unprocessedEventThreshold", "activationUnprocessedEventThreshold", 64),
    "gcp-pubsub": Keys("value", "activationValue", 10, older="subscriptionSize"),
    "gcp-stackdriver": Keys("targetValue", "activationTargetValue", 5),
    "redis": Keys("listLength", "activationListLength", 5),
    "redis-cluster": Keys("listLength", "activationListLength", 5),
    "redis-sentinel": Keys("listLength", "activationListLength", 5),
    "postgresql": Keys("targetQueryValue", "activationTargetQueryValue"),
    "mysql": Keys("queryValue", "activationQueryValue"),
    "mongodb": Keys("queryValue", "activationQueryValue"),
    "metrics-api": Keys("targetValue", "activationTargetValue"),
    "datadog": Keys("targetValue", "activationQueryValue", older="queryValue", null_fails=True),
    "new-relic": Keys("threshold", "activationThreshold"),
    "dynatrace": Keys("threshold", "activationThreshold"),
    "kubernetes-workload": Keys("value", "activationValue"),
    "external": Keys("threshold", "activationThreshold"),
    "external-push": Keys("threshold", "activationThreshold"),
}
"""Semantics: kedacore/keda pkg/scalers."""
_ASKED = ("external", "external-push")
"""Triggers whose target KEDA asks of a server."""
_OTHERS = (
    "activemq",
    "apache-pulsar",
    "arangodb",
    "artemis-queue",
    "aws-dynamodb",
    "aws-dynamodb-streams",
    "aws-kinesis-stream",
    "azure-app-insights",
    "azure-blob",
    "azure-data-explorer",
    "azure-log-analytics",
    "azure-monitor",
    "azure-pipelines",
    "beanstalkd",
    "cassandra",
    "couchdb",
    "etcd",
    "gcp-cloudtasks",
    "gcp-storage",
    "github-runner",
    "huawei-cloudeye",
    "ibmmq",
    "kubernetes-resource",
    "liiklus",
    "mssql",
    "nsq",
    "openstack-metric",
    "openstack-swift",
    "predictkube",
    "pulsar",
    "redis-cluster-streams",
    "redis-sentinel-streams",
    "redis-streams",
    "rocketmq",
    "selenium-grid",
    "solace-event-queue",
    "solarwinds",
    "solr",
    "splunk",
    "splunk-observability",
    "stan",
    "sumologic",
    "temporal",
)
"""Triggers of KEDA whose thresholds are not read."""
_DATADOG_TYPES = {"average": "AverageValue", "global": "Value"}
_RESOURCES = ("cpu", "memory")
_TRUE, _FALSE = ("1", "t", "T", "true", "TRUE", "True"), ("0", "f", "F", "false", "FALSE", "False")
_MODIFIERS = "replaces the triggers' metrics by a formula, which is not evaluated; write its result as one trigger"


def read_keda(
    spec: Fields, notes: Mapping[str, str], signals: Mapping[str, Source]
) -> tuple[Keda | None, list[Unmapped]]:
    """The autoscaler, and the metrics that are none of the simulator's; `notes` are the annotations."""
    spec.passes("scaleTargetRef")
    unmapped: list[Unmapped] = []
    low, high = spec.count("minReplicaCount"), spec.count("maxReplicaCount", 1)
    idle = spec.count("idleReplicaCount")
    if high is not None and low is not None and low > high:
        spec.fault(f"{high} is below minReplicaCount ({low}); raise it or lower minReplicaCount", "maxReplicaCount")
    if idle is not None and idle > 0:
        spec.fault(f"{idle} would be undone by the HPA at once; only 0 works", "idleReplicaCount")
    behavior = None
    if (advanced := spec.child("advanced")) is not None:
        if (config := advanced.child("horizontalPodAutoscalerConfig")) is not None:
            behavior = read_behavior(config.child("behavior"))
        if advanced.has("scalingModifiers"):
            advanced.passes("scalingModifiers")
            advanced.fault(_MODIFIERS, "scalingModifiers")
    triggers: list[Trigger] = []
    for number, one in enumerate(spec.items("triggers", required=True)):
        taken = {trigger.name for trigger in triggers}
        if (found := _trigger(one, number, taken, signals, unmapped)) is not None:
            triggers.append(found)
    if not low and triggers and all(isinstance(trigger, MetricTrigger) and trigger.resource for trigger in triggers):
        spec.fault(
            "is 0, but cpu and memory cannot start the first pod; write 1, or add another trigger",
            "minReplicaCount",
        )
    policy = spec.build(
        Keda,
        min=low,
        max=high,
        idle=idle,
        triggers=tuple(triggers),
        behavior=behavior,
        polling=spec.seconds("pollingInterval", 1),
        cooldown=spec.seconds("cooldownPeriod"),
        initial_cooldown=spec.seconds("initialCooldownPeriod"),
        fallback=_fallback(spec.child("fallback")),
        paused=_noted(spec, notes, "paused"),
        paused_scale_in=_noted(spec, notes, "paused-scale-in"),
        paused_scale_out=_noted(spec, notes, "paused-scale-out"),
        force_activation=_noted(spec, notes, "force-activation"),
        paused_replicas=_paused_replicas(spec, notes),
    )
    return policy, unmapped


def _noted(spec: Fields, notes: Mapping[str, str], key: str) -> bool:
    """An annotation that is true or false in the words of Go; KEDA takes any other word of `paused` as true."""
    given = notes.get(f"{_GROUP}{key}", "false")
    if given in _TRUE or given in _FALSE:
        return given in _TRUE
    if key == "paused":
        spec.reading.notes.append(f"the annotation {_GROUP}paused is {given!r}, which KEDA takes as true")
        return True
    spec.fault(f"the annotation {_GROUP}{key} is {given!r}, neither true nor false")
    return False


def _paused_replicas(spec: Fields, notes: Mapping[str, str]) -> int | None:
    given = notes.get(f"{_GROUP}paused-replicas")
    if given is not None and not given.isdecimal():
        spec.fault(f"the annotation {_GROUP}paused-replicas is {given!r}, no whole number")
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
    behavior = fallback.choice(
        "behavior", ("static", "currentReplicas", "currentReplicasIfHigher", "currentReplicasIfLower")
    )
    return fallback.build(Fallback, failures=failures, replicas=replicas, behavior=behavior)


def _trigger(
    entry: Fields, number: int, taken: AbstractSet[str], signals: Mapping[str, Source], unmapped: list[Unmapped]
) -> Trigger | None:
    kind = entry.choice("type", ("cron", *_RESOURCES, *_SCALERS, *_OTHERS), required=True)
    details = entry.child("metadata", required=True)
    if kind is None or details is None:
        return None
    if kind in _OTHERS:
        entry.fault(
            f"{kind!r} is a trigger of KEDA whose threshold is not read here; write type: external, with the "
            "threshold as metadata: {threshold: ...}, and its metric as a signal",
            "type",
        )
        return None
    if kind == "cron":
        return _cron(details)
    if kind in _RESOURCES:
        return _resource(entry, details, kind, signals, unmapped)
    name = _name(entry, details, f"s{number}-", taken) or f"s{number}-{kind}"
    keys = _keys(details, kind)
    if kind in _ASKED and not details.has(keys.threshold):
        details.fault(
            "is not in the file: KEDA asks the server at scalerAddress for the target; write it here as threshold: ...",
            keys.threshold,
        )
        return None
    threshold = details.quantity(keys.threshold, above=True, required=keys.default is None)
    query = _query(details, kind)
    name = published(details.text("query") or "") or name
    found = query if isinstance(query, Query) else None
    source = signals.get(name, found.source if found is not None and not found.several else ())
    if not source:
        node = details.mapping.get("query", details.node)
        remedy = _remedy(name, query, kind, details)
        unmapped.append(Unmapped(name, fault_at(node, remedy, entry.reading.file)))
    if found is not None and found.labels:
        entry.reading.notes.append(f"labels {', '.join(found.labels)} of trigger {name}: there is one pool")
    value = keys.default if threshold is None and not details.has(keys.threshold) else threshold
    if value is None:
        return None
    ignore_null = _ignores_null(details, kind, keys)
    return entry.build(
        MetricTrigger,
        name=name,
        threshold=value,
        source=source,
        activation_threshold=details.quantity(keys.activation),
        ignore_null=True if found is not None and found.zero else ignore_null,
        cached=entry.flag("useCachedMetrics"),
        target_type=_target_type(entry, details, kind),
    )


def _keys(details: Fields, kind: str) -> Keys:
    """Names of the thresholds that a trigger has."""
    keys = _SCALERS[kind]
    if kind == "datadog" and details.flag("useClusterAgentProxy"):
        keys = keys._replace(activation="activationTargetValue")
    if keys.older and details.has(keys.older) and not details.has(keys.threshold):
        return keys._replace(threshold=keys.older)
    return keys


def _ignores_null(details: Fields, kind: str, keys: Keys) -> bool | None:
    """True if no value counts as 0; None = as of most triggers."""
    if kind == "datadog" and (filler := details.quantity("metricUnavailableValue", -1e300)) is not None:
        if filler:
            details.reading.notes.append(
                f"metricUnavailableValue {filler:g}: no value is an error here; record that one"
            )
        return filler == 0
    ignored = details.flag("ignoreNullValues")
    return False if ignored is None and keys.null_fails else ignored


def _target_type(entry: Fields, details: Fields, kind: str) -> str | None:
    """Type of the threshold; Datadog's triggers may say it in their metadata."""
    if kind == "datadog" and (word := details.choice("type", tuple(_DATADOG_TYPES))) is not None:
        if entry.has("metricType"):
            details.fault("appears together with metricType, which KEDA refuses; keep one of the two", "type")
        return _DATADOG_TYPES[word]
    return entry.choice("metricType", ("AverageValue", "Value"))


def _name(entry: Fields, details: Fields, index: str, taken: AbstractSet[str]) -> str | None:
    """The name that a trigger is given, or that of its metric; after its index, as in KEDA, where another has it."""
    own, metric = entry.text("name"), details.text("metricName")
    if own in taken:
        entry.fault(f"{own!r} is the name of another trigger too, which KEDA refuses; write another", "name")
    return own or (metric if metric not in taken else f"{index}{metric}")


def _query(details: Fields, kind: str) -> Query | str | None:
    """The query's signals, or why it has none."""
    if kind != "prometheus":
        return None
    text = details.text("query", required=True)
    try:
        return None if text is None else parse_promql(text)
    except ValueError as error:
        return str(error)


def _remedy(name: str, query: Query | str | None, kind: str, details: Fields) -> str:
    """Reason why a trigger has no signal, and what to write."""
    asked = details.text("query") or ""
    if published(asked):
        return unmapped_metric(name, details.reading.file, asked=asked)
    if isinstance(query, Query):
        what, _, instead = query.several.partition("; ")
        return f"{what}, and KEDA fails on a query of several, so that it changes nothing; {instead}"
    of_queue = _SCALERS[kind].default is not None or bool(_SCALERS[kind].older)
    near = nearest(asked or name) or ("{from: waiting}" if of_queue else "{from: ...}")
    define = f"define it as signals: {{{name}: {near}}}"
    if near == "{from: ...}":
        define += f", of {', '.join(get_args(SignalName))}"
    return f"{query}; or {define}" if query else f"{kind}: what it reads is not a signal of the simulator; {define}"


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


def _resource(
    entry: Fields, details: Fields, name: str, signals: Mapping[str, Source], unmapped: list[Unmapped]
) -> MetricTrigger | None:
    """CPU or memory of the pods, which never makes a trigger active."""
    older = entry.has("metricType") or not details.has("type")
    of = (entry if older else details).choice(
        "metricType" if older else "type", ("Utilization", "AverageValue"), required=True
    )
    value = details.quantity("value", above=True, required=True)
    if of is None or value is None:
        return None
    source = signals.get(name, ())
    if not source:
        message = unmapped_metric(name, entry.reading.file)
        unmapped.append(Unmapped(name, fault_at(entry.node, message, entry.reading.file)))
    return entry.build(MetricTrigger, name=name, threshold=value, target_type=of, resource=True, source=source)
