"""Runs of scenarios: where their results lie, what they were made of, and how they are started."""

import json
import os
import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import streamlit as st

from simcost import __version__
from simcost.errors import InputError
from simcost.outputs import new_draft
from simcost.present.format import count
from simcost.scenario.storage.engine_version import engine_version
from simcost.scenario.storage.folders import alone, stamp_of
from simcost.tables.digests import sha256_of
from views import background
from views.drafts import Draft
from views.loading import leave_alone

RUN = "run of a scenario"
JOBS = max(1, (os.cpu_count() or 1) - 1)  # one core stays with the page
KEPT_BYTES = 200_000_000
"""Stored simulations that stay in memory, so that another price reads none."""
STALE = "Shows the scenario before your last change"
OTHER_VERSION = "Of another version of simcost: press Run"
STORE = ".runs"
"""Folder of all simulations: a price or a plan that changes asks for no run that is known."""
QUICK_REQUESTS = 300_000
"""Simulated requests that need no preview: they take less than half a second."""
PREVIEWS, PREVIEWS_KEPT = ".previews", 20
"""Folder of results of one replication, shown while the others are simulated, and how many stay."""
GIVEN = "given.json"
"""In a result: file, text and replications as the page had them, and whether the text was that of the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A draft and its replications; None = as the scenario says."""

    draft: Draft
    seeds: int | None

    def folder(self, results: Path) -> Path | None:
        """Folder of the result, there or to come; None where the text names no scenario."""
        name = self.draft.values.get("scenario")
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
        return folder if not _outdated(origin, self.draft) and self.seeds in (None, origin["seeds"]) else None

    def former(self, results: Path) -> Path | None:
        """The folder of a result of this text by another version, or of files that have changed since."""
        folder = self.folder(results)
        found = folder is not None and (folder / "result.json").is_file()
        return folder if folder and found and outdated(folder, self.draft) not in ("", STALE) else None

    def preview(self, results: Path) -> Path | None:
        """The result of its first replication, where there is one."""
        return replace(self, seeds=1).finished(results / PREVIEWS)


@st.cache_resource
def one_at_a_time() -> threading.Lock:
    """Sessions share the machine: their runs wait for each other."""
    return threading.Lock()


def start(asked: Asked, results: Path, *, fresh: bool = False) -> background.Work | None:
    """Run a draft in the background, and give up a run of this session that goes on; the work, if it has ended."""
    background.leave(RUN)
    _give(asked, results)
    title, key = f"the run of {asked.draft.file.stem}", str(asked.folder(results))
    background.begin(RUN, lambda work: _run(asked, results, fresh, work), one_at_a_time(), title, key)
    return background.taken(RUN)


def _run(asked: Asked, results: Path, fresh: bool, work: background.Work) -> str:
    """Run it; the name of the folder of the result."""
    from simcost.scenario.storage.ledger_memory import MEMORY

    MEMORY.most_bytes = KEPT_BYTES
    question = _settled(asked)
    if not fresh and _takes_a_while(question, store(results)):
        _forget_previews(results / PREVIEWS)
        _write(replace(asked, seeds=1), asked.draft.loaded, results / PREVIEWS, store(results), work)
        leave_alone("the compiled simulator")
        work.announce()
    folder = _write(asked, question, results, store(results), work, fresh=fresh)
    leave_alone("the compiled simulator")
    return folder.name


def _write(asked: Asked, loaded: Any, results: Path, runs: Path, work: background.Work, *, fresh: bool = False) -> Path:
    """Write a result; its folder."""
    from simcost.scenario.runs.run import run

    folder = asked.folder(results)
    if folder is None:
        raise InputError("the scenario has no name; write `scenario: NAME`")
    _link_store(folder, runs)
    run(loaded, folder, seeds=asked.seeds, jobs=JOBS, fresh=fresh, progress=work)
    _write_given(asked, folder)
    return folder


def _give(asked: Asked, results: Path) -> None:
    """Write what a run is of before it ends, so that a reloaded page finds it; a result that is there keeps its own."""
    folder = asked.folder(results)
    if folder is not None and not (folder / "result.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        _write_given(asked, folder)


def _write_given(asked: Asked, folder: Path) -> None:
    draft = asked.draft
    given = {"file": draft.file.name, "text": draft.text, "seeds": asked.seeds, "stored": draft.is_stored}
    (folder / GIVEN).write_text(json.dumps(given), encoding="utf-8")


def _settled(asked: Asked) -> Any:
    """The scenario with its seeds and requests; as it was loaded where it has jobs, several services or a forecast."""
    from simcost.scenario.runs.resolve import settle
    from simcost.scenario.schema.loaded_scenario import LoadedScenario

    loaded = asked.draft.loaded
    if not isinstance(loaded, LoadedScenario) or not loaded.scenario.workload or loaded.scenario.jobs is not None:
        return loaded
    return settle(loaded, seed=None, seeds=asked.seeds)


def _takes_a_while(question: Any, runs: Path) -> bool:
    """True where several replications are simulated, so that the first is shown before the others have ended."""
    from simcost.scenario.runs.resolve import ResolvedScenario
    from simcost.scenario.runs.serving_runs import missing_runs

    if not isinstance(question, ResolvedScenario):
        return False
    if question.source is None or question.seeds == 1:
        return False
    return missing_runs(question, runs) * question.source.expected() > QUICK_REQUESTS


def _forget_previews(previews: Path) -> None:
    """Remove the oldest."""
    found = list(finished(previews).values())
    for folder in found[PREVIEWS_KEPT - 1 :]:
        shutil.rmtree(folder, ignore_errors=True)


def store(results: Path) -> Path:
    """The folder of all simulations."""
    folder = results / STORE
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _link_store(folder: Path, runs: Path) -> None:
    """Let a new result share the simulations of the others; one that has its own keeps them."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "runs").exists():
        (folder / "runs").symlink_to(os.path.relpath(runs, folder), target_is_directory=True)


def finished(results: Path) -> dict[str, Path]:
    """Folders of finished results by their names, the latest first."""
    found = [folder for folder in results.glob("*") if (folder / "result.json").is_file()]
    found.sort(key=lambda folder: (folder / "result.json").stat().st_mtime, reverse=True)
    return {folder.name: folder for folder in found}


def remove(folder: Path) -> None:
    """Delete a result; simulations that it shares with others stay.

    Raises:
        InputError: a run is at work in it, as one of the command line.
        OSError: it cannot be deleted.
    """
    if folder.is_symlink():
        folder.unlink()
        return
    draft = new_draft(folder.parent)
    with alone(folder, "run"):
        folder.replace(draft)  # a whole result, or none
    shutil.rmtree(draft)  # follows no link to the shared simulations


def given(folder: Path) -> dict[str, Any]:
    """File, text and replications of a result as the page had them; of a result of the command line nothing."""
    try:
        found = json.loads((folder / GIVEN).read_text(encoding="utf-8"))
        return found if isinstance(found.get("text"), str) and isinstance(found.get("file"), str) else {}
    except (OSError, ValueError, AttributeError):
        return {}


def begun(results: Path, name: str) -> dict[str, Any]:
    """File, text and replications of a run that began; nothing where there is none of this name."""
    return given(results / name) if name and name == Path(name).name else {}


def origin_of(folder: Path) -> dict[str, Any]:
    """Inputs of a finished result: files with their SHA-256, replications, and the versions that made it."""
    try:
        found = json.loads((folder / "result.json").read_text(encoding="utf-8"))["provenance"]
        made_by = (found.get("simcost_version"), found.get("engine_version"))
        return {"inputs": dict(found["inputs"]), "seeds": found.get("seeds"), "made by": made_by}
    except (OSError, ValueError, LookupError, TypeError):
        return {"inputs": {}, "seeds": None, "made by": None}


def outdated(folder: Path, draft: Draft) -> str:
    """Reason why a result is not what a run of the draft would give now; empty = it is, replications aside."""
    return _outdated(origin_of(folder), draft)


def _outdated(origin: Mapping[str, Any], draft: Draft) -> str:
    if draft.digest not in origin["inputs"].values():
        return STALE
    changed = changed_files(origin["inputs"], draft)
    if changed:
        return f"{changed[0]} has changed since" if len(changed) == 1 else f"{count(len(changed))} files have changed"
    return OTHER_VERSION if origin["made by"] != (__version__, engine_version()) else ""


def changed_files(inputs: Mapping[str, str], draft: Draft) -> list[str]:
    """Names of files that a result of a draft was read from, beside its text, and that are others now.

    Args:
        inputs: SHA-256 by path, as seen from where the result was run.
        draft: its file lies as far from the others as it did then.
    """
    scenario = next((Path(name) for name in inputs if Path(name).name == draft.file.name), None)
    changed = []
    for name, digest in inputs.items():
        place = Path(name) if scenario is None else draft.file.parent / os.path.relpath(name, scenario.parent)
        if digest != draft.digest and place.exists() and _digest(place, _stamp(place)) != digest:
            changed.append(place.name)
    return changed


@lru_cache(maxsize=1024)
def _digest(path: Path, stamp: object) -> str:
    del stamp  # another one is read again
    return sha256_of(path)


def _stamp(path: Path) -> object:
    """It differs once the file, or one of those in the folder, has changed."""
    if path.is_dir():
        return stamp_of(path)
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def text_of(folder: Path) -> str:
    """The scenario of a result as it was given, else as it was resolved."""
    try:
        return str(given(folder).get("text") or (folder / "scenario.yaml").read_text(encoding="utf-8"))
    except OSError:
        return ""
