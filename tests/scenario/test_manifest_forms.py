"""Manifests in the forms that teams have them in, and what is said of those that no form is known of."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.scenarios import SMALL, YAML_WORDS, write

from simcost.errors import FaultsError, InputError, SimcostError
from simcost.plan.autoscaling import AwsScaling, Fixed, Hpa, RayServe
from simcost.plan.autoscaling.keda import MetricTrigger
from simcost.scenario.checks.load import find_faults, load
from simcost.scenario.manifests import read_manifest
from simcost.scenario.manifests.aws import CapacityBounds
from simcost.scenario.runs.resolve import settle

ONE = SMALL[: SMALL.index("  - name: two")]
SCALING = "scaling: {kind: fixed, replicas: 1}"


def service(version: str, deployment: str) -> str:
    line = f"  rayClusterConfig: {{rayVersion: '{version}'}}\n" if version else ""
    return (
        "apiVersion: ray.io/v1\nkind: RayService\nmetadata: {name: llm}\nspec:\n  serveConfigV2: |\n"
        "    applications:\n      - name: chat\n        deployments:\n"
        f"          - {{name: Engine, {deployment}}}\n{line}"
    )


OLD = (
    "max_concurrent_queries: 64, autoscaling_config: "
    "{max_replicas: 10, target_num_ongoing_requests_per_replica: 32, upscale_smoothing_factor: 0.5}"
)
NEW = "max_ongoing_requests: 64, autoscaling_config: {max_replicas: 10, target_ongoing_requests: 32}"


@pytest.mark.parametrize(
    ("version", "deployment"),
    [("2.9.3", OLD), ("2.24.0", OLD), ("2.32.0", OLD), ("2.10.0", NEW), ("2.44.1", NEW), ("", NEW)],
)
def test_names_that_the_version_of_ray_reads(read: Any, version: str, deployment: str) -> None:
    manifest = read(service(version, deployment))
    assert (manifest.policy.target_ongoing_requests, manifest.admission.max_ongoing) == (32, 64)
    assert manifest.policy.upscaling_factor == (0.5 if deployment is OLD else 1.0)


@pytest.mark.parametrize(
    ("version", "deployment", "message"),
    [
        ("2.33.0", OLD, "max_concurrent_queries: is not known to Ray 2.33, .*write max_ongoing_requests"),
        ("", OLD, "requests_per_replica: is the name up to Ray 2.32, .*write target_ongoing_requests"),
        ("2.9.0", NEW, "max_ongoing_requests: is not known to Ray 2.9, .*write max_concurrent_queries"),
        ("2.20.0", f"{NEW}, max_concurrent_queries: 5", "appears together with max_ongoing_requests, its newer name"),
    ],
)
def test_names_that_it_passes_over_are_refused(read: Any, version: str, deployment: str, message: str) -> None:
    with pytest.raises(FaultsError, match=message):
        read(service(version, deployment))


def test_defaults_of_older_rays(read: Any) -> None:
    plain = "autoscaling_config: {max_replicas: 3}"
    old, new = (read(service(version, plain)) for version in ("2.9.0", "2.40.0"))
    assert (old.policy.target_ongoing_requests, old.admission.max_ongoing) == (1, 100)
    assert (new.policy.target_ongoing_requests, new.admission.max_ongoing) == (2, 5)


LLM = """\
applications:
- name: llm_app
  import_path: ray.serve.llm:build_openai_app
  args:
    llm_configs:
      - model_loading_config: {model_id: qwen-0.5b}
        deployment_config: {autoscaling_config: {min_replicas: 1, max_replicas: 2, target_ongoing_requests: 64}}
        engine_kwargs: {tensor_parallel_size: 2, pipeline_parallel_size: 2}
"""


def test_ray_serve_llm(read: Any) -> None:
    manifest = read(LLM)
    assert (manifest.name, manifest.gpus, manifest.admission.max_ongoing) == ("qwen-0.5b", 4, None)
    assert manifest.policy == RayServe(max=2, target_ongoing_requests=64)
    bare = "\n".join(line for line in LLM.splitlines() if "deployment_config" not in line)
    assert read(bare).policy == Fixed(replicas=1)
    with pytest.raises(FaultsError, match="0: is the name of a file or Python code, which is not read"):
        read("applications: [{name: a, args: {llm_configs: [./model.yaml]}}]\n")


PREDEFINED = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
TRACKING = {"TargetValue": 70.0, "ScaleInCooldown": 300, "PredefinedMetricSpecification": PREDEFINED}
POLICY = {
    "PolicyName": "p",
    "PolicyARN": "arn",
    "ResourceId": "endpoint/x",
    "Alarms": [],
    "CreationTime": "now",
    "PolicyType": "TargetTrackingScaling",
    "TargetTrackingScalingPolicyConfiguration": TRACKING,
}
TARGET = {"ResourceId": "endpoint/x", "MinCapacity": 1, "MaxCapacity": 4, "RoleARN": "arn"}
TEMPLATE = """\
AWSTemplateFormatVersion: "2010-09-09"
Parameters: {Most: {Type: Number, Default: 4}}
Resources:
  Target:
    Type: AWS::ApplicationAutoScaling::ScalableTarget
    Properties: {MinCapacity: 1, MaxCapacity: !Ref Most, ResourceId: !Sub "endpoint/${Name}"}
  Policy:
    Type: AWS::ApplicationAutoScaling::ScalingPolicy
    Properties:
      PolicyType: TargetTrackingScaling
      ScalingTargetId: !Ref Target
      TargetTrackingScalingPolicyConfiguration:
        TargetValue: 70.0
        PredefinedMetricSpecification: {PredefinedMetricType: SageMakerVariantInvocationsPerInstance}
  Bucket: {Type: AWS::S3::Bucket}
"""
STEPS = """\
  Policy:
    Type: AWS::ApplicationAutoScaling::ScalingPolicy
    Properties:
      PolicyType: StepScaling
      ScalingTargetId: {Ref: Target}
      StepScalingPolicyConfiguration:
        AdjustmentType: ChangeInCapacity
        StepAdjustments: [{MetricIntervalLowerBound: 0, ScalingAdjustment: 1}]
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Properties:
      MetricName: SageMakerVariantInvocationsPerInstance
      ComparisonOperator: GreaterThanThreshold
      Threshold: 50
      EvaluationPeriods: 2
      Period: 60
      AlarmActions: [{Ref: Policy}]
"""


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"ScalingPolicies": [POLICY], "ScalableTargets": [TARGET]}),
        json.dumps(
            {
                "ScalingPolicies": [POLICY, POLICY | {"ResourceId": "endpoint/y"}],
                "ScalableTargets": [TARGET | {"ResourceId": "endpoint/y"}, TARGET],
            }
        ),
        TEMPLATE,
    ],
)
def test_scaling_of_aws_in_its_forms(read: Any, text: str) -> None:
    name = "endpoint/x" if "endpoint/y" in text else None
    policy = read(text, name=name).policy
    assert isinstance(policy, AwsScaling)
    assert (policy.min, policy.max, policy.policies[0].target) == (1, 4, 70)


def test_step_scaling_takes_the_alarm_of_the_template(read: Any) -> None:
    [step] = read(TEMPLATE[: TEMPLATE.index("  Policy:")] + STEPS).policy.policies
    assert (step.threshold, step.comparison, step.periods) == (50, ">", 2)


@pytest.mark.parametrize("document", [TRACKING, POLICY, {"ScalingPolicies": [POLICY]}])
def test_policies_without_a_capacity_take_that_of_the_scenario(read: Any, tmp_path: Path, document: Any) -> None:
    with pytest.raises(FaultsError, match=r"1:1: does not state the capacity; write min and max next to `from:`"):
        read(json.dumps(document))
    assert read(json.dumps(document), bounds=CapacityBounds(1, 4)).policy.max == 4
    text = ONE.replace(SCALING, "scaling: {from: manifest.yaml, min: 1, max: 4}")
    [plan] = settle(load(write(tmp_path, text=text)), seed=None, seeds=None).plans
    assert isinstance(plan.pool.scaling, AwsScaling)


def test_bounds_stand_beside_no_others(read: Any, tmp_path: Path) -> None:
    read(f"{HPA}")
    text = ONE.replace(SCALING, "scaling: {from: manifest.yaml, min: 1, max: 4}")
    [fault] = find_faults(write(tmp_path, text=text))
    assert (
        "the HorizontalPodAutoscaler has bounds of its own; remove min and max, and change them in the file"
        in fault.message
    )


def test_metric_math_is_said(read: Any) -> None:
    custom = {
        "TargetValue": 7,
        "CustomizedMetricSpecification": {"Metrics": [{"Id": "m1", "Expression": "a/b"}]},
    }
    [unmapped] = read(json.dumps(custom), bounds=CapacityBounds(1, 4)).unmapped
    assert unmapped.fault.message.startswith("is metric math, which is not evaluated: 'm1' is not a metric")


HPA = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: chat}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: chat}
  maxReplicas: 3
  metrics:
    - {type: Pods, pods: {metric: {name: vllm_num_requests_running}, target: {type: AverageValue, averageValue: 4}}}
"""
EPP = """\
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins: [{type: queue-scorer}]
schedulingProfiles: [{name: default, plugins: [{pluginRef: queue-scorer}]}]
"""


def in_config_map(text: str) -> str:
    lines = "".join(f"    {line}\n" for line in text.splitlines())
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: epp}}\ndata:\n  plugins.yaml: |\n{lines}"


def test_a_config_inside_a_config_map(read: Any) -> None:
    assert read(in_config_map(EPP)).router == read(EPP).router
    with pytest.raises(FaultsError, match=r":8:.*'queue-scorerr' is not a scorer or picker known here"):
        read(in_config_map(EPP.replace("{type: queue-scorer}", "{name: queue-scorer, type: queue-scorerr}")))
    other = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app}\ndata: {kind: 'x', log.yaml: 'kind: [a'}\n"
    with pytest.raises(FaultsError, match="ConfigMap app is not a manifest known here"):
        read(other)


def test_the_name_of_one_object_is_no_profile_of_another(read: Any) -> None:
    manifest = read(f"{HPA}---\n{EPP}", name="chat")
    assert isinstance(manifest.policy, Hpa)
    assert manifest.router is not None
    with pytest.raises(FaultsError, match="holds the profiles default; choose one by its name"):
        read(EPP, name="prefill")


@pytest.mark.parametrize(
    ("kind", "instead"),
    [
        ("InferenceService", "kubectl get hpa,scaledobject,ksvc"),
        ("VLLMRuntime", "kubectl get scaledobject"),
        ("VariantAutoscaling", "kind: chain, first: {kind: wva"),
        ("Deployment", "give its autoscaler"),
        ("NIMService", "kubectl get hpa"),
        ("EC2NodeClass", "give the NodePool that names it"),
    ],
)
def test_what_to_give_in_place_of_what_others_scale(read: Any, kind: str, instead: str) -> None:
    with pytest.raises(FaultsError, match="is not a manifest known here") as caught:
        read(f"apiVersion: x/v1\nkind: {kind}\nmetadata: {{name: chat}}\nspec: {{}}\n")
    assert instead in str(caught.value)


def scaled(trigger: str) -> str:
    return (
        "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: chat}\nspec:\n"
        f"  scaleTargetRef: {{name: chat}}\n  minReplicaCount: 1\n  triggers:\n    - {trigger}\n"
    )


@pytest.mark.parametrize(("kind", "default"), [("kafka", 10), ("aws-sqs-queue", 5), ("redis", 5)])
def test_thresholds_that_keda_has_by_itself(read: Any, kind: str, default: float) -> None:
    [trigger] = read(scaled(f"{{type: {kind}, metadata: {{a: b}}}}")).policy.triggers
    assert trigger.threshold == default


def test_a_query_on_which_keda_fails(read: Any) -> None:
    manifest = read(scaled("{type: prometheus, metadata: {query: 'vllm:num_requests_waiting', threshold: '5'}}"))
    with pytest.raises(FaultsError, match=r"8:\d+: .*a series for each replica, and KEDA fails.*; write sum"):
        manifest.mapped()
    query = "sum(vllm:num_requests_waiting) or vector(0)"
    more = f"query: '{query}', threshold: '5', ignoreNullValues: 'false'"
    [trigger] = read(scaled(f"{{type: prometheus, metadata: {{{more}}}}}")).mapped().policy.triggers
    assert trigger.ignore_null


def test_cpu_of_a_scaled_object_is_read_of_the_pods_or_refused(read: Any, tmp_path: Path) -> None:
    manifest = read(scaled("{type: cpu, metricType: Utilization, metadata: {value: '70'}}"))
    with pytest.raises(FaultsError, match="'cpu' of the hosts is not simulated"):
        manifest.mapped()
    text = ONE.replace(SCALING, "scaling: {from: manifest.yaml, signals: {cpu: {from: busy_fraction}}}")
    [plan] = settle(load(write(tmp_path, text=text)), seed=None, seeds=None).plans
    assert plan.pool.scaling.by_replica() == {"cpu"}
    assert isinstance(plan.pool.scaling.triggers[0], MetricTrigger)


REMEDIES = {
    "aws-config.json": "write min and max next to",
    "aws-describe.json": "write min and max next to",
    "aws-ecs.json": "is metric math",
    "hpa-cpu.yaml": "'cpu' of the hosts",
    "hpa-tpot.yaml": "{from: next_itl_s}",
    "hpa-ttft.yaml": "{from: next_ttft_s}",
    "hpa-ttft-ext.yaml": "{from: ttft_p95_s, window: 60s}",
    "nodepool-cpuonly.yaml": "no instance type of the catalog meets them (eks.amazonaws.com/instance-family In m5)",
}
"""Of the inputs at hand those that are refused, with the remedy."""


def test_the_inputs_at_hand_are_read_or_refused_with_a_remedy_that_fits(shared: Path) -> None:
    folder = shared / "cases" / "manifests"
    if not folder.is_dir():
        pytest.skip(f"no cases at {folder}")
    for path in sorted(one for one in folder.iterdir() if not one.name.startswith("sc-")):
        said = ""
        with suppress(InputError):
            read_manifest(path).mapped()
            said = "read"
        assert (said == "read") is (path.name not in REMEDIES), path.name
    for name, remedy in REMEDIES.items():
        with pytest.raises(InputError) as caught:
            read_manifest(folder / name).mapped()
        assert remedy in str(caught.value)
    assert "of the pool" not in str(find_faults(folder / "sc-epphpa.yaml"))
    assert "would never scale" in str(find_faults(folder / "sc-ttft.yaml"))
    assert "allows no g6e.xlarge, but p5.48xlarge" in str(find_faults(folder / "sc-np9.yaml"))
    assert find_faults(folder / "sc-ttftext.yaml") == []


WORDS = [*YAML_WORDS, "!Ref ", "Fn::Sub", "or vector(0)"]


@given(data=st.data())
def test_no_change_of_a_form_ends_in_anything_but_an_answer_or_faults(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    steps = TEMPLATE[: TEMPLATE.index("  Policy:")] + STEPS
    query = "sum by (model_name) (vllm:num_requests_waiting) or on() vector(0)"
    answer = json.dumps({"ScalingPolicies": [POLICY]})
    forms = [
        TEMPLATE,
        steps,
        LLM,
        service("2.24.0", OLD),
        in_config_map(EPP),
        answer,
        scaled(f"{{type: prometheus, metadata: {{query: '{query}', threshold: '5'}}}}"),
    ]
    text = data.draw(st.sampled_from(forms))
    for _ in range(data.draw(st.integers(1, 3))):
        start, length = data.draw(st.integers(0, len(text))), data.draw(st.integers(0, 12))
        text = text[:start] + data.draw(st.sampled_from(WORDS)) + text[start + length :]
    path = tmp_path_factory.mktemp("any") / "manifest.yaml"
    path.write_text(text, encoding="utf-8")
    with suppress(SimcostError):
        read_manifest(path, bounds=CapacityBounds(1, 4))


EXPRESSIONS = [
    "{{ message['content'] }}",
    "{{- bos_token }}",
    "{{ $labels.pod }}",
    "{{ .password }}",
    "{{ raise_it() }}",
]
HELM = ["{{ .Values.max }}", "{{- $.Values.max }}", "{{ .Release.Name | quote }}", '{{ include "a.b" . }}']
STRINGS = {
    "block": "  text: |\n    first\n    {} last\n\n    {}\n",
    "folded": "  text: >-\n    {} last\n",
    "single": "  text: 'say {}'\n".replace("'content'", "''content''"),
    "double": '  text: "{{"\n  more: "say {}"\n',
    "several lines": '  text: "say\n    {} on"\n',
    "plain": "  text: Pod {} is down\n",
}
STRUCTURE = ["  text: {}\n", "  {}: 1\n", "  a: 1\n  {}\n", "  - {}\n"]


def beside_hpa(written: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata:\n{written}---\n{HPA}"


@pytest.mark.parametrize("place", STRINGS.values(), ids=STRINGS)
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_template_of_another_engine_in_a_string_is_text(read: Any, place: str, expression: str) -> None:
    written = place.replace("{}", expression.replace("'", "''") if "'say" in place else expression)
    assert isinstance(read(beside_hpa(written)).policy, Hpa)


@pytest.mark.parametrize("place", [*STRINGS.values(), *STRUCTURE])
@pytest.mark.parametrize("expression", HELM)
def test_names_of_helm_are_a_template_wherever_they_stand(read: Any, place: str, expression: str) -> None:
    if place == STRINGS["double"] or place == STRINGS["several lines"]:
        expression = expression.replace('"', '\\"')
    with pytest.raises(FaultsError, match="render it first"):
        read(beside_hpa(place.replace("{}", expression)))
    assert isinstance(read(beside_hpa(f"  # {expression}\n  a: b  # {expression}\n")).policy, Hpa)


@pytest.mark.parametrize("place", STRUCTURE)
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_template_in_place_of_yaml_must_be_rendered(read: Any, place: str, expression: str) -> None:
    with pytest.raises(FaultsError, match="render it first"):
        read(beside_hpa(place.replace("{}", expression)))


def config(plugins: str, profile: str | None) -> str:
    head = f"apiVersion: inference.networking.x-k8s.io/v1alpha1\nkind: EndpointPickerConfig\nplugins: [{plugins}]\n"
    return head if profile is None else f"{head}schedulingProfiles: [{{name: default, plugins: [{profile}]}}]\n"


@pytest.mark.parametrize(
    "other", ["tokenizer", "decode-filter", "context-length-aware", "token-producer", "own-filter"]
)
def test_plugins_of_a_profile_that_score_nothing_here_are_listed(read: Any, other: str) -> None:
    listed = f"{{type: queue-scorer}}, {{type: {other}, parameters: {{a: 1}}}}"
    manifest = read(config(listed, f"{{pluginRef: queue-scorer}}, {{pluginRef: {other}}}"))
    assert [scorer.scorer.kind for scorer in manifest.router.scorers] == ["queue"]
    assert manifest.not_simulated == (f"plugin {other}",)


@pytest.mark.parametrize("other", ["disagg-profile-handler", "prefix-based-pd-decider", "endpoint-notification-source"])
def test_plugins_that_stand_in_no_profile_are_not_missed_there(read: Any, other: str) -> None:
    listed = f"{{type: queue-scorer}}, {{type: {other}}}, {{type: latency-scorer}}"
    manifest = read(config(listed, "{pluginRef: queue-scorer}"))
    assert set(manifest.not_simulated) == {f"plugin {other}", "plugin latency-scorer: not in the profile"}


@pytest.mark.parametrize(
    ("older", "newer"),
    [("kv-cache-scorer", "kv-cache-utilization-scorer"), ("prefix-cache", "prefix-cache-scorer")],
)
def test_older_names_of_plugins(read: Any, older: str, newer: str) -> None:
    made = [
        read(config(f"{{type: {one}}}, {{type: {pick}}}", f"{{pluginRef: {one}, weight: 3}}, {{pluginRef: {pick}}}"))
        for one, pick in ((older, "max-score"), (newer, "max-score-picker"))
    ]
    assert made[0].router == made[1].router


def test_without_profiles_all_plugins_are_one_with_weight_1(read: Any) -> None:
    listed = "{type: queue-scorer}, {type: kv-cache-utilization-scorer}, {type: single-profile-handler}"
    manifest = read(config(listed, None))
    assert [(one.scorer.kind, one.weight) for one in manifest.router.scorers] == [
        ("queue", 1),
        ("kv-cache-utilization", 1),
    ]
    assert manifest.not_simulated == ()


@pytest.mark.parametrize(
    ("parameters", "tokens"),
    [
        ("{blockSizeTokens: 32, blockSize: 64}", 32),
        ("{blockSize: 64}", 16),
        ("{hashBlockSize: 5}", 1),
        ("{tokenProcessorConfig: {blockSize: 64}}", 64),
        ("{indexerConfig: {tokenProcessorConfig: {blockSize: 48}}}", 48),
    ],
)
def test_a_block_is_in_tokens_whatever_its_version_says(read: Any, parameters: str, tokens: int) -> None:
    listed = f"{{type: prefix-cache-scorer, parameters: {parameters}}}"
    [scorer] = read(config(listed, "{pluginRef: prefix-cache-scorer}")).router.scorers
    assert scorer.scorer.block_tokens == tokens


def test_a_weight_of_0_and_no_scorer_at_all(read: Any) -> None:
    both = "{type: queue-scorer}, {type: load-aware-scorer}, {type: decode-filter}, {type: max-score-picker}"
    router = read(config(both, "{pluginRef: queue-scorer, weight: 0}, {pluginRef: load-aware-scorer}")).router
    assert [one.scorer.kind for one in router.scorers] == ["load-aware"]
    none = read(config(both, "{pluginRef: decode-filter}, {pluginRef: max-score-picker}"))
    assert none.router.picker == "random"
    assert "no scorer: any replica, at random" in none.not_simulated
    without_end = "saturationDetector: {queueDepthThreshold: 999999999}\n"
    assert read(config(both, "{pluginRef: load-aware-scorer}") + without_end).admission.saturation.queue == 1_000_000


def test_a_pod_autoscaler_of_aibrix_is_not_one_of_knative(read: Any) -> None:
    text = "apiVersion: autoscaling.aibrix.ai/v1alpha1\nkind: PodAutoscaler\nmetadata: {name: a}\n"
    with pytest.raises(FaultsError, match="known here; AIBrix makes an HPA") as caught:
        read(text)
    assert "did you mean" not in str(caught.value)
    assert isinstance(read(f"{text}---\n{HPA}").policy, Hpa)
