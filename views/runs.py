"""Runs of scenarios: where their results lie, what they were made of, and how they are started."""

import json
import os
import threading
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import streamlit as st

from simcost.errors import InputError
from simcost.scenario.files.edit import values
from views import background
from views.drafts import Draft

RUN = "run of a scenario"
JOBS = max(1, (os.cpu_count() or 1) - 1)  # one core stays with the page
STORE = ".runs"
"""Folder of all simulations: a price or a plan that changes asks for no run that is known."""
GIVEN = "given.json"
"""In a result: file, text and replications as the page had them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A draft and its replications; None = as the scenario says."""

    draft: Draft
    seeds: int | None

    def folder(self, results: Path) -> Path | None:
        """Folder of the result, there or to come; None where the text names no scenario."""
        name = values(self.draft.text).get("scenario")
        if not isinstance(name, str) or not name or name != Path(name).name or name.startswith("."):
            return None
        if self.draft.is_stored and self.seeds is None:
            return results / name
        return results / f"{name}-{sha256(f'{self.seeds} {self.draft.text}'.encode()).hexdigest()[:12]}"

    def finished(self, results: Path) -> Path | None:
        """The folder of the result, where there is one of exactly this."""
        folder = self.folder(results)
        if folder is None or not (folder / "result.json").is_file():
            return None
        origin = origin_of(folder)
        same = self.draft.digest in origin["inputs"].values()
        return folder if same and self.seeds in (None, origin["seeds"]) else None


@st.cache_resource
def one_at_a_time() -> threading.Lock:
    """Sessions share the machine: their runs wait for each other."""
    return threading.Lock()


def start(asked: Asked, results: Path, *, fresh: bool = False) -> None:
    """Run a draft in the background; a run of this session that goes on is given up."""
    before = background.works().get(RUN)
    if before is not None:
        before.cancelled.set()
    background.start(RUN, lambda tell: _run(asked, results, fresh, tell), one_at_a_time(), str(asked.folder(results)))


def _run(asked: Asked, results: Path, fresh: bool, tell: background.Progress) -> str:
    """Run it; the name of the folder of the result."""
    from simcost.scenario.runs.run import run

    loaded = asked.draft.load()
    folder = asked.folder(results)
    if folder is None:
        raise InputError("the scenario has no name; write `scenario: NAME`")
    _link_store(folder)
    run(loaded, folder, seeds=asked.seeds, jobs=JOBS, fresh=fresh, progress=tell)
    given = {"file": asked.draft.file.name, "text": asked.draft.text, "seeds": asked.seeds}
    (folder / GIVEN).write_text(json.dumps(given), encoding="utf-8")
    return folder.name


def store(results: Path) -> Path:
    """The folder of all simulations."""
    folder = results / STORE
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _link_store(folder: Path) -> None:
    """Let a new result share the simulations of the others; one that has its own keeps them."""
    store(folder.parent)
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "runs").exists():
        (folder / "runs").symlink_to(Path("..") / STORE, target_is_directory=True)


def finished(results: Path) -> dict[str, Path]:
    """Folders of finished results by their names, the latest first."""
    found = [folder for folder in results.glob("*") if (folder / "result.json").is_file()]
    found.sort(key=lambda folder: (folder / "result.json").stat().st_mtime, reverse=True)
    return {folder.name: folder for folder in found}


def given(folder: Path) -> dict[str, Any]:
    """File, text and replications of a result as the page had them; of a result of the command line nothing."""
    try:
        found = json.loads((folder / GIVEN).read_text(encoding="utf-8"))
        return found if isinstance(found.get("text"), str) and isinstance(found.get("file"), str) else {}
    except (OSError, ValueError, AttributeError):
        return {}


def origin_of(folder: Path) -> dict[str, Any]:
    """Inputs of a finished result: files with their SHA-256, replications."""
    try:
        found = json.loads((folder / "result.json").read_text(encoding="utf-8"))["provenance"]
        return {"inputs": dict(found["inputs"]), "seeds": found.get("seeds")}
    except (OSError, ValueError, LookupError, TypeError):
        return {"inputs": {}, "seeds": None}


def text_of(folder: Path) -> str:
    """The scenario of a result as it was given, else as it was resolved."""
    try:
        return str(given(folder).get("text") or (folder / "scenario.yaml").read_text(encoding="utf-8"))
    except OSError:
        return ""
