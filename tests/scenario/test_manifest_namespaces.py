"""Objects of a file that are not meant: those of another namespace, and those of a version that is not read."""

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
