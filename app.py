"""The explorer: compare plans, look for better ones, forecast demand; ask about training, autoscaling and money.
Start it with `simcost app` or `streamlit run app.py`.

Scenarios are read from `scenarios/` and results written to `results/`, both beside this file, or in the folder
that the environment variable SIMCOST_HOME names; `simcost app` of an installed package names the current one.
"""

import os
from functools import partial
from pathlib import Path

import streamlit as st

from views import ask, autoscaling, catalog, compare, editor, forecast, history, improve, loading, log, money, training
from views.runs import one_at_a_time

HOME = Path(os.environ.get("SIMCOST_HOME", Path(__file__).parent)).resolve()
SCENARIOS, RESULTS = HOME / "scenarios", HOME / "results"
QUESTIONS = {"Training": training.QUESTIONS, "Autoscaling": autoscaling.QUESTIONS, "Money": money.QUESTIONS}
SEARCHES = (improve.OPTIMIZE, improve.SENSITIVITY, improve.ADVICE)

# less empty room than usual, so that the answer is on the first screen; every text has a contrast of 4.5 to its ground
STYLE = """<style>
.stMainBlockContainer { padding: 4.25rem 2.5rem 3rem; max-width: 1500px; }
[data-testid=stCaptionContainer] { opacity: 0.8; }
[data-testid=stFileUploaderDropzoneInstructions] span { white-space: normal; }
.stMainBlockContainer h2 { padding: 0.5rem 0 0.35rem; }
[data-testid=stMetricDelta] :is(div, p) { white-space: normal !important; }
.stTable td * { max-width: none !important; }
.stHtml code { font-size: 0.9em; }
textarea { font-family: monospace !important; font-size: 0.85em !important; }
a:focus-visible, button:focus-visible {
  outline: 2px solid light-dark(#0072B2, #56B4E9) !important; outline-offset: 1px; }
:is([data-testid=stSidebarCollapseButton], [data-testid=stFileUploader]) [data-testid=stIconMaterial] {
  color: light-dark(#55585F, #C8CAD0); opacity: 1; }
[data-tag] span, [data-tag] button { color: light-dark(#FFFFFF, #16181C); }
[data-testid=stBaseButton-primary]:enabled p { color: light-dark(#FFFFFF, #16181C); }
[data-testid=stButtonGroup] [aria-checked=true] p { color: light-dark(#31333F, #FAFAFA); }
[data-testid=stNumberInput]:not(:has(input[placeholder]:not([placeholder=""])))
  [data-testid=stNumberInputClearButton] { display: none; }
[data-testid=stElementContainer]:has(h2) + [data-testid=stLayoutWrapper] { margin-top: 0.75rem; }
@media (max-width: 768px) {
  [data-testid=stExpandSidebarButton] { width: auto; }
  [data-testid=stExpandSidebarButton]::after { content: "Pages and inputs"; padding-left: 0.35rem; }
}
@media (max-width: 1100px) {
  .stMainBlockContainer [data-testid=stHorizontalBlock] { flex-wrap: wrap; }
  .stMainBlockContainer [data-testid=stColumn] { min-width: min(100%, 11.5rem); }
  .stMainBlockContainer [data-testid=stColumn]:has([data-testid=stVegaLiteChart]) { min-width: min(100%, 23rem); }
}
</style>"""


def main() -> None:
    """A page for each kind of question."""
    st.set_page_config(page_title="simcost", layout="wide")
    st.html(STYLE)
    plans = st.Page(lambda: compare.show(SCENARIOS, RESULTS, own_log), title="Plans", default=True)
    own_log = st.Page(lambda: log.show(SCENARIOS, plans), title="Your log", url_path="log")
    pages = [plans, own_log]
    for search in SEARCHES:
        drawn = partial(improve.show, search, SCENARIOS, RESULTS, plans)
        pages.append(st.Page(drawn, title=search.title, url_path=search.command))
    pages.append(st.Page(demand, title="Forecast", url_path="forecast"))
    pages += [st.Page(partial(questions, title), title=title, url_path=title.lower()) for title in QUESTIONS]
    pages.append(st.Page(known, title="Catalog", url_path="catalog"))
    pages.append(st.Page(lambda: history.show(SCENARIOS, RESULTS, plans), title="History", url_path="history"))
    page = st.navigation(pages, position="top")
    if st.session_state.get("page") != page.title:
        st.session_state["page"] = page.title
        editor.keep()
    page.run()
    loading.ensure()
    loading.leave_alone("the first page")


def demand() -> None:
    """The page of forecasts."""
    forecast.show(SCENARIOS, one_at_a_time())


def known() -> None:
    """The page of the catalog."""
    catalog.show(SCENARIOS, RESULTS, one_at_a_time())


def questions(title: str) -> None:
    """A page of questions."""
    ask.show(title, QUESTIONS[title], SCENARIOS, RESULTS, one_at_a_time())


main()
