"""Application Auto Scaling: a scalable target and its policies, by the names of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from simcost.plan.autoscaling import AwsScaling, Signal, Source
from simcost.plan.autoscaling.aws import ScalingPolicy, StepAdjustment, StepScaling, TargetTracking
from simcost.scenario.files.faults import fault_at
from simcost.scenario.manifests.aws_files import aws_file
from simcost.scenario.manifests.fields import Fields, each
from simcost.scenario.manifests.manifest import Unmapped
from simcost.scenario.manifests.remedies import unmapped_metric

_NO_POLICY = (
    "holds no scaling policy; give the answer of `aws application-autoscaling describe-scaling-policies` too, as "
    "ScalingPolicies"
)
_NO_CAPACITY = (
    "does not state the capacity; write min and max next to `from:`, or add the answer of `aws "
    "application-autoscaling describe-scalable-targets` to the file, as ScalableTargets"
)


class CapacityBounds(NamedTuple):
    """Fewest and most replicas, for files that have none."""

    low: int | None = None
    high: int | None = None


NO_BOUNDS = CapacityBounds()
_HIGH_RESOLUTION_S = 10.0
_CONCURRENT: Source = (Signal(name="in_flight", over="mean"),)
_PREDEFINED: dict[str, Source] = {
    "SageMakerVariantConcurrentRequestsPerModelHighResolution": _CONCURRENT,
    "SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution": _CONCURRENT,
    "SageMakerVariantInvocationsPerInstance": (Signal(name="requests_per_s", over="mean", scale=60.0),),
    "SageMakerInferenceComponentInvocationsPerCopy": (Signal(name="requests_per_s", over="mean", scale=60.0),),
    "ALBRequestCountPerTarget": (Signal(name="requests_per_s", over="mean", scale=60.0),),
}
_COMPARISONS = {
    "GreaterThanOrEqualToThreshold": ">=",
    "GreaterThanThreshold": ">",
    "LessThanOrEqualToThreshold": "<=",
    "LessThanThreshold": "<",
}
_ALARM = (
    "is required for step scaling, which acts on a CloudWatch alarm; write its MetricName, Threshold, "
    "ComparisonOperator, EvaluationPeriods and Period here"
)


def read_aws(
    root: Fields, signals: Mapping[str, Source], name: str | None = None, bounds: CapacityBounds = NO_BOUNDS
) -> tuple[AwsScaling | None, str, list[Unmapped]]:
    """The autoscaler, the name of its target, and the metrics that are none of the simulator's."""
    file = aws_file(root, name)
    unmapped: list[Unmapped] = []
    policies = list(each(file.policies, lambda entry: _policy(entry, signals, unmapped, file.config)))
    if not file.policies:
        root.fault(_NO_POLICY)
    low, high = _capacity(root, file.target, bounds)
    if low == 0 and not any(isinstance(policy, StepScaling) for policy in policies):
        (file.target or root).fault(
            "is 0, from which target tracking cannot scale out; add a step scaling policy", "MinCapacity"
        )
    if low is None or high is None or not policies:
        return None, file.name, unmapped
    return root.build(AwsScaling, min=low, max=high, policies=tuple(policies)), file.name, unmapped


def _capacity(root: Fields, target: Fields | None, bounds: CapacityBounds) -> tuple[int | None, int | None]:
    """Fewest and most replicas: those of the target, or those that are given beside the file."""
    if target is None:
        if bounds.low is None or bounds.high is None:
            root.fault(_NO_CAPACITY)
        elif bounds.low > bounds.high:
            root.fault(f"max ({bounds.high}) is below min ({bounds.low}); raise it or lower min")
        return bounds
    low, high = target.count("MinCapacity", required=True), target.count("MaxCapacity", 1, required=True)
    if low is not None and high is not None and low > high:
        target.fault(f"{high} is below MinCapacity ({low}); raise it or lower MinCapacity", "MaxCapacity")
    target.passes("ServiceNamespace", "ScalableDimension")
    return low, high


def _policy(
    entry: Fields, signals: Mapping[str, Source], unmapped: list[Unmapped], config: str
) -> ScalingPolicy | None:
    """A policy; `config` says of which type one is that has no more than its configuration."""
    kind = config or entry.choice("PolicyType", ("TargetTrackingScaling", "StepScaling"), required=True)
    entry.passes("PolicyName")
    if kind is None:
        return None
    body = entry if config else entry.child(f"{kind}PolicyConfiguration", required=True)
    if body is None:
        return None
    return (
        _tracking(body, signals, unmapped)
        if kind == "TargetTrackingScaling"
        else _steps(entry, body, signals, unmapped)
    )


def _tracking(config: Fields, signals: Mapping[str, Source], unmapped: list[Unmapped]) -> TargetTracking | None:
    predefined, custom = (
        config.child("PredefinedMetricSpecification"),
        config.child("CustomizedMetricSpecification"),
    )
    if (predefined is None) == (custom is None):
        config.fault("needs either PredefinedMetricSpecification or CustomizedMetricSpecification")
        return None
    if predefined is not None:
        name = predefined.text("PredefinedMetricType", required=True)
    else:
        name = _customized(custom) if custom is not None else None
    target = config.quantity("TargetValue", above=True, required=True)
    if name is None or target is None:
        return None
    disabled = config.flag("DisableScaleIn")
    return config.build(
        TargetTracking,
        metric=name,
        target=target,
        source=_source(config, name, signals, unmapped),
        scale_in=None if disabled is None else not disabled,
        out_cooldown=config.seconds("ScaleOutCooldown"),
        in_cooldown=config.seconds("ScaleInCooldown"),
        period=_HIGH_RESOLUTION_S if name.endswith("HighResolution") else None,
    )


def _customized(custom: Fields) -> str | None:
    """The name of a metric, or what metric math calls the result that it returns."""
    if not custom.has("Metrics"):
        custom.passes("Namespace", "Dimensions", "Unit")
        name = custom.text("MetricName", required=True)
        _note_statistic(custom, name)
        return name
    entries = custom.items("Metrics")
    for entry in entries:
        entry.passes(*entry.mapping)
    returned = [entry for entry in entries if entry.flag("ReturnData") is not False]
    if not returned:
        custom.fault("returns nothing; one of them must have ReturnData: true", "Metrics")
        return None
    return returned[-1].text("Label") or returned[-1].text("Id", required=True)


def _note_statistic(metric: Fields, name: str | None) -> None:
    """Tell a statistic other than the mean, which is what is taken within a period."""
    statistic = metric.text("Statistic")
    if statistic not in (None, "Average"):
        note = f"Statistic {statistic} of {name}: values within a period are averaged; record one a period"
        metric.reading.notes.append(note)


def _steps(
    entry: Fields, config: Fields, signals: Mapping[str, Source], unmapped: list[Unmapped]
) -> StepScaling | None:
    alarm = entry.child("Alarm")
    if alarm is None:
        entry.fault(_ALARM, "Alarm")
        return None
    name, threshold = (
        alarm.text("MetricName", required=True),
        alarm.quantity("Threshold", -1e300, required=True),
    )
    comparison = alarm.choice("ComparisonOperator", tuple(_COMPARISONS), required=True)
    _note_statistic(alarm, name)
    if name is None or threshold is None or comparison is None:
        return None
    return config.build(
        StepScaling,
        metric=name,
        threshold=threshold,
        comparison=_COMPARISONS[comparison],
        source=_source(alarm, name, signals, unmapped),
        periods=alarm.count("EvaluationPeriods", 1),
        datapoints=alarm.count("DatapointsToAlarm", 1),
        period=alarm.seconds("Period", 10),
        cooldown=config.seconds("Cooldown"),
        type=config.choice(
            "AdjustmentType", ("ChangeInCapacity", "PercentChangeInCapacity", "ExactCapacity"), required=True
        ),
        min_magnitude=config.count("MinAdjustmentMagnitude"),
        steps=tuple(each(config.items("StepAdjustments", required=True), _step)),
    )


def _step(entry: Fields) -> StepAdjustment | None:
    low, high = (entry.quantity(f"MetricInterval{side}Bound", -1e300) for side in ("Lower", "Upper"))
    change = entry.quantity("ScalingAdjustment", -1e9, required=True)
    if low is not None and high is not None and low >= high:
        entry.fault(f"{high:g} is not above the lower bound ({low:g})", "MetricIntervalUpperBound")
    if change is None:
        return None
    if change != int(change):
        entry.fault(f"{change:g} is not a whole number", "ScalingAdjustment")
        return None
    return entry.build(StepAdjustment, lower=low, upper=high, adjustment=int(change))


def _source(at: Fields, name: str, signals: Mapping[str, Source], unmapped: list[Unmapped]) -> Source:
    source = signals.get(name, _PREDEFINED.get(name, ()))
    if not source:
        message = unmapped_metric(name, at.reading.file, mean=at.has("TargetValue"))
        if (custom := at.child("CustomizedMetricSpecification")) is not None and custom.has("Metrics"):
            message = f"is metric math, which is not evaluated: {message}"
        unmapped.append(Unmapped(name, fault_at(at.node, message, at.reading.file)))
    return source
