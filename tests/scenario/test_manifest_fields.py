"""Fields of manifests that change decisions in ways that are easily passed over: annotations, states, statistics."""

from typing import Any

import pytest

from simcost.errors import FaultsError

RAY_SERVICE = """\
apiVersion: ray.io/v1
kind: RayService
metadata: {name: llm}
spec:
  rayClusterConfig: {rayVersion: 2.44.1}
  serveConfigV2: |
    applications:
      - name: chat
        deployments:
          - {name: Engine, %s}
"""


SCALED_OBJECT = """\
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: chat, annotations: {autoscaling.keda.sh/%s: %s}}
spec:
  scaleTargetRef: {name: chat}
  triggers:
    - {type: prometheus, metadata: {query: "sum(vllm:num_requests_waiting)", threshold: "5"}}
"""


@pytest.mark.parametrize("word", ['"1"', '"t"', '"T"', '"true"', '"True"', '"TRUE"', "true"])
def test_annotations_of_keda_are_true_in_the_words_of_go(read: Any, word: str) -> None:
    for name in ("paused", "paused-scale-in", "paused-scale-out", "force-activation"):
        assert getattr(read(SCALED_OBJECT % (name, word)).policy, name.replace("-", "_"))


@pytest.mark.parametrize("word", ['"0"', '"f"', '"F"', '"false"', '"False"', '"FALSE"', "false"])
def test_annotations_of_keda_are_false_in_the_words_of_go(read: Any, word: str) -> None:
    for name in ("paused", "paused-scale-in", "paused-scale-out", "force-activation"):
        assert not getattr(read(SCALED_OBJECT % (name, word)).policy, name.replace("-", "_"))


def test_any_other_word_pauses_and_is_told(read: Any) -> None:
    manifest = read(SCALED_OBJECT % ("paused", '"incident 4711"'))
    assert manifest.policy.paused
    assert any("'incident 4711'" in note for note in manifest.not_simulated)
    with pytest.raises(FaultsError, match="neither true nor false"):
        read(SCALED_OBJECT % ("force-activation", '"please"'))


def test_annotations_of_keda_that_are_none_of_its_are_told(read: Any) -> None:
    manifest = read(SCALED_OBJECT % ("paused-scale-down", '"true"'))
    assert manifest.policy == read(SCALED_OBJECT % ("paused", "false")).policy
    assert manifest.not_simulated == ("metadata.annotations.autoscaling.keda.sh/paused-scale-down",)


@pytest.mark.parametrize(
    ("deployment", "message"),
    [
        ("num_replicas: 3, autoscaling_config: {max_replicas: 4}", "num_replicas.* autoscaling_config"),
        ("autoscaling_config: {max_replicas: 4, initial_replicas: 9}", "9 is above max_replicas .4."),
        ("autoscaling_config: {min_replicas: 2, max_replicas: 4, initial_replicas: 1}", "1 is below min_replicas .2."),
    ],
)
def test_what_ray_refuses_is_refused(read: Any, deployment: str, message: str) -> None:
    with pytest.raises(FaultsError, match=message):
        read(RAY_SERVICE % deployment)


SCALABLE = '{"ServiceNamespace": "ecs", "ResourceId": "service/c/s", "MinCapacity": 0, "MaxCapacity": 40%s}'
PERCENT_STEPS = """{"ScalableTarget": %s,
 "ScalingPolicy": {"PolicyType": "StepScaling", "Alarm": {"MetricName": "queue",
 "Threshold": 1, "ComparisonOperator": "GreaterThanThreshold"}, "StepScalingPolicyConfiguration": {
 "AdjustmentType": "PercentChangeInCapacity", "StepAdjustments": [
 {"MetricIntervalLowerBound": 0, "ScalingAdjustment": %s}]}}}"""


def test_a_target_whose_scaling_is_suspended_is_told(read: Any) -> None:
    state = ', "SuspendedState": {"DynamicScalingInSuspended": %s, "DynamicScalingOutSuspended": false}'
    told = read(PERCENT_STEPS % (SCALABLE % state % "true", 50)).not_simulated
    assert [note for note in told if "SuspendedState.DynamicScalingInSuspended" in note]
    quiet = read(PERCENT_STEPS % (SCALABLE % state % "false", 50)).not_simulated
    assert not [note for note in quiet if "Suspended" in note]


def test_a_part_of_a_replica_is_no_adjustment(read: Any) -> None:
    with pytest.raises(FaultsError, match="whole number"):
        read(PERCENT_STEPS % (SCALABLE % "", 1.5))
    assert read(PERCENT_STEPS % (SCALABLE % "", -50)).policy.policies[0].steps[0].adjustment == -50


def test_the_statistic_of_an_alarm_is_told_wherever_it_stands(read: Any) -> None:
    template = """\
Resources:
  Target:
    Type: AWS::ApplicationAutoScaling::ScalableTarget
    Properties: {MinCapacity: 1, MaxCapacity: 4}
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
      MetricName: queue
      Statistic: %s
      Threshold: 1
      ComparisonOperator: GreaterThanThreshold
      AlarmActions: [{Ref: Policy}]
"""
    assert any("Maximum" in note for note in read(template % "Maximum").not_simulated)
    assert not any("Average" in note for note in read(template % "Average").not_simulated)


HPA = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: %s, namespace: %s}
spec:
  scaleTargetRef: {name: chat}
  maxReplicas: %d
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: %s}}}]
"""


def test_two_objects_of_one_name_are_told_apart_by_nobody(read: Any) -> None:
    same = HPA % ("chat", "a", 3, 70) + "---\n" + HPA % ("chat", "b", 9, 70)
    with pytest.raises(FaultsError, match=r"9:1: is called chat as another one of the file is"):
        read(same, name="chat")
    mixed = HPA % ("chat", "a", 3, 70) + "---\n" + SCALED_OBJECT % ("paused", "false")
    with pytest.raises(FaultsError, match=r"HorizontalPodAutoscaler and ScaledObject.*keep one"):
        read(mixed, name="chat")
    other = HPA % ("chat", "a", 3, 70) + "---\n" + HPA % ("search", "b", 9, 70)
    assert read(other, name="search").policy.max == 9


def test_a_utilization_is_whole_percent(read: Any) -> None:
    assert read(HPA % ("chat", "a", 3, 70)).policy.metrics[0].target == 70
    with pytest.raises(FaultsError, match=r"averageUtilization: '70\.5' is not a whole number"):
        read(HPA % ("chat", "a", 3, 70.5))
