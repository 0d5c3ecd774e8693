"""The page of plans: a finished result first, levers and the text of its scenario to change it."""

from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from simcost.errors import Fault
from simcost.present.format import count
from views import background, drafts, editor, levers, result, runs
from views.runs import RUN, Asked
from views.text import plain

SAMPLE = "quickstart"
"""The scenario whose result the page opens on; it is run once, unasked."""
PREVIEW = "Preview: one replication, no interval yet"
FOREIGN = "Its scenario is not among those on the left"


def show(scenarios: Path, results: Path, log: Any) -> None:
    """The page, from top to bottom.

    Args:
        scenarios: folder of scenario files.
        results: folder of results.
        log: the page that takes a log.
    """
    ended = background.taken(RUN)
    files = drafts.listed(scenarios)
    if not files:
        st.error(plain(f"No scenario in {scenarios}; put a YAML file there."))
        st.page_link(log, label="Or begin with your own log")
        return
    _open_address(files, results)
    with st.sidebar:
        draft = _chosen(files, log)
        faults = draft.faults()
        levers.show(draft, _changed)
        slot = st.container()
        asked, fresh = _options(draft)
        shown = asked.finished(results) if not faults else None
        if not faults and shown is None and RUN not in background.works():
            background.attach(RUN, str(asked.folder(results)))
        pressed = _run_button(slot, faults) or (st.session_state.pop("again", False) and not faults)
    due = st.session_state.pop("due", False) and shown is None
    if pressed or due:
        _leave_address()
    named = _named(asked, results)
    if not faults and (pressed or due or _is_first_sample(draft, shown, results)):
        ended = runs.start(asked, results, fresh=fresh)
        folder = asked.folder(results)
        st.session_state["begun"] = folder.name if folder else ""
        if ended is None:
            st.rerun()  # the button waits for it, and its progress is shown
        shown = asked.finished(results)
    if ended is not None and shown is None and (folder := asked.folder(results)) and folder.name == ended.result:
        st.query_params["result"] = folder.name  # its file was edited meanwhile: it shows as that of the text before
    with st.container():  # what follows it keeps its place, and the editor its focus
        _show_faults(faults, draft.text)
        if draft.values.get("sweep") is not None:
            from simcost.scenario.runs.provenance import UNSWEPT

            st.info(plain(UNSWEPT))
        _status(ended, slot)
    preview = asked.preview(results) if not faults and RUN in background.works() else None
    former = None if faults or preview else asked.former(results)
    _result(named or shown or former, None if named else preview, draft, faults, results)
    if RUN in background.works() and st.session_state.get("begun"):
        st.query_params["run"] = st.session_state["begun"]
    else:
        st.query_params.pop("run", None)


def _changed() -> None:
    """A lever was moved: its result is due, unless runs wait for the button."""
    st.session_state["due"] = st.session_state.get("live", True)


def _open_address(files: list[Path], results: Path) -> None:
    """Take over what the address names, once: scenario, text and replications of its result, or of a run that began."""
    name = st.query_params.get("result") or st.session_state.get("named", "")  # other pages have another address
    if st.session_state.get("opened") == name and "scenario" in st.session_state:
        return
    st.session_state["opened"] = name
    begun = runs.begun(results, st.query_params.get("run", ""))
    folder = None if begun else runs.finished(results).get(name)
    _leave_address()
    if begun:
        st.session_state["begun"] = st.query_params["run"]
    elif name:
        st.session_state["named" if folder else "missing"] = name
    found = begun or (runs.given(folder) if folder else {})
    inputs = {Path(one).name for one in runs.origin_of(folder)["inputs"]} if folder else set()
    file = next((one for one in files if one.name == found.get("file")), None)
    file = file or next((one for one in files if one.name in inputs), None)
    st.session_state["foreign"] = folder is not None and file is None
    if file is not None:
        st.session_state["scenario"] = file
        edited = begun.get("stored")  # on disk, while the run goes on: its result says that it is of the text before
        if found and found["text"] != drafts.draft(file).text and not edited:
            drafts.write(file, found["text"])
        st.session_state["seeds"] = found.get("seeds") or 0
    elif st.session_state.get("looked at") in files:  # the widget's own state ends with a change of the page
        st.session_state["scenario"] = st.session_state["looked at"]
    elif st.session_state.get("scenario") not in files:
        wanted = [*(one for one in files if one.stem == SAMPLE), *files]
        st.session_state["scenario"] = next((one for one in wanted if not drafts.draft(one).faults()), wanted[0])


def _leave_address() -> None:
    """Something else is asked for than what the address named."""
    for key in ("named", "named for", "missing", "foreign"):
        st.session_state.pop(key, None)


def _named(asked: Asked, results: Path) -> Path | None:
    """The result that the address names, until its text, its replications or the scenario are changed.

    It may have other replications than another result of the same text, or a text that its file no longer has.
    """
    name = st.session_state.get("named")
    if name is None:
        return None
    seen = (asked.draft.file, asked.draft.text, asked.seeds)
    if st.session_state.setdefault("named for", seen) != seen:
        _leave_address()
        return None
    return runs.finished(results).get(name)


def _chosen(files: list[Path], log: Any) -> drafts.Draft:
    """The scenario that is looked at; its text may come from a file of the user's own."""
    st.session_state["scenario"] = st.session_state["scenario"]  # told each time, as `_Levers` do: the first otherwise
    file: Path = st.selectbox("Scenario", files, format_func=drafts.titled, key="scenario", on_change=_forget)
    st.session_state["looked at"] = file
    with st.popover("Your own", width="stretch"):
        st.page_link(log, label="Begin with a log of requests")
        st.file_uploader(
            "Or upload a scenario", type=["yaml", "yml"], key="upload", on_change=_take_upload, args=(file,)
        )
        if not drafts.draft(file).is_stored:
            st.button("Back to the text of the file", on_click=drafts.write, args=(file, drafts.stored(file)))
    return drafts.draft(file)


def _forget() -> None:
    """Another scenario is looked at: the address no longer names what is shown."""
    st.query_params.pop("result", None)
    st.session_state["opened"] = ""
    _leave_address()


def _take_upload(file: Path) -> None:
    """Put an uploaded text into the draft."""
    upload = st.session_state["upload"]
    if upload is None:
        return
    try:
        text = upload.getvalue().decode("utf-8-sig")
    except UnicodeDecodeError:
        st.error(plain(f"{upload.name} is not UTF-8 text; save it as UTF-8 and upload it again."))
        return
    if len(text) > drafts.LONGEST:
        st.error(
            plain(
                f"{upload.name} has {count(len(text))} characters, more than {count(drafts.LONGEST)}; put "
                "the rest into files."
            )
        )
        return
    drafts.write(file, text)


def _options(draft: drafts.Draft) -> tuple[Asked, bool]:
    """Replications, and how known results are taken."""
    st.session_state["seeds"] = st.session_state.get("seeds", 0)  # told each time too
    with st.expander("Run options"):
        seeds = int(st.number_input("Replications (0: as the scenario says)", 0, 100, key="seeds")) or None
        fresh = st.checkbox("Run again even if the result is known")
        st.toggle("Run after each lever", value=True, key="live")
    return Asked(draft=draft, seeds=seeds), fresh


def _run_button(slot: Any, faults: list[Fault]) -> bool:
    """The button; while a run goes on, its progress stands below."""
    busy = RUN in background.works()
    why = "The scenario has faults." if faults else None
    pressed: bool = slot.button("Run", type="primary", disabled=busy or bool(faults), width="stretch", help=why)
    return pressed


def _is_first_sample(draft: drafts.Draft, shown: Path | None, results: Path) -> bool:
    """True where the sample has no result yet, and nobody has asked for anything else."""
    if draft.file.stem != SAMPLE or not draft.is_stored or shown or st.session_state.get("sampled"):
        return False
    st.session_state["sampled"] = True
    return RUN not in background.works() and not runs.finished(results).get(st.query_params.get("result", ""))


def _show_faults(faults: list[Fault], text: str) -> None:
    """Each fault with its line."""
    lines = text.splitlines()
    for fault in faults:
        place = f"Line {fault.line}, column {fault.column}" if fault.line else "Scenario"
        where = f"{place}: {fault.path}" if fault.path else place
        st.error(plain(f"{where}: {fault.message}"))
        if 0 < fault.line <= len(lines):
            st.code(f"{fault.line:>4} | {lines[fault.line - 1]}", language=None)


def _status(ended: background.Work | None, slot: Any) -> None:
    """Progress below the button, and the outcome of a run that gave no result."""
    if RUN in background.works():
        with slot:
            background.watch(RUN)
    elif ended is not None and ended.error:
        st.error(plain(ended.error))
    elif ended is not None and not ended.result:
        slot.info("Cancelled; runs that had ended are kept.")


def _result(shown: Path | None, preview: Path | None, draft: drafts.Draft, faults: list[Fault], results: Path) -> None:
    """The result of the address or of the draft, its preview, or the last one, with a badge that says so."""
    last = runs.finished(results).get(st.query_params.get("result", ""))
    folder = shown or preview or last
    missing = st.session_state.get("missing") or (folder is None and st.query_params.get("result"))
    if missing:
        shows = "" if folder is None else f" Below is {folder.name}."
        st.warning(plain(f"The result {missing} is not on this machine. Choose its scenario and run it.{shows}"))
    if folder is None:
        busy = RUN in background.works()
        st.title("Plans")
        todo = "Correct the faults above, then press Run." if faults else "Press Run."
        st.info("The result appears here when the run ends." if busy else f"This scenario has no result yet. {todo}")
        st.fragment(editor.show)(draft, faults)
        return
    if folder != preview:
        if st.query_params.get("result") != folder.name:
            st.query_params["result"] = folder.name
        st.session_state["opened"] = folder.name
    foreign, text = bool(st.session_state.get("foreign")), runs.text_of(folder)
    edited = partial(_only_text, text) if foreign else partial(editor.show, draft, faults)
    outdated = runs.outdated(folder, draft) or ("" if shown else runs.STALE)
    sample = "Sample" if draft.file.stem == SAMPLE and draft.is_stored else ""
    badge = PREVIEW if folder == preview else FOREIGN if foreign else outdated or sample
    again = None if foreign else _again
    result.show(folder, text, runs.given(folder).get("seeds"), badge=badge, editor=edited, again=again)


def _again() -> None:
    """The result that is shown cannot be read: run its scenario as if its button were pressed."""
    st.session_state["again"] = True


def _only_text(text: str, *, is_open: bool) -> None:
    """The scenario of a result that is of none of the files."""
    if is_open:
        st.code(text, language="yaml")
