"""The explorer: choose or edit a scenario, run it, look at the result; forecast demand; ask about training, autoscaling
and money.
Start it with `streamlit run app.py`.

Scenarios are read from `scenarios/` and results written to `results/`, both beside this file, or in the folder
that the environment variable SIMCOST_HOME names.
"""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import streamlit as st

from simcost.errors import Fault, SimcostError
from simcost.studies.plans import sections
from views import ask, autoscaling, background, forecast, money, training
from views.result import show
from views.text import plain

HOME = Path(os.environ.get("SIMCOST_HOME", Path(__file__).parent)).resolve()
SCENARIOS, RESULTS = HOME / "scenarios", HOME / "results"
RUN = "run of a scenario"
LONGEST = 200_000  # characters of a scenario
QUESTIONS = {"Training": training.QUESTIONS, "Autoscaling": autoscaling.QUESTIONS, "Money": money.QUESTIONS}
JOBS = max(1, (os.cpu_count() or 1) - 1)  # one core stays with the page


def main() -> None:
    """A page for each kind of question."""
    st.set_page_config(page_title="simcost", layout="wide")
    pages = [
        st.Page(compare, title="Compare plans", default=True),
        st.Page(demand, title="Forecast demand", url_path="forecast"),
    ]
    pages += [st.Page(partial(questions, title), title=title, url_path=title.lower()) for title in QUESTIONS]
    st.navigation(pages, position="top").run()


def demand() -> None:
    """The page of forecasts."""
    forecast.show(SCENARIOS, one_at_a_time())


def questions(title: str) -> None:
    """A page of questions."""
    ask.show(title, QUESTIONS[title], SCENARIOS, RESULTS, one_at_a_time())


def compare() -> None:
    """The page of scenarios, from top to bottom."""
    st.title("simcost")
    st.caption(
        "What an AI workload would cost, and the latency its users would see, on hardware you have not bought yet."
    )
    finished = background.taken(RUN)
    if finished is not None and finished.result:
        st.query_params["result"] = finished.result
    with st.sidebar:
        file = choose()
        seeds = int(st.number_input("Replications (0: as the scenario says)", 0, 100, 0)) or None
        fresh = st.checkbox("Run again even if the result is known")
        button = st.empty()
    text = edit(file)
    faults = check(file, text) if text.strip() else [Fault(file=file.name, message="nothing to run")]
    show_faults(faults, text)
    busy = RUN in background.works()
    if button.button("Run", type="primary", disabled=busy or bool(faults), width="stretch"):
        background.start(RUN, partial(run, file, text, seeds, fresh), one_at_a_time())
    if RUN in background.works():
        background.watch(RUN)
    if finished is not None and finished.error:
        st.error(plain(finished.error))
    elif finished is not None and not finished.result:
        st.info("Cancelled; runs that had ended are kept.")
    look(remembered(), file, text, seeds)


def look(folder: Path | None, file: Path, text: str, seeds: int | None) -> None:
    """The last result, with a warning where it is not that of the scenario above."""
    if folder is None:
        if RUN not in background.works():
            st.info("Choose a scenario and run it.")
        return
    origin = origin_of(folder)
    if digest(text, file) not in origin["inputs"].values() or (seeds and seeds != origin.get("seeds")):
        st.warning(
            plain(f"This result, {folder.name}, is not of the scenario above as it stands; press Run for its own.")
        )
    show(folder)


def origin_of(folder: Path) -> dict[str, Any]:
    """Inputs of a finished result: files with their SHA-256, replications."""
    try:
        found = json.loads((folder / "result.json").read_text(encoding="utf-8"))["provenance"]
        return {"inputs": dict(found["inputs"]), "seeds": found.get("seeds")}
    except (OSError, ValueError, LookupError, TypeError):
        return {"inputs": {}, "seeds": None}


def first_shown(files: list[Path]) -> int:
    """The scenario to open on: that of the result in the address, the quickstart, or any other, if it can run."""
    folder = remembered()
    made_of = {Path(name).name for name in origin_of(folder)["inputs"]} if folder else set()
    wanted = [
        *(file for file in files if file.name in made_of),
        *(file for file in files if file.stem == "quickstart"),
    ]
    return files.index(next((file for file in [*wanted, *files] if not check(file, stored(file))), files[0]))


def choose() -> Path:
    """The file of a scenario; its text, or that of an uploaded file, goes into its editor."""
    files = sorted(SCENARIOS.glob("[!.]*.yaml"))
    if not files:
        st.error(plain(f"No scenario in {SCENARIOS}; put a YAML file there."))
        st.stop()
    if "scenario" not in st.session_state:
        st.session_state["scenario"] = files[first_shown(files)]
    file: Path = st.selectbox("Scenario", files, format_func=titled, key="scenario")
    key = editor(file)
    if key not in st.session_state:
        st.session_state[key] = stored(file)
    st.file_uploader("Or your own", type=["yaml", "yml"], key="upload", on_change=take_upload, args=(key,))
    return file


def titled(file: Path) -> str:
    """The name of a scenario; one that lacks a file which a command gets is said to."""
    from simcost.scenario.checks.downloads import missing_downloads

    return f"{file.stem} (needs a download)" if missing_downloads(file) else file.stem


def editor(file: Path) -> str:
    """The key of a scenario's editor."""
    return f"text of {file.name}"


def edit(file: Path) -> str:
    """The text of the scenario, which the user may edit or paste over."""
    with st.expander("Scenario", expanded="result" not in st.query_params):
        st.html("<style>textarea { font-family: monospace !important; }</style>")
        text: str = st.text_area("YAML: edit it or paste your own", key=editor(file), height=420, max_chars=LONGEST)
    return text


def take_upload(key: str) -> None:
    """Put an uploaded file into the editor."""
    upload = st.session_state["upload"]
    if upload is not None:
        try:
            st.session_state[key] = upload.getvalue().decode("utf-8-sig")[:LONGEST]
        except UnicodeDecodeError:
            st.error(f"{upload.name} is not UTF-8 text; save it as UTF-8 and upload it again.")


@contextmanager
def on_disk(file: Path, text: str) -> Iterator[Path]:
    """The scenario as a file: the chosen one, or while it is edited a hidden one beside it, so that the
    paths in it lead to the same traces.
    """
    if text == stored(file):
        yield file
        return
    draft = SCENARIOS / f".edited-{sha256(text.encode()).hexdigest()[:12]}-{threading.get_ident()}.yaml"
    try:
        draft.write_text(text, encoding="utf-8")
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def stored(file: Path) -> str:
    """The text of a scenario's file; what is not UTF-8 shows as such."""
    return file.read_text(encoding="utf-8", errors="replace")


def digest(text: str, file: Path) -> str:
    """The SHA-256 of a text, or of the file that it is the text of."""
    return sha256(file.read_bytes() if text == stored(file) else text.encode()).hexdigest()


def check(file: Path, text: str) -> list[Fault]:
    """All faults of the scenario as it stands in the editor."""
    from simcost.scenario.checks.load import find_faults

    try:
        with on_disk(file, text) as path:
            return find_faults(path)
    except (SimcostError, OSError) as error:
        return [Fault(file=file.name, message=str(error))]


def show_faults(faults: list[Fault], text: str) -> None:
    """Each fault with its line."""
    lines = text.splitlines()
    for fault in faults:
        place = f"Line {fault.line}, column {fault.column}" if fault.line else "Scenario"
        where = f"{place}: {fault.path}" if fault.path else place
        st.error(plain(f"{where}: {fault.message}"))
        if 0 < fault.line <= len(lines):
            st.code(f"{fault.line:>4} | {lines[fault.line - 1]}", language=None)


def run(file: Path, text: str, seeds: int | None, fresh: bool, tell: background.Progress) -> str:
    """Run the scenario; the name of the folder of its result."""
    from simcost.scenario.checks.load import load_with_services
    from simcost.scenario.runs.run import run as execute

    with on_disk(file, text) as path:
        loaded = load_with_services(path)
        known = path == file and seeds is None
        name = loaded.first.scenario.scenario
        folder = RESULTS / (name if known else f"{name}-{sha256(f'{seeds} {text}'.encode()).hexdigest()[:12]}")
        execute(loaded, folder, seeds=seeds, jobs=JOBS, fresh=fresh, progress=tell)
        sections.write_html(folder)
    return folder.name


@st.cache_resource
def one_at_a_time() -> threading.Lock:
    """Sessions share the machine: their runs wait for each other."""
    return threading.Lock()


def remembered() -> Path | None:
    """The folder of the last result, which the address of the page carries."""
    finished = {folder.name: folder for folder in RESULTS.glob("*") if (folder / "result.json").is_file()}
    return finished.get(st.query_params.get("result", ""))


main()
