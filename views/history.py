"""The page of finished results: which there are, one to open, two to compare."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st

from simcost.catalog import load_catalog
from simcost.documents import to_document
from simcost.errors import InputError, SimcostError
from simcost.present.format import attained, count, usd
from simcost.present.parts import Part
from simcost.scenario.files.edit import values
from simcost.scenario.storage.folders import check_result, stamp_of
from simcost.studies.differences import view
from simcost.studies.differences.sides import CostSide, cost_side
from simcost.studies.differences.study import difference
from simcost.studies.plans.key_figures import outcome, shown_plan
from simcost.units import plural
from views import background, drafts, runs
from views.changes import Change, changes, told
from views.result import body
from views.table import table
from views.text import headline, plain, same_command

MOST = 200
"""Results that are listed."""
_KEPT = "results that were not deleted"
UNREADABLE = "Results that another version of simcost has written, or that are damaged, are not listed"


def show(scenarios: Path, results: Path, plans: Any) -> None:
    """The page, from top to bottom."""
    st.title("History")
    st.caption(
        "Finished results on this machine. Select one to open it, two to compare the older one with the newer, or any "
        "number to delete (by keyboard: go to a row with the arrows, then Shift+Space)."
    )
    for line in st.session_state.pop(_KEPT, ()):
        st.error(plain(line))
    found = runs.finished(results)
    listed = {name: _row(folder, scenarios) for name, folder in list(found.items())[:MOST]}
    rows = [row for row in listed.values() if row]
    if len(found) > MOST:
        st.caption(f"The latest {MOST} of {count(len(found))} results.")
    if others := [name for name, row in listed.items() if not row]:
        st.warning(plain(f"{UNREADABLE}: {', '.join(others)}. Run their scenarios again on the page Plans."))
    if not rows:
        st.info("No result yet. Run a scenario on the page Plans.")
        return
    asked = [name for name in st.query_params.get("runs", "").split(",") if name]
    linked = [name for name in asked if name in found]
    key = f"history {st.session_state.get('deletions', 0)}"  # of other rows none is selected
    chosen = table(rows, "Finished results", key=key, selection="multi-row", on_select=_forget_address).selection.rows
    if not chosen and linked != asked:
        missing = ", ".join(name for name in asked if name not in found)
        st.warning(plain(f"Not on this machine: {missing}. Choose its scenario on the page Plans and run it."))
    names = [rows[i]["Result"] for i in sorted(chosen, reverse=True) if i < len(rows)] or linked  # the older one first
    if len(names) == 1:
        if st.button("Open", type="primary"):
            st.session_state.pop("opened", None)
            st.switch_page(plans, query_params={"result": names[0]})
    elif len(names) == 2:
        if st.query_params.get("runs") != ",".join(names):
            st.query_params["runs"] = ",".join(names)
        _compare(scenarios, *(found[name] for name in names))
    elif names:
        st.info("Select one or two, or several to delete.")
    if chosen:
        _deletion([found[name] for name in names])


def _deletion(folders: list[Path]) -> None:
    """Asks before the selected results are deleted."""
    names = ", ".join(f"{folder.parent.name}/{folder.name}" for folder in folders)
    with st.popover("Delete"):
        st.markdown(plain(f"Delete {names} for good? Simulations that results share stay."))
        if st.button(f"Delete {plural(len(folders), 'result')}", type="primary"):
            _delete(folders)


def _delete(folders: list[Path]) -> None:
    """Delete results and show the others, of which none is selected; what stays is named."""
    kept: list[str] = st.session_state.setdefault(_KEPT, [])
    for folder in folders:
        if background.goes_on(str(folder)):
            kept.append(f"{folder.name} is being run; cancel the run first.")
            continue
        try:
            runs.remove(folder)
        except InputError:
            kept.append(f"{folder.name} is being run by a command; wait until it ends.")
        except OSError as error:
            kept.append(f"{folder.name} could not be deleted: {error.strerror}.")
    _forget_address()
    st.session_state["deletions"] = st.session_state.get("deletions", 0) + 1
    st.rerun()


def _forget_address() -> None:
    """Drops the results that the address names: others are selected, or none."""
    st.query_params.pop("runs", None)


def _row(folder: Path, scenarios: Path) -> dict[str, str]:
    """One result; empty where it cannot be read."""
    try:
        moment = datetime.fromtimestamp((folder / "result.json").stat().st_mtime, UTC)
        figures = _figures(folder, stamp_of(folder, folder / "tables"))
        changed = told(_changes(folder, scenarios), most=1)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}
    return {
        "When (UTC)": f"{moment:%Y-%m-%d %H:%M}",
        "Scenario": figures["Scenario"],
        "Changes": changed,
        **figures,
        "Result": folder.name,
    }


@lru_cache(maxsize=2 * MOST)
def _figures(folder: Path, stamp: object) -> Mapping[str, str]:
    """Figures of a result, read again where a file of it has changed. Raises ValueError where one is damaged."""
    del stamp
    check_result(folder)
    document = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    plan = shown_plan(document)
    return {
        "Scenario": str(document["scenario"]),
        "Best plan": str(plan["name"]) if document["best"] else f"none: {_begun_small(outcome(document))}",
        "$/month": usd(plan["cost_usd"]["per_month"]),
        "Attainment": attained(plan["slo"]["attainment"], plan["slo"].get("target")),
        "Replications": count(document["replications"]),
    }


def _begun_small(text: str) -> str:
    return text[0].lower() + text[1:]


def _changes(folder: Path, scenarios: Path) -> tuple[Change, ...]:
    """Values of a result that are others than in the file of its scenario."""
    given = runs.given(folder)
    file = scenarios / Path(given.get("file", "")).name
    return changes(drafts.stored(file), given["text"]) if given and file.is_file() else ()


def _compare(scenarios: Path, before: Path, after: Path) -> None:
    """Bridge from the best plan of one result to that of the other, and the values in which their scenarios differ."""
    folders = (before, after)
    counts = [len(_changes(folder, scenarios)) for folder in folders]
    names = [
        f"{_scenario(folder)} with {plural(many, 'change')}" if many and counts[0] != counts[1] else folder.name
        for folder, many in zip(folders, counts, strict=True)
    ]
    try:
        sides = [_side(folder, name) for folder, name in zip(folders, names, strict=True)]
        document = difference(*sides, per_month=True)
    except SimcostError as error:
        st.error(plain(str(error).replace(f"{before.parent}/", "")))
        return
    with st.container(border=True):
        headline(to_document(document)["verdict"])
    found = changes(*(_resolved(folder) for folder in folders))
    rows = [{"Value": path, "Before": old, "After": new} for path, old, new in found[:MOST]]
    body([*view.parts(document), Part(title="Values of the scenarios that differ", rows=rows)])
    same_command(shlex.join(["simcost", "diff", *(f"{folder.parent.name}/{folder.name}" for folder in folders)]))


def _side(folder: Path, name: str) -> CostSide:
    """A result, named without the place where it lies."""
    side = cost_side(folder, None, load_catalog(), {})
    return replace(side, name=side.name.replace(str(folder), name))


def _scenario(folder: Path) -> str:
    return str(values(_resolved(folder)).get("scenario"))


def _resolved(folder: Path) -> str:
    """The text of the scenario with all values written out; empty where there is none."""
    try:
        return (folder / "scenario.yaml").read_text(encoding="utf-8")
    except OSError:
        return ""
