"""Inputs of a search for the cheapest plan: two rows above its answer."""

from argparse import ArgumentTypeError
from collections.abc import Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from math import inf
from pathlib import Path
from typing import Any

import streamlit as st

from simcost.errors import InputError, SimcostError
from simcost.scenario.files.edit import number_text, put, values
from simcost.scenario.files.nodes import Plain
from simcost.studies.argument_types import count_of
from simcost.studies.optimizing.settings import OBJECTIVES, SearchSettings
from simcost.units import SHARE, USD
from views import drafts
from views.money import OPTIONS

Settings = Mapping[str, Any]
STEP_FACTOR = 1.5
"""Of the goal `ROBUST`, where none is asked for."""
LEAST, ROBUST = "Least cost", "Robust to slower steps"
OFFERED = ".options"
"""Folder, beside the results, of the commitments that searches were offered."""
OPTIONS_FILE = "options.yaml"
_WIDTHS = [5, 3, 4, 4, 3, 4, 4]
_SECOND = [6, 5, 6, 7, 7, 4]
_UNWRITTEN = "scenario not written"
_KEPT: Any = "session"


def show(draft: drafts.Draft) -> Settings:
    """The rows; what was asked for, and under `refused` what is wrong with it."""
    refused: list[str] = []
    columns = iter(st.columns(_WIDTHS, vertical_alignment="bottom"))
    with next(columns):
        goal = st.selectbox("Goal", [LEAST, ROBUST], key="search goal", persist_state=_KEPT)
    with next(columns):
        step_factor = _step_factor(goal == ROBUST)
    with next(columns):
        _confidence(draft)
    with next(columns):
        budget_usd = _budget(refused)
    with next(columns):
        seeds = st.number_input(
            "Replications", 1, 100, None, key="search seeds", persist_state=_KEPT, placeholder="scenario's"
        )
    with next(columns):
        options = _options()
    with next(columns):
        mixes = st.checkbox(
            "Mix hardware",
            key="search mixes",
            persist_state=_KEPT,
            help="Fixed fleets of several kinds of replicas are proposed too, and proved by simulation.",
        )
    return {
        "step_factor": step_factor,
        "budget_usd": budget_usd,
        "seeds": seeds,
        "options": options,
        "mixes": mixes,
        **_limits(draft, refused),
        "refused": (*refused, *st.session_state.pop(_UNWRITTEN, ())),
    }


def _step_factor(robust: bool) -> float:
    """The factor on step times; 1 where the goal has none."""
    asked = st.number_input(
        "Step time x",
        min_value=1.0,
        max_value=10.0,
        value=None,  # else an emptied field says the least number
        placeholder=str(STEP_FACTOR),
        step=0.1,
        format="%g",
        disabled=not robust,
        key="search step factor",
        persist_state=_KEPT,
        help="The plan meets the SLO even if each step takes so many times as long; all figures are of such steps.",
    )
    return float(asked or STEP_FACTOR) if robust else 1.0


def _confidence(draft: drafts.Draft) -> None:
    """`level` of the scenario, which its text holds."""
    written = values(draft.text).get("level", 0.95)
    try:
        level = float(SHARE.parse(written)) if isinstance(written, str) else float(written)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        level = 0.95  # the text has a fault there, which the page shows
    key = f"level of {draft.file.name}"
    st.session_state[key] = 100 * level  # told each time: a browser that has missed it shows the least

    def take() -> None:
        if st.session_state[key] not in (None, 100 * level):
            _write(draft, "Confidence", "level", round(st.session_state[key] / 100, 6))

    st.number_input(
        "Confidence %",
        min_value=50.0,
        max_value=99.99,
        value=None,  # else an emptied field says the least number
        step=1.0,
        format="%g",
        key=key,
        on_change=take,
        help="`level` of the scenario: every target holds at this confidence, over replications.",
    )


def _write(draft: drafts.Draft, label: str, key: str, value: Plain) -> None:
    """Write a key of the scenario; what is wrong is told with the next look."""
    try:
        drafts.write(draft.file, put(draft.text, key, value))
    except SimcostError as error:
        st.session_state[_UNWRITTEN] = (f"{label}: {error}",)


def _choices(draft: drafts.Draft, name: str, label: str, example: str) -> None:
    """Patterns of a key of `choices` of the scenario, which its text holds."""
    scenario = values(draft.text)
    known = scenario.get("choices")
    choices: dict[str, Any] = dict(known) if isinstance(known, dict) else {}
    written = choices.get(name, [])
    text = written if isinstance(written, str) else ", ".join(map(str, written if isinstance(written, list) else []))
    key = f"{name} chosen of {draft.file.name}"
    st.session_state[key] = text

    def take() -> None:
        asked = [one.strip() for one in st.session_state[key].split(",") if one.strip()]
        wanted = {**choices, name: asked} if asked else {one: choices[one] for one in choices if one != name}
        _write(draft, label, "choices", wanted or None)

    st.text_input(
        label,
        key=key,
        on_change=take,
        placeholder=f"all, or e.g. {example}",
        max_chars=1_000,
        disabled=bool(scenario.get("vary")),
        help=f"`choices.{name}` of the scenario: patterns between commas. Searches and advice propose nothing else. "
        "Where the scenario has `vary`, that says what is searched.",
    )


def _budget(refused: list[str]) -> float | None:
    """The most that the plan may cost a month; None = no such bound."""
    text = st.text_input(
        "Budget a month", key="search budget", persist_state=_KEPT, placeholder="e.g. $5,000", max_chars=40
    ).strip()
    if not text:
        return None
    with suppress(ValueError):
        budget = USD.parse(text)
        if isinstance(budget, float) and 0 <= budget < inf:
            return budget
    refused.append(f"Budget a month: {text!r} is not an amount of USD from 0 up; write e.g. $5,000")
    return None


def _limits(draft: drafts.Draft, refused: list[str]) -> Settings:
    """A second row: what may be bought, what there is of it, and what the front is of."""
    columns = iter(st.columns(_SECOND, vertical_alignment="bottom"))
    for name, label, example in (("offers", "Offers", "aws/*, gcp/*"), ("regions", "Regions", "us-*")):
        with next(columns):
            _choices(draft, name, label, example)
    found: dict[str, Any] = {}
    for key, label, example, of in (
        ("quota", "Quota", "l4=4, h100=8", "Most accelerators of a kind that the plan may take at a time."),
        ("available", "Available instances", "aws/g6.xlarge=4", "Most instances of an OFFER, or OFFER@REGION."),
    ):
        with next(columns):
            text = st.text_input(
                label,
                key=f"search {key}",
                persist_state=_KEPT,
                placeholder=f"e.g. {example}",
                max_chars=1_000,
                help=f"{of} Several after commas: `NAME=N, NAME=N`.",
            )
        found[key] = _counts(label, text, example, refused)
    with next(columns):
        found["objectives"] = tuple(
            st.multiselect(
                "Objectives of the front",
                OBJECTIVES[1:],
                key="search objectives",
                persist_state=_KEPT,
                placeholder="all that are known",
                help="Cost always counts.",
            )
        )
    with next(columns):
        found["front"] = st.number_input(
            "Further plans",
            0,
            1_000,
            key="search front",
            persist_state=_KEPT,
            help="Plans that are simulated for the front alone, at most, those with the least possible cost first.",
        )
    return found


def _counts(label: str, text: str, example: str, refused: list[str]) -> tuple[tuple[str, int], ...]:
    """Numbers by name."""
    parsed = count_of("NAME=N", example)
    try:
        return tuple(parsed(part) for part in text.split(",") if part.strip())
    except ArgumentTypeError as error:
        refused.append(f"{label}: {error}")
        return ()


def _options() -> str:
    """A purchasing plan whose commitments may be bought; empty = none may."""
    with st.popover("Commitments", width="stretch"):
        offered = st.checkbox("Plans may be bought under commitments", key="search offered", persist_state=_KEPT)
        text = st.text_area(
            "What may be bought, each up to its amount",
            OPTIONS,
            height=310,
            max_chars=50_000,
            disabled=not offered,
            key="search options",
            persist_state=_KEPT,
        )
    return text if offered else ""


def options_file(text: str, results: Path) -> Path | None:
    """A file with the purchasing plan; None where nothing may be bought."""
    if not text.strip():
        return None
    folder = results / OFFERED / sha256(text.encode()).hexdigest()[:12]
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / OPTIONS_FILE
    file.write_text(text, encoding="utf-8")
    return file


def asked(settings: Settings, results: Path, jobs: int) -> SearchSettings:
    """The options of a search. Raises InputError with the faults of the commitments, each at its line."""
    file = options_file(settings["options"], results)
    try:
        return SearchSettings.of({**settings, "options": file}, jobs=jobs)
    except SimcostError as error:
        if file is None:
            raise
        raise InputError(f"Commitments: {str(error).replace(str(file), OPTIONS_FILE)}") from error


def words(settings: Settings) -> Sequence[str]:
    """The same as options of `simcost optimize`; the confidence is in the scenario."""
    found = [f"--step-factor={number_text(settings['step_factor'])}"] if settings["step_factor"] != 1 else []
    if settings["seeds"] is not None:
        found.append(f"--seeds={settings['seeds']}")
    if settings["options"].strip():
        found.append(f"--options={OPTIONS_FILE}")
    if settings["mixes"]:
        found.append("--mixes")
    if settings["budget_usd"] is not None:
        found.append(f"--budget={number_text(settings['budget_usd'])}")
    found += [f"--{key}={name}={count}" for key in ("quota", "available") for name, count in settings[key]]
    found += [f"--objective={name}" for name in settings["objectives"]]
    if settings["front"]:
        found.append(f"--front={settings['front']}")
    return found
