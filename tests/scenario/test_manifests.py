"""Manifests become policies; what is wrong with one is said with its place and remedy, and nothing is dropped."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.scenarios import YAML_WORDS

from simcost.errors import FaultsError, SimcostError
from simcost.plan import Admission
from simcost.plan.autoscaling import AwsScaling, DynamoPlanner, Fixed, Hpa, Keda, Kpa, RayServe, Signal
from simcost.plan.autoscaling.hpa import Behavior, Direction, Metric, ScalingRule
from simcost.plan.autoscaling.keda import CronTrigger, MetricTrigger
from simcost.plan.nodes import DisruptionBudget
from simcost.plan.routing.scorers import LoadAware, LoraAffinity, PrefixCache
from simcost.plan.serving import Saturation
from simcost.scenario.manifests import read_manifest
from simcost.scenario.manifests.fields import go_duration, quantity
from simcost.scenario.manifests.promql import parse_promql

HPA = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: chat}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: chat}
  minReplicas: 2
  maxReplicas: 8
  metrics:
    - type: Pods
      pods:
        metric: {name: "vllm:num_requests_waiting"}
        target: {type: AverageValue, averageValue: 1500m}
  behavior:
    scaleDown:
      policies: [{type: Pods, value: 1, periodSeconds: 60}]
      tolerance: 200m
"""
SCALED = """\
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: batch
  annotations: {autoscaling.keda.sh/paused-scale-in: "true"}
spec:
  scaleTargetRef: {name: batch}
  maxReplicaCount: 12
  triggers:
    - type: prometheus
      metadata: {query: 'sum(vllm:num_requests_running) + sum(vllm:num_requests_waiting)', threshold: "16"}
    - type: cron
      metadata: {timezone: Europe/Berlin, start: 0 7 * * 1-5, end: 0 19 * * 1-5, desiredReplicas: "3"}
"""
KNATIVE = """\
apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: embed}
spec:
  template:
    metadata:
      annotations:
        autoscaling.knative.dev/minScale: "1"
        autoscaling.knative.dev/max-scale: "20"
        autoscaling.knative.dev/window: 40s
    spec: {containerConcurrency: 12}
"""
RAY = """\
applications:
  - name: chat
    deployments:
      - name: Engine
        max_ongoing_requests: 64
        autoscaling_config: {min_replicas: 1, max_replicas: 10, target_ongoing_requests: 32}
"""
NODES = """\
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: gpu}
spec:
  template:
    spec:
      expireAfter: Never
      requirements:
        - {key: node.kubernetes.io/instance-type, operator: In, values: [p5.48xlarge]}
  disruption: {consolidateAfter: 10m, budgets: [{nodes: 10%}, {nodes: "0", schedule: 0 8 * * *, duration: 1h}]}
"""
AWS = {
    "ScalableTarget": {"ResourceId": "endpoint/chat", "MinCapacity": 2, "MaxCapacity": 12},
    "ScalingPolicy": {
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 20.0,
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "SageMakerVariantConcurrentRequestsPerModelHighResolution"
            },
            "DisableScaleIn": True,
        },
    },
}
EPP = """\
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
  - {type: prefix-cache-scorer}
  - {type: load-aware-scorer, name: load, parameters: {threshold: 64}}
  - {type: weighted-random-picker}
schedulingProfiles:
  - name: default
    plugins: [{pluginRef: prefix-cache-scorer, weight: 2}, {pluginRef: load}, {pluginRef: weighted-random-picker}]
"""
DYNAMO = "mode: agg\noptimization_target: latency\nmax_gpu_budget: 16\ndecode_engine_num_gpu: 4\n"


def test_an_hpa(read: Any) -> None:
    manifest = read(HPA)
    waiting = Signal(name="waiting", metric="vllm:num_requests_waiting")
    assert manifest.policy == Hpa(
        min=2,
        max=8,
        metrics=(
            Metric(
                type="Pods",
                name="vllm:num_requests_waiting",
                target_type="AverageValue",
                target=1.5,
                source=(waiting,),
            ),
        ),
        behavior=Behavior(
            scale_down=Direction(policies=(ScalingRule(type="Pods", value=1, period=60),), tolerance=0.2)
        ),
    )
    assert (manifest.kind, manifest.name) == ("HorizontalPodAutoscaler", "chat")
    assert manifest.not_simulated == ()
    assert manifest.mapped() is manifest


def test_an_hpa_without_metrics_has_the_default_of_kubernetes(read: Any) -> None:
    text = HPA[: HPA.index("  metrics:")] + "  behavior: {}\n"
    policy = read(text).policy
    assert policy.metrics == (Metric(type="Resource", name="cpu", target_type="Utilization", target=80),)
    assert policy.behavior == Behavior()


def test_a_scaled_object(read: Any) -> None:
    policy = read(SCALED).policy
    metric, cron = policy.triggers
    assert isinstance(policy, Keda)
    assert (policy.min, policy.max, policy.paused_scale_in) == (0, 12, True)
    assert isinstance(metric, MetricTrigger)
    assert [(one.name, one.over) for one in metric.source] == [("running", "sum"), ("waiting", "sum")]
    assert cron == CronTrigger(start="0 7 * * 1-5", end="0 19 * * 1-5", timezone="Europe/Berlin", replicas=3)


def test_knative_annotations_in_both_spellings(read: Any) -> None:
    manifest = read(KNATIVE)
    assert manifest.policy == Kpa(min=1, max=20, window=40, container_concurrency=12)
    assert manifest.admission == Admission(max_ongoing=12, max_queued_per_replica=120, timeout=300)


def test_the_progress_deadline_of_knative(read: Any) -> None:
    """A model that loads for longer than 10 minutes would never be activated."""
    given = KNATIVE.replace("window: 40s", 'window: 40s\n        serving.knative.dev/progress-deadline: "30m"')
    assert (read(KNATIVE).policy.progress_deadline, read(given).policy.progress_deadline) == (600, 1800)


def test_annotations_of_knative_on_the_service_itself_are_faults(read: Any) -> None:
    with pytest.raises(FaultsError, match=r":3:.*spec\.template\.metadata\.annotations"):
        read(KNATIVE.replace("{name: embed}", "{name: embed, annotations: {autoscaling.knative.dev/min-scale: '1'}}"))


def test_a_percentage_of_knative_is_a_percentage(read: Any) -> None:
    """Knative's admission refuses a fraction, and takes 1 for one percent."""
    of = 'window: 40s\n        autoscaling.knative.dev/target-utilization-percentage: "{}"'
    assert read(KNATIVE.replace("window: 40s", of.format(80))).policy.utilization == 0.8
    assert read(KNATIVE.replace("window: 40s", of.format(1))).policy.utilization == 0.01
    with pytest.raises(FaultsError, match=r":11:.*0\.7' must be at least 1"):
        read(KNATIVE.replace("window: 40s", of.format(0.7)))


def test_a_ray_deployment(read: Any) -> None:
    manifest = read(RAY)
    assert manifest.policy == RayServe(max=10, target_ongoing_requests=32)
    assert manifest.admission == Admission(max_ongoing=64)
    assert read(RAY.replace("        max_ongoing_requests: 64\n", "")).admission.max_ongoing == 5
    limited = read(RAY.replace("64", "64\n        max_queued_requests: 200\n        ray_actor_options: {num_gpus: 4}"))
    assert (limited.admission.max_queued, limited.gpus) == (200, 4)
    assert "max_queued_requests of each proxy: there is one gateway" in limited.not_simulated
    assert manifest.name == "Engine"
    fixed = read(
        RAY.replace(
            "autoscaling_config: {min_replicas: 1, max_replicas: 10, target_ongoing_requests: 32}",
            "num_replicas: 3",
        )
    )
    assert fixed.policy == Fixed(replicas=3)


def test_a_node_pool(read: Any) -> None:
    nodes = read(NODES).nodes
    assert nodes.instance_types == ("p5.48xlarge",)
    assert nodes.expire_after is None
    assert nodes.consolidate_after == 600
    assert nodes.budgets[1] == DisruptionBudget(nodes=0, schedule="0 8 * * *", duration=3600)


def test_application_auto_scaling(read: Any) -> None:
    policy = read(json.dumps(AWS)).policy
    (tracking,) = policy.policies
    assert isinstance(policy, AwsScaling)
    assert (policy.min, policy.max, tracking.scale_in, tracking.period) == (2, 12, False, 10)
    steps = {
        **AWS,
        "ScalingPolicy": {
            "PolicyType": "StepScaling",
            "Alarm": {"MetricName": "Backlog", "Threshold": 1, "ComparisonOperator": "GreaterThanThreshold"},
            "StepScalingPolicyConfiguration": {
                "AdjustmentType": "ChangeInCapacity",
                "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
            },
        },
    }
    manifest = read(json.dumps(steps))
    assert manifest.policy.policies[0].steps[0].adjustment == 1
    assert [one.metric for one in manifest.unmapped] == ["Backlog"]


def test_a_picker(read: Any) -> None:
    router = read(EPP).router
    assert [(scorer.scorer, scorer.weight) for scorer in router.scorers] == [
        (PrefixCache(), 2),
        (LoadAware(threshold=64), 1),
    ]
    assert router.picker == "weighted-random"


def test_a_picker_by_adapters(read: Any) -> None:
    router = read(EPP.replace("prefix-cache-scorer", "lora-affinity-scorer")).router
    assert [scorer.scorer for scorer in router.scorers] == [LoraAffinity(), LoadAware(threshold=64)]


FLOW = """\
featureGates: [flowControl, prepareDataPlugins]
saturationDetector: {pluginRef: mine}
flowControl:
  {maxRequests: 1k, defaultRequestTTL: 30s, maxBytes: 1Gi,
   priorityBands: [{priority: 0, orderingPolicyRef: edf-ordering-policy}]}
"""
MINE = """\
  - {type: utilization-detector, name: mine, parameters: {queueDepthThreshold: 9, metricsStalenessThreshold: 1s}}
  - {type: latency-scorer}
schedulingProfiles:
"""


def test_flow_control_of_a_picker_holds_what_the_pool_has_no_room_for(read: Any) -> None:
    manifest = read(EPP.replace("schedulingProfiles:\n", MINE) + FLOW)
    assert manifest.admission == Admission(max_queued=1000, max_wait=30, saturation=Saturation(queue=9))
    assert set(manifest.not_simulated) == {
        "flowControl.maxBytes",
        "flowControl.priorityBands.0.orderingPolicyRef",
        "feature gate prepareDataPlugins",
        "plugin latency-scorer: not in the profile",
        "metricsStalenessThreshold: signals here are never older than the refresh",
    }
    older = "saturationDetector: {queueDepthThreshold: 7, kvCacheUtilThreshold: 0.9}\n"
    held = read(EPP + "featureGates: [flowControl]\n" + older)
    assert held.admission.saturation == Saturation(queue=7, kv=0.9)


def test_without_the_gate_negative_priorities_are_shed_and_nothing_is_held(read: Any) -> None:
    manifest = read(EPP.replace("schedulingProfiles:\n", MINE) + FLOW.replace("flowControl, ", ""))
    assert manifest.admission == Admission(saturation=Saturation(queue=9, then="shed"))
    assert any(said.startswith("flowControl: without the feature gate") for said in manifest.not_simulated)
    assert read(EPP).admission == Admission(saturation=Saturation(then="shed"))


def test_every_field_of_the_manifests_at_hand_is_honoured_or_listed(shared: Path) -> None:
    """The paths of each file that are read or listed are all that there are."""
    folder = shared / "data" / "manifests"
    listed = {path.name: set(read_manifest(path).not_simulated) for path in sorted(folder.iterdir())}
    assert listed == LISTED


LISTED = {
    "aws-target-tracking.json": set(),
    "dynamo-planner.yaml": {
        (
            "mode disagg: this pool is scaled by the rules of decode; where prefill is apart, `disaggregation.scaling` "
            "of kind dynamo with the same intervals and budget is the same planner"
        ),
        "load_predictor arima: the last interval is used for the next (constant)",
    },
    "epp-config.yaml": set(),
    "hpa.yaml": {"metadata.namespace"},
    "karpenter-nodepool.yaml": {
        "spec.template.spec.nodeClassRef",
        "spec.template.spec.taints",
        "spec.weight: there is one pool of nodes",
        "requirements: of what they allow, nodes are what the plan buys",
    },
    "keda-scaledobject.yaml": {
        "metadata.namespace",
        "spec.triggers.0.metadata.serverAddress",
        'labels {model_name="sum-8b"}, {model_name="sum-8b"} of trigger s0-prometheus: there is one pool',
    },
    "knative-service.yaml": {"spec.template.spec.containers"},
    "ray-serve.yaml": {
        "applications.0.route_prefix",
        "applications.0.import_path",
        "max_queued_requests of each proxy: there is one gateway",
    },
}
"""What the example manifests have that changes nothing here; every other field of theirs does."""


def test_a_planner(read: Any) -> None:
    assert read(DYNAMO).policy == DynamoPlanner(target="latency", max_gpu_budget=16, gpus=4)


def test_several_documents_are_one_plan(read: Any) -> None:
    deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: chat}\nspec: {replicas: 3}\n"
    manifest = read(f"{deployment}---\n{HPA}---\n{NODES}---\n{EPP}")
    assert isinstance(manifest.policy, Hpa)
    assert manifest.nodes is not None
    assert manifest.router is not None
    assert "Deployment chat" in manifest.not_simulated
    other = HPA.replace("name: chat}\nspec", "name: other}\nspec").replace("maxReplicas: 8", "maxReplicas: 9")
    assert read(f"{HPA}---\n{other}", name="other").policy.max == 9


def test_what_kubectl_and_kuberay_wrap_is_unwrapped(read: Any) -> None:
    items = "".join(f"- {indented(text)}" for text in (HPA, "apiVersion: v1\nkind: Service\nmetadata: {name: chat}\n"))
    assert read(f"apiVersion: v1\nkind: List\nitems:\n{items}").policy == read(HPA).policy
    service = "apiVersion: ray.io/v1\nkind: RayService\nmetadata: {name: llm}\nspec:\n  serveConfigV2: |\n    "
    manifest = read(service + indented(RAY, 4))
    assert manifest.policy == read(RAY).policy
    assert "RayService: all but spec.serveConfigV2" in manifest.not_simulated
    line = RAY.splitlines().index(next(line for line in RAY.splitlines() if "min_replicas" in line)) + 6
    with pytest.raises(FaultsError, match=rf":{line}:.*below min_replicas"):
        read(service + indented(RAY.replace("min_replicas: 1", "min_replicas: 900"), 4))
    with pytest.raises(FaultsError, match="the Serve config as text"):
        read("apiVersion: ray.io/v1\nkind: RayService\nspec: {}\n")


def indented(text: str, by: int = 2) -> str:
    return text.replace("\n", "\n" + " " * by).rstrip(" ")


def test_every_field_is_accounted_for(read: Any) -> None:
    text = HPA.replace("metadata: {name: chat}", "metadata: {name: chat, labels: {team: ml}}")
    text = text.replace('{name: "vllm:num_requests_waiting"}', "{name: w, selector: {matchLabels: {a: b}}}")
    manifest = read(text, signals={"w": (Signal(name="waiting"),)})
    assert set(manifest.not_simulated) == {"metadata.labels", "spec.metrics.0.pods.metric.selector"}
    assert manifest.unmapped == ()


def test_metrics_that_no_signal_makes_are_named_where_a_simulation_needs_them(read: Any) -> None:
    manifest = read(HPA.replace("vllm:num_requests_waiting", "frontend_tokens"))
    with pytest.raises(FaultsError, match=r"manifest.yaml:11:17: .*frontend_tokens.*signals: \{frontend_tokens"):
        manifest.mapped()


CHANGES: dict[str, tuple[str, str, str, str]] = {
    "min above max": (
        HPA,
        "minReplicas: 2",
        "minReplicas: 9",
        r"7:16: spec.maxReplicas: 8 is below minReplicas \(9\)",
    ),
    "template": (
        HPA,
        "minReplicas: 2",
        "minReplicas: {{ .Values.min }}",
        r"6:16: holds the template .*helm template",
    ),
    "v1": (
        HPA,
        "autoscaling/v2",
        "autoscaling/v1",
        "1:13: apiVersion: autoscaling/v1 holds the CPU target alone",
    ),
    "v2beta2": (HPA, "autoscaling/v2", "autoscaling/v2beta2", "removed in Kubernetes 1.26"),
    "unknown kind": (
        HPA,
        "HorizontalPodAutoscaler",
        "HorizontalPodAutoscalr",
        "2:7: kind: .*known are HorizontalPod",
    ),
    "no max": (HPA, "  maxReplicas: 8\n", "", "5:3: spec.maxReplicas: is required, and missing"),
    "disabled policies": (
        HPA,
        "      tolerance: 200m",
        "      selectPolicy: Disabled",
        "15:17: spec.behavior.scaleDown.policies: are never used, since selectPolicy is Disabled",
    ),
    "no policies": (
        HPA,
        "[{type: Pods, value: 1, periodSeconds: 60}]",
        "[]",
        "is empty; write at least one policy",
    ),
    "policy type": (
        HPA,
        "type: Pods, value",
        "type: Pod, value",
        "'Pod' is not one of Pods, Percent; did you mean",
    ),
    "period": (HPA, "periodSeconds: 60", "periodSeconds: 9000", "9000 must be from 1 to 1800 seconds"),
    "target kind": (HPA, "averageValue: 1500m", "averageUtilization: 50", "conflicts with type: AverageValue"),
    "quantity": (HPA, "1500m", "1500x", "'1500x' is not a quantity; write e.g. 4"),
    "not a list": (HPA, "policies: [{", "policies: {a: [{", "is not YAML|expected a list"),
    "zero without external": (HPA, "minReplicas: 2", "minReplicas: 0", "needs an Object or External metric"),
    "unknown trigger": (
        SCALED,
        "type: cron",
        "type: cronn",
        "'cronn' is not one of cron, .*did you mean 'cron'",
    ),
    "cron": (SCALED, "0 7 * * 1-5", "0 7 * * 1-9", "'9' is not a valid day of the week from 0 to 6"),
    "zone": (SCALED, "Europe/Berlin", "Europe/Berlinn", "unknown time zone 'Europe/Berlinn'; did you mean"),
    "max below min": (
        SCALED,
        "maxReplicaCount: 12",
        "maxReplicaCount: 2\n  minReplicaCount: 3",
        "2 is below minReplicaCount",
    ),
    "idle": (SCALED, "maxReplicaCount: 12", "minReplicaCount: 3\n  idleReplicaCount: 1", "only 0 works"),
    "formula": (
        SCALED,
        "  triggers:",
        "  advanced: {scalingModifiers: {formula: a + b}}\n  triggers:",
        "by a formula",
    ),
    "no triggers": (
        SCALED,
        SCALED[SCALED.index("  triggers") :],
        "",
        "spec.triggers: is required, and missing",
    ),
    "window": (KNATIVE, "window: 40s", "window: 2s", "'2s' must be from 6 to 3600 seconds"),
    "duration": (KNATIVE, "window: 40s", "window: 40 seconds", "is not a duration; write e.g. 30s"),
    "class": (
        KNATIVE,
        "window: 40s",
        "class: hpa.autoscaling.knative.dev",
        "give the HorizontalPodAutoscaler itself",
    ),
    "knative bounds": (
        KNATIVE,
        'max-scale: "20"',
        'max-scale: "0"\n        autoscaling.knative.dev/min-scale: "x"',
        "is not a whole",
    ),
    "ray bounds": (RAY, "min_replicas: 1", "min_replicas: 11", r"10 is below min_replicas \(11\)"),
    "ray policy": (RAY, "min_replicas: 1", "policy: {name: mine}", "is Python code, which is not run"),
    "no instance type": (
        NODES,
        "p5.48xlarge",
        "x9.huge",
        r"meets them \(node.kubernetes.io/instance-type In x9.huge\); known are",
    ),
    "budget": (NODES, "nodes: 10%", "nodes: some", "'some' is not a number of nodes"),
    "reason": (
        NODES,
        "duration: 1h",
        "duration: 1h, reasons: [Drift]",
        "'Drift' is not one of Underutilized",
    ),
    "half a schedule": (NODES, ", duration: 1h", "", "needs schedule and duration together"),
    "unknown scorer": (
        EPP,
        "type: load-aware-scorer",
        "type: load-awar-scorer",
        "did you mean 'load-aware-scorer'",
    ),
    "unknown plugin": (EPP, "pluginRef: load}", "pluginRef: loaded}", "is none of the plugins; there are"),
    "budget of gpus": (DYNAMO, "16", "2", r"max_gpu_budget \(2\) is below min_endpoint x 4"),
    "metric": (json.dumps(AWS), '"TargetValue": 20.0', '"TargetValue": 0', "0 must be above 0"),
    "alarm": (json.dumps(AWS), "TargetTrackingScaling", "StepScaling", "Alarm: is required for step scaling"),
}


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_what_is_wrong_is_said_with_its_place_and_remedy(read: Any, change: str) -> None:
    text, old, new, message = CHANGES[change]
    assert old in text
    with pytest.raises(FaultsError, match=message) as caught:
        read(text.replace(old, new, 1) if change != "alarm" else text.replace(old, new))
    assert all(fault.line > 0 for fault in caught.value.faults)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("a: [1", "is not YAML"),
        ("- 1\n", "not a manifest known"),
        ("a: 1\n", "known are Horiz"),
        ("apiVersion: v1\nkind: ConfigMap\n", "2:7: kind: ConfigMap is not a manifest known here; known are"),
        (HPA + "---\n" + HPA, "is one of several: .*choose one with --name"),
        (
            RAY + "      - {name: Other, autoscaling_config: {}}\n",
            "the deployments Engine, Other; choose one",
        ),
        ("apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\n", "spec: is required, and missing"),
    ],
)
def test_files_that_are_no_manifest(read: Any, text: str, message: str) -> None:
    with pytest.raises(FaultsError, match=message):
        read(text)


@given(data=st.data())
def test_no_change_of_a_manifest_ends_in_anything_but_an_answer_or_faults(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = data.draw(st.sampled_from([HPA, SCALED, KNATIVE, RAY, NODES, json.dumps(AWS), EPP, DYNAMO]))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        length = data.draw(st.integers(0, 12))
        word = data.draw(st.sampled_from([*YAML_WORDS, "Percent", "{{ .a }}"]))
        text = text[:start] + word + text[start + length :]
    path = tmp_path_factory.mktemp("any") / "manifest.yaml"
    path.write_text(text, encoding="utf-8")
    with contextlib.suppress(SimcostError):
        read_manifest(path)


@pytest.mark.parametrize(
    "name",
    [
        "hpa.yaml",
        "keda-scaledobject.yaml",
        "knative-service.yaml",
        "ray-serve.yaml",
        "karpenter-nodepool.yaml",
        "aws-target-tracking.json",
        "dynamo-planner.yaml",
        "epp-config.yaml",
    ],
)
def test_published_examples(shared: Path, name: str) -> None:
    manifest = read_manifest(shared / "data/manifests" / name)
    assert (manifest.policy or manifest.nodes or manifest.router) is not None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("vllm:num_requests_waiting", [("waiting", "sum", 0, 1)]),
        ('avg(vllm:gpu_cache_usage_perc{pod=~"a.*"})', [("kv_utilisation", "mean", 0, 1)]),
        ("max by (pod) (vllm:kv_cache_usage_perc) * 100", [("kv_utilisation", "mean", 0, 100)]),
        ("sum(rate(vllm:generation_tokens_total[2m])) / 60", [("output_tokens_per_s", "sum", 120, 1 / 60)]),
        (
            "sum(vllm:num_requests_running + vllm:num_requests_waiting)",
            [("running", "sum", 0, 1), ("waiting", "sum", 0, 1)],
        ),
        ("avg(DCGM_FI_DEV_GPU_UTIL)", [("busy_fraction", "mean", 0, 100)]),
        (
            "histogram_quantile(0.95, sum by (le) (rate(vllm:time_to_first_token_seconds_bucket[5m])))",
            [("ttft_p95_s", "mean", 300, 1)],
        ),
    ],
)
def test_known_queries(query: str, expected: list[Any]) -> None:
    found = [(one.name, one.over, one.window, pytest.approx(one.scale)) for one in parse_promql(query).source]
    assert found == expected


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("sum(http_requests_total)", "'http_requests_total' is not a metric known here"),
        ("vllm:num_request_waiting", "did you mean 'vllm:num_requests_waiting'"),
        ("rate(vllm:num_requests_waiting[1m])", "is a gauge; take it without"),
        ("sum(vllm:generation_tokens_total)", "is a counter; write rate"),
        ("rate(vllm:generation_tokens_total)", r"has no window: write rate\(...\[1m\]\)"),
        ("min_over_time(vllm:num_requests_waiting[5m])", r"min_over_time\(\) is not known"),
        ("vllm:num_requests_waiting > 5", "'> 5' is not understood; known are sum"),
        ("sum(vllm:num_requests_waiting", "the end"),
        ("", "ends too early"),
        ("sum() +", "expected a metric"),
        (
            "histogram_quantile(0.42, rate(vllm:time_to_first_token_seconds_bucket[5m]))",
            "this quantile is not known",
        ),
    ],
)
def test_other_queries_are_refused(query: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_promql(query)


@given(st.text(max_size=30))
def test_quantities_durations_and_queries_of_any_text(text: str) -> None:
    for parse in (quantity, go_duration, parse_promql):
        with contextlib.suppress(ValueError):
            parse(text)


@pytest.mark.parametrize("text", ["1e400", "1e308", "1e-320"])
def test_quantities_whose_products_are_infinite_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"'{text}' is too (large|near 0) for a number"):
        quantity(text)
