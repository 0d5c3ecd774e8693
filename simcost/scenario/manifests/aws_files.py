"""Scaling policies in files of AWS: templates of CloudFormation, configs and answers of the command line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from simcost.scenario.files.nodes import YamlNode
from simcost.scenario.manifests.fields import Fields

KEYS = (
    "ScalableTarget",
    "ScalableTargets",
    "ScalingPolicy",
    "ScalingPolicies",
    "PolicyType",
    "PredefinedMetricSpecification",
    "CustomizedMetricSpecification",
    "StepAdjustments",
)
"""Any of them at the top shows what the file is."""
_TARGET, _POLICY, _ALARM = (
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::CloudWatch::Alarm",
)
_TARGET_KEYS = ("RoleARN", "RoleArn", "CreationTime", "ScalableTargetARN")
_ANSWER_KEYS = ("PolicyARN", "CreationTime", "Alarms", "PolicyName")


@dataclass(frozen=True, slots=True)
class AwsFile:
    """The parts of one file."""

    target: Fields | None
    """The capacity; None where the file has none."""
    policies: list[Fields]
    """Each with PolicyType and its configuration."""
    name: str = ""
    """Of the resource that is scaled."""
    config: str = ""
    """Type of the policy, where its configuration stands alone."""


def is_template(root: Fields) -> bool:
    """True if this is a template of CloudFormation that scales something."""
    return any(kind in (_TARGET, _POLICY) for kind in _types(root.mapping.get("Resources")))


def _types(resources: YamlNode | None) -> Iterator[str]:
    entries = resources.value if resources is not None and isinstance(resources.value, dict) else {}
    for entry in entries.values():
        kind = entry.get("Type")
        if kind is not None:
            yield str(kind.value)


def aws_file(root: Fields, name: str | None) -> AwsFile:
    """The target and the policies of a file; where it has several targets, those called by the name."""
    if root.has("Resources"):
        return _template(root, name)
    if root.has("TargetValue") or root.has("StepAdjustments"):
        tracking = root.has("TargetValue")
        return AwsFile(None, [root], config="TargetTrackingScaling" if tracking else "StepScaling")
    if root.has("PolicyType"):
        root.passes("ServiceNamespace", "ScalableDimension", "ResourceId", *_ANSWER_KEYS)
        return AwsFile(None, [root])
    one, target = root.child("ScalingPolicy"), root.child("ScalableTarget")
    policies = [*root.items("ScalingPolicies"), *([one] if one is not None else [])]
    targets = [*root.items("ScalableTargets"), *([target] if target is not None else [])]
    for policy in policies:
        policy.passes("ServiceNamespace", "ScalableDimension", *_ANSWER_KEYS)
    for found in targets:
        _pass_target(found)
    wanted = _chosen(root, targets, policies, name)
    policies = [policy for policy in policies if policy.text("ResourceId") in (None, wanted)]
    targets = [found for found in targets if len(targets) == 1 or found.text("ResourceId") == wanted]
    return AwsFile(targets[0] if targets else None, policies, wanted or "")


def _pass_target(target: Fields) -> None:
    """Pass keys that change no number; what is suspended is listed as not simulated."""
    target.passes(*_TARGET_KEYS)
    suspended = target.child("SuspendedState")
    for key in suspended.mapping if suspended is not None else ():
        if suspended is not None and suspended.flag(key):
            target.reading.notes.append(f"SuspendedState.{key}: true; policies act as if nothing were suspended")


def _chosen(root: Fields, targets: list[Fields], policies: list[Fields], name: str | None) -> str | None:
    """The resource that is meant, of those that are scaled."""
    names = list(dict.fromkeys(found for policy in (*policies, *targets) if (found := policy.text("ResourceId"))))
    if name in names:
        return name
    if len(names) > 1:
        root.fault(f"scales {', '.join(names)}; choose one with --name NAME, or `name:` next to `from:`")
    return names[0] if names else None


def _template(root: Fields, name: str | None) -> AwsFile:
    """The resources of a template, with the defaults of its parameters."""
    defaults = _parameters(root)
    resources = root.child("Resources")
    found: dict[str, list[tuple[str, Fields]]] = {_TARGET: [], _POLICY: [], _ALARM: []}
    for key in resources.mapping if resources is not None else ():
        entry = resources.child(key) if resources is not None else None
        kind = entry.text("Type") if entry is not None else None
        if entry is None or kind not in found:
            root.reading.notes.append(f"{kind} {key}")
            if entry is not None:
                entry.passes(*entry.mapping)
            continue
        body = entry.mapping.get("Properties", entry.node)
        found[kind].append((key, Fields(root.reading, _filled(body, defaults))))
        entry.passes("Properties", "DependsOn")
    root.passes("AWSTemplateFormatVersion", "Description", "Parameters", "Transform")
    targets = [fields for key, fields in found[_TARGET] if name in (None, key)]
    if len(targets) > 1:
        names = ", ".join(key for key, _ in found[_TARGET])
        root.fault(f"scales {names}; choose one with --name NAME, or `name:` next to `from:`", "Resources")
    target = targets[0] if targets else None
    ids = {key for key, fields in found[_TARGET] if fields is target}
    policies = [
        (key, fields)
        for key, fields in found[_POLICY]
        if target is None or _reference(fields.mapping.get("ScalingTargetId")) in (None, *ids)
    ]
    for key, policy in policies:
        policy.passes("ServiceNamespace", "ScalableDimension", "ResourceId", "ScalingTargetId", *_ANSWER_KEYS)
        _with_alarm(key, policy, found[_ALARM])
    if target is not None:
        target.passes("ResourceId")
        _pass_target(target)
    return AwsFile(target, [policy for _, policy in policies], "".join(ids))


def _with_alarm(key: str, policy: Fields, alarms: list[tuple[str, Fields]]) -> None:
    """The alarm whose action the policy is, as if it were written in it."""
    for _, alarm in alarms:
        actions = alarm.nodes("AlarmActions")
        if any(_reference(action) == key for action in actions) and not policy.has("Alarm"):
            policy.children["Alarm"] = alarm
            alarm.passes("AlarmActions", "Namespace", "Dimensions", "AlarmName")


def _reference(node: YamlNode | None) -> str | None:
    """The resource that a value refers to."""
    if node is None:
        return None
    found = node.get("Ref") if isinstance(node.value, dict) else node
    return str(found.value) if found is not None and not isinstance(found.value, dict | list) else None


def _parameters(root: Fields) -> dict[str, YamlNode]:
    """Defaults of the parameters."""
    node = root.mapping.get("Parameters")
    entries = node.value if node is not None and isinstance(node.value, dict) else {}
    return {name: found for name, entry in entries.items() if (found := entry.get("Default")) is not None}


def _filled(node: YamlNode, defaults: dict[str, YamlNode]) -> YamlNode:
    """A value, with what its parameters are unless somebody says otherwise."""
    if isinstance(node.value, list):
        return replace(node, value=[_filled(one, defaults) for one in node.value])
    if not isinstance(node.value, dict):
        return node
    reference = _reference(node) if set(node.value) == {"Ref"} else None
    if reference in defaults:
        return replace(defaults[reference], line=node.line, column=node.column, path=node.path, key=node.key)
    return replace(node, value={key: _filled(one, defaults) for key, one in node.value.items()})
