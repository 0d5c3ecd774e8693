"""Objects of a file that are not meant, of another namespace or an older version; fields that are not known."""

from pathlib import Path
from typing import Any

import pytest

from simcost.errors import FaultsError
from simcost.scenario.manifests import read_manifest

OLD = (
    "apiVersion: autoscaling/v2beta2\nkind: HorizontalPodAutoscaler\nmetadata: {name: other}\nspec: {maxReplicas: 3}\n"
)


def hpa(namespace: str, most: int) -> str:
    target = "{type: AverageValue, averageValue: 5}"
    return (
        f"apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {{name: chat, namespace: {namespace}}}\n"
        f"spec:\n  maxReplicas: {most}\n  metrics: [{{type: Pods, pods: {{metric: {{name: q}}, target: {target}}}}}]\n"
    )


def read(folder: Path, *documents: str, name: str | None = None) -> Any:
    path = folder / "manifest.yaml"
    path.write_text("---\n".join(documents))
    return read_manifest(path, name=name)


def test_a_namespace_before_the_name_tells_two_objects_apart(tmp_path: Path) -> None:
    both = hpa("blue", 4), hpa("green", 7)
    assert read(tmp_path, *both, name="green/chat").policy.max == 7
    assert read(tmp_path, *both, name="blue/chat").policy.max == 4
    with pytest.raises(FaultsError, match="write blue/chat or green/chat"):
        read(tmp_path, *both, name="chat")
    with pytest.raises(FaultsError, match=r"one of several: HorizontalPodAutoscaler blue/chat, Hor.* green/chat"):
        read(tmp_path, *both)


def test_an_old_version_of_an_object_that_is_not_meant_is_passed_over(tmp_path: Path) -> None:
    manifest = read(tmp_path, hpa("blue", 4), OLD, name="chat")
    assert manifest.policy.max == 4
    assert "HorizontalPodAutoscaler other" in manifest.not_simulated
    for name in (None, "other", "absent"):
        with pytest.raises(FaultsError, match="v2beta2 was removed"):
            read(tmp_path, hpa("blue", 4), OLD, name=name)


def test_a_misspelt_field_is_listed_with_the_one_that_was_meant(tmp_path: Path) -> None:
    text = hpa("blue", 4).replace("maxReplicas: 4", "maxReplicas: 4\n  minReplica: 3\n  behavior: {scaledown: {}}")
    listed = read(tmp_path, text.replace("name: chat", "name: chat, labels: {a: b}")).not_simulated
    assert "spec.minReplica (did you mean minReplicas?)" in listed
    assert "spec.behavior.scaledown (did you mean scaleDown?)" in listed
    assert "metadata.labels" in listed
