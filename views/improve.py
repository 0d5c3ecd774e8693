"""Pages that look for something better: the cheapest plan, what would change the decision, what to do first."""

import json
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import streamlit as st

from simcost.documents import to_document
from simcost.errors import InputError
from simcost.present.parts import Part, page
from simcost.scenario.files.edit import number_text
from views import adding, background, drafts, fields, runs, search_inputs
from views.charts import drawn_once
from views.result import body
from views.text import headline, on_page, plain, same_command

Settings = Mapping[str, Any]
Answerer = Callable[[Any, Path, Settings, background.Progress], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A question that takes many simulations."""

    title: str
    about: str
    command: str
    ask: Callable[[drafts.Draft], Settings]
    """Asks for what the search needs; under `refused` are sentences about what cannot be."""
    answer: Answerer
    parts: Callable[[Any], Sequence[Part]]
    actions: Callable[[Any, drafts.Draft, Any], None] = lambda _found, _draft, _plans: None
    """Draws what can be done with the answer."""
    options: Callable[[Settings], Sequence[str]] = lambda _settings: ()
    """Of its command, from what was asked for."""


def show(search: Search, scenarios: Path, results: Path, plans: Any) -> None:
    """The page, from top to bottom."""
    st.title(search.title)
    st.caption(search.about)
    ended = background.taken(search.title)
    files = drafts.listed(scenarios)
    if not files:
        st.error(plain(f"No scenario in {scenarios}; put a YAML file there."))
        return
    with st.sidebar:
        draft = _chosen(files)
    settings = search.ask(draft)
    refused = settings.get("refused", ())
    for line in refused:
        st.error(plain(line))
    with st.sidebar:
        faults = draft.faults()
        busy = search.title in background.works()
        label = "Search" if search.command == "optimize" else "Answer"
        pressed = st.button(label, type="primary", width="stretch", disabled=busy or bool(faults or refused))
    key = f"{search.command} {sha256(f'{draft.file} {draft.text} {settings}'.encode()).hexdigest()}"
    if not busy:
        background.attach(search.title, key)
    answers: dict[str, Any] = st.session_state.setdefault("searched", {})
    if pressed:
        answers.pop(search.title, None)
        background.start(
            search.title,
            lambda tell: _run(search, draft, settings, results, tell),
            runs.one_at_a_time(),
            f"{search.title} of {draft.file.stem}",
            key,
        )
    if faults:
        st.error(plain(f"{draft.file.stem} has faults; mend them on the page Plans: {faults[0].message}"))
    if ended is not None and ended.result:
        answers[search.title] = ended.result
    for line in ended.error.splitlines() if ended else ():
        st.error(plain(on_page(line)))
    if search.title in background.works():
        background.watch(search.title)
    elif answers.get(search.title):
        _answer(search, answers[search.title], draft, settings, plans)
    elif ended is None:
        st.info(f"Press {label}. It may take minutes; other pages stay usable meanwhile.")
    elif not ended.error:
        st.info("Cancelled; simulations that had ended are kept.")


def _chosen(files: list[Path]) -> drafts.Draft:
    """The scenario of the page of plans, or another one."""
    at = st.session_state.get("looked at")
    index = (
        files.index(at) if at in files else next((i for i, file in enumerate(files) if file.stem == "quickstart"), 0)
    )
    return drafts.draft(st.selectbox("Scenario", files, index=index, format_func=drafts.titled))


def _run(
    search: Search, draft: drafts.Draft, settings: Settings, results: Path, tell: background.Progress
) -> dict[str, Any]:
    tell(0.0, "Starts")
    found = search.answer(draft.loaded, runs.store(results), settings, tell)
    document = _with_names(to_document(found))
    parts = search.parts(found)
    file = draft.file.name if draft.is_stored else draft.taken_along
    written = {} if draft.is_stored else {file: draft.text}
    if settings.get("options"):
        written[search_inputs.OPTIONS_FILE] = settings["options"]
    return {
        "found": found,
        "document": document,
        "parts": drawn_once(parts),
        "file": draft.file,
        "asked": (draft.text, settings),
        "command": shlex.join(["simcost", search.command, file, *search.options(settings)]),
        "written": written,
        "html": page(f"{search.command} {document['scenario']}", document, parts),
    }


def _with_names(document: dict[str, Any]) -> dict[str, Any]:
    """The document, its inputs by their names: the folders are those of this machine."""
    origin = document.get("provenance", {})
    named = {Path(name).name: digest for name, digest in origin.get("inputs", {}).items()}
    return document | {"provenance": origin | {"inputs": named}}


def _answer(search: Search, found: dict[str, Any], draft: drafts.Draft, settings: Settings, plans: Any) -> None:
    with st.container(border=True):
        is_of_another = found["file"] != draft.file
        if is_of_another or found["asked"] != (draft.text, settings):
            earlier = "Answers an earlier question"
            st.badge(plain(f"{earlier}, of {found['file'].stem}" if is_of_another else earlier), color="orange")
        headline(found["document"]["verdict"])
        if not is_of_another:  # a plan that was found for it is not one of another scenario
            search.actions(found["found"], draft, plans)
    body(found["parts"])
    same_command(found["command"])
    files = {
        "json": (json.dumps(found["document"], allow_nan=False, indent=1), "application/json"),
        "html": (found["html"], "text/html"),
    }
    with st.container(horizontal=True):
        for end, (content, kind) in files.items():
            st.download_button(
                f"Download answer.{end}", content.encode(), f"{search.command}.{end}", kind, on_click="ignore"
            )
        for file, text in found["written"].items():
            st.download_button(f"Download {file}", text.encode(), file, "application/yaml", on_click="ignore")


def _optimize(loaded: Any, store: Path, settings: Settings, tell: background.Progress) -> Any:
    from simcost.studies.optimizing.study import optimize

    return optimize(loaded, store, search_inputs.asked(settings, store.parent, runs.JOBS), tell)


def _optimize_parts(found: Any) -> Sequence[Part]:
    from simcost.studies.optimizing.view import parts

    return parts(found)


def _ranges(draft: drafts.Draft) -> Settings:
    """The values that are not sure, each with its range, as a table to edit."""
    probable = _probable_ranges(draft.values)
    st.caption(
        "`demand` and `engine` (step times) are factors, `discount.OFFER` is a share, `price.OFFER` USD an hour; "
        "any number of the scenario may vary, such as `plans.0.scaling.replicas`."
    )
    edited = _edited_ranges(f"ranges of {draft.file.name}", probable)
    rows = [(row.get("value"), row.get("low"), row.get("high")) for row in edited]
    ranges = tuple(row for row in rows if all(map(_given, row)))
    refused = [_incomplete(*row) for row in rows if any(map(_given, row)) and not all(map(_given, row))]
    map_of, all_at_once = st.columns([2, 1], vertical_alignment="bottom")
    with map_of:
        pair = fields.choices(
            "Map of two values at once",
            [str(path) for path, _, _ in ranges],
            key=f"map of {draft.file.name}",
            max_selections=2,
            placeholder="Two of the values",
            help="The best plan at 9 x 9 combinations of them.",
        )
    with all_at_once:
        sobol = fields.check(
            "Shares of the variance",
            key="shares of the variance",
            help="All values at once: how much of the variance of the cost each causes (Sobol).",
        )
    if len(pair) == 1:
        refused.append(f"Map of two values at once: {pair[0]} alone is chosen; choose two, or none")
    return {
        "ranges": ranges,
        "grids": (tuple(pair),) if len(pair) == 2 else (),
        "sobol": sobol,
        "refused": tuple(refused),
    }


def _edited_ranges(key: str, probable: Sequence[tuple[str, float, float]]) -> list[dict[str, Any]]:
    """The table of ranges; edits stay while other pages are looked at, until the scenario has others that are probable.

    Streamlit keeps edits of a table that is shown, and forgets them with the page: the table begins with them then.
    """
    kept = st.session_state.get(f"{key}: kept")
    if kept is None or kept["probable"] != probable:
        first = [{"value": path, "low": low, "high": high} for path, low, high in probable]
        kept = {"probable": probable, "first": first, "edited": first}
    elif key not in st.session_state:
        kept["first"] = kept["edited"]
    kept["edited"] = st.data_editor(
        kept["first"],
        num_rows="dynamic",
        hide_index=True,
        alt="Ranges of the values",
        column_config={"value": "Value", "low": "Low", "high": "High"},
        key=key,
    )
    st.session_state[f"{key}: kept"] = kept
    found: list[dict[str, Any]] = kept["edited"]
    return found


def _probable_ranges(found: Mapping[str, Any]) -> list[tuple[str, float, float]]:
    """Values that are seldom sure: those of requests, where there are any, and what offers cost."""
    requests = [("demand", 0.8, 1.2), ("engine", 0.9, 1.1)] if {"workload", "demand", "services"} & found.keys() else []
    return [*requests, *((f"discount.{offer}", 0.0, 0.3) for offer in dict.fromkeys(_offers(found.get("plans"))))]


def _offers(value: Any) -> Iterator[str]:
    """Names of the offers that plans, their services and their pools buy."""
    if isinstance(value, dict):
        bought = value.get("buy")
        if isinstance(bought, dict) and bought.get("offer"):
            yield str(bought["offer"])
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _offers(child)


def _varied(settings: Settings) -> Sequence[str]:
    return [
        *(f"--vary={path}={number_text(low)}..{number_text(high)}" for path, low, high in settings["ranges"]),
        *(f"--grid={one},{other}" for one, other in settings["grids"]),
        *(["--sobol"] if settings["sobol"] else []),
    ]


def _given(cell: Any) -> bool:
    return cell is not None and cell != ""


def _incomplete(path: Any, low: Any, high: Any) -> str:
    """Message about a row of the table with empty cells."""
    empty = [name for name, cell in (("Value", path), ("Low", low), ("High", high)) if not _given(cell)]
    row = f"Value {path}" if _given(path) else "A row of the table"
    return f"{row}: {' and '.join(empty)} {'is' if len(empty) == 1 else 'are'} empty; fill the row, or delete it"


def _sensitivity(loaded: Any, store: Path, settings: Settings, tell: background.Progress) -> Any:
    from simcost.studies.sensitivity.simulated import SensitivitySettings
    from simcost.studies.sensitivity.states import VariedRange
    from simcost.studies.sensitivity.study import sensitivity

    ranges = [VariedRange(path=str(path), lo=float(low), hi=float(high)) for path, low, high in settings["ranges"]]
    if not ranges:
        raise InputError("no range is given; write at least one value with its low and high end")
    asked = SensitivitySettings(runs=store, jobs=runs.JOBS, grids=settings["grids"], variance=settings["sobol"])
    return sensitivity(loaded, ranges, asked, tell)


def _sensitivity_parts(found: Any) -> Sequence[Part]:
    from simcost.studies.sensitivity.view import parts

    return parts(found)


def _plan(draft: drafts.Draft) -> Settings:
    """The plan to improve."""
    plans = draft.values.get("plans")
    names = [str(plan["name"]) for plan in plans or () if isinstance(plan, dict) and "name" in plan]
    with st.sidebar:
        return {"plan": st.selectbox("Plan", names) if names else None}


def _advise(loaded: Any, store: Path, settings: Settings, tell: background.Progress) -> Any:
    from simcost.studies.advising.settings import AdviceSettings
    from simcost.studies.advising.study import advise

    return advise(loaded, store, AdviceSettings(plan=settings["plan"], jobs=runs.JOBS), tell)


def _advise_parts(found: Any) -> Sequence[Part]:
    from simcost.studies.advising.view import parts

    return parts(found)


OPTIMIZE = Search(
    title="Optimise",
    about="The cheapest plan that meets the SLO, found by a search and confirmed on fresh seeds.",
    command="optimize",
    ask=search_inputs.show,
    answer=_optimize,
    parts=_optimize_parts,
    actions=adding.found_plans,
    options=search_inputs.words,
)
SENSITIVITY = Search(
    title="Sensitivity",
    about="Values that are not sure vary: which of them, alone or together, would change the decision?",
    command="sensitivity",
    ask=_ranges,
    answer=_sensitivity,
    parts=_sensitivity_parts,
    options=_varied,
)
ADVICE = Search(
    title="Advice",
    about="Actions that lower the cost of a plan and keep its SLO, ranked by what they save, each simulated.",
    command="advise",
    ask=_plan,
    answer=_advise,
    parts=_advise_parts,
    actions=adding.advised_actions,
    options=lambda settings: ["--plan", settings["plan"]] if settings["plan"] else (),
)
