"""Application Auto Scaling: a scalable target and its policies, by the names of the API."""

from __future__ import annotations

from collections.abc import Mapping

from simcost.plan.autoscaling import AwsScaling, Signal, Source
from simcost.plan.autoscaling.aws import ScalingPolicy, StepAdjustment, StepScaling, TargetTracking
from simcost.scenario.faults import fault_at
from simcost.scenario.manifests.fields import Fields, each
from simcost.scenario.manifests.manifest import Unmapped

_HIGH_RESOLUTION_S = 10.0
_CONCURRENT: Source = (Signal(name="in_flight", over="mean"),)
_PREDEFINED: dict[str, Source] = {
    "SageMakerVariantConcurrentRequestsPerModelHighResolution": _CONCURRENT,
    "SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution": _CONCURRENT,
    "SageMakerVariantInvocationsPerInstance": (Signal(name="requests_per_s", over="mean", scale=60.0),),
    "SageMakerInferenceComponentInvocationsPerCopy": (
        Signal(name="requests_per_s", over="mean", scale=60.0),
    ),
    "ALBRequestCountPerTarget": (Signal(name="requests_per_s", over="mean", scale=60.0),),
}
_COMPARISONS = {"GreaterThanOrEqualToThreshold": ">=", "GreaterThanThreshold": ">",
                "LessThanOrEqualToThreshold": "<=", "LessThanThreshold": "<"}  # fmt: skip
_ALARM = ("is required for step scaling, which acts on a CloudWatch alarm; write its MetricName, Threshold, "
          "ComparisonOperator, EvaluationPeriods and Period here")  # fmt: skip


def read_aws(root: Fields, signals: Mapping[str, Source]) -> tuple[AwsScaling | None, str, list[Unmapped]]:
    """The autoscaler, the name of its target, and the metrics that are none of the simulator's."""
    target = root.child("ScalableTarget", required=True)
    several = root.items("ScalingPolicies") if root.has("ScalingPolicies") else []
    one = root.child("ScalingPolicy", required=not several)
    if target is None:
        return None, "", []
    unmapped: list[Unmapped] = []
    policies = list(
        each([*several, *([one] if one else [])], lambda entry: _policy(entry, signals, unmapped))
    )
    low, high = target.count("MinCapacity", required=True), target.count("MaxCapacity", 1, required=True)
    if low is not None and high is not None and low > high:
        target.fault(f"{high} is below MinCapacity ({low}); raise it or lower MinCapacity", "MaxCapacity")
    if low == 0 and not any(isinstance(policy, StepScaling) for policy in policies):
        target.fault(
            "is 0, from which target tracking cannot scale out; add a step scaling policy", "MinCapacity"
        )
    target.passes("ServiceNamespace", "ScalableDimension")
    name = target.text("ResourceId") or ""
    return root.build(AwsScaling, min=low, max=high, policies=tuple(policies)), name, unmapped


def _policy(entry: Fields, signals: Mapping[str, Source], unmapped: list[Unmapped]) -> ScalingPolicy | None:
    kind = entry.choice("PolicyType", ("TargetTrackingScaling", "StepScaling"), required=True)
    entry.passes("PolicyName")
    if kind is None:
        return None
    config = entry.child(f"{kind}PolicyConfiguration", required=True)
    if config is None:
        return None
    return (
        _tracking(config, signals, unmapped)
        if kind == "TargetTrackingScaling"
        else _steps(entry, config, signals, unmapped)
    )


def _tracking(
    config: Fields, signals: Mapping[str, Source], unmapped: list[Unmapped]
) -> TargetTracking | None:
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
        name = custom.text("MetricName", required=True) if custom is not None else None
    target = config.quantity("TargetValue", above=True, required=True)
    if name is None or target is None:
        return None
    disabled = config.flag("DisableScaleIn")
    return config.build(
        TargetTracking, metric=name, target=target, source=_source(config, name, signals, unmapped),
        scale_in=None if disabled is None else not disabled, out_cooldown=config.seconds("ScaleOutCooldown"),
        in_cooldown=config.seconds("ScaleInCooldown"),
        period=_HIGH_RESOLUTION_S if name.endswith("HighResolution") else None,
    )  # fmt: skip


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
    if name is None or threshold is None or comparison is None:
        return None
    return config.build(
        StepScaling, metric=name, threshold=threshold, comparison=_COMPARISONS[comparison],
        source=_source(alarm, name, signals, unmapped), periods=alarm.count("EvaluationPeriods", 1),
        period=alarm.seconds("Period", 10), cooldown=config.seconds("Cooldown"),
        type=config.choice("AdjustmentType", ("ChangeInCapacity", "PercentChangeInCapacity", "ExactCapacity"),
                           required=True),
        min_magnitude=config.count("MinAdjustmentMagnitude"),
        steps=tuple(each(config.items("StepAdjustments", required=True), _step)),
    )  # fmt: skip


def _step(entry: Fields) -> StepAdjustment | None:
    low, high = (entry.quantity(f"MetricInterval{side}Bound", -1e300) for side in ("Lower", "Upper"))
    change = entry.quantity("ScalingAdjustment", -1e9, required=True)
    if low is not None and high is not None and low >= high:
        entry.fault(f"{high:g} is not above the lower bound ({low:g})", "MetricIntervalUpperBound")
    if change is None:
        return None
    return entry.build(StepAdjustment, lower=low, upper=high, adjustment=int(change))


def _source(at: Fields, name: str, signals: Mapping[str, Source], unmapped: list[Unmapped]) -> Source:
    source = signals.get(name, _PREDEFINED.get(name, ()))
    if not source:
        message = (
            f"{name!r} is no metric that the simulator has; map it: signals: {{{name}: {{from: running}}}}"
        )
        unmapped.append(Unmapped(name, fault_at(at.node, message, at.reading.file)))
    return source
