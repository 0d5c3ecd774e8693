"""Drafts of killed processes are forgotten after a day, those of running ones are left alone."""

import os
from pathlib import Path
from time import time

from simcost.scenario.storage.folders import whole_folder


def test_only_old_drafts_are_removed(tmp_path: Path) -> None:
    old, young = tmp_path / ".draft-old", tmp_path / ".draft-young"
    for draft in (old, young):
        draft.mkdir()
        (draft / "half").write_text("written")
    os.utime(old, (time() - 90_000, time() - 90_000))
    with whole_folder(tmp_path / "run") as new:
        (new / "whole").write_text("written")
    assert (tmp_path / "run" / "whole").exists()
    assert young.exists()
    assert not old.exists()
