"""Manifests that tests write."""

from pathlib import Path
from typing import Any

import pytest

from simcost.scenario.manifests import Manifest, read_manifest


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def read(text: str, **more: Any) -> Manifest:
        path = tmp_path / "manifest.yaml"
        path.write_text(text, encoding="utf-8")
        return read_manifest(path, **more)

    return read
