"""Questions of the page of money: each becomes the arguments of a command."""

from pathlib import Path

import streamlit as st

from views.ask import Question
from views.files import Words, Written, beside, choose, finished

_PLAN = """\
commitments:                # the discount is an assumption: put your quote in its place
  - {kind: savings-plan, name: base, commitment: $20/h, discount: 28 %}
"""
_OPTIONS = """\
commitments:                # the discounts are assumptions: put your quotes in their place
  - {kind: savings-plan, name: one year, commitment: $300/h, discount: 28 %}
  - {kind: savings-plan, name: three years, commitment: $300/h, discount: 45 %, years: 3}
"""


def bill(scenarios: Path, results: Path) -> Words:
    """`simcost bill`."""
    words: Words = [
        "bill",
        choose("Usage, or a finished result", [*beside(scenarios), *finished(results)], "usage"),
    ]
    plan = st.text_area("Purchasing plan", _PLAN, height=140, max_chars=50_000)
    words += ["--plan", Written(text="purchasing: on demand\n", title="on-demand.yaml")]
    return [*words, "--plan", Written(text=plan, title="plan.yaml")]


def commit(scenarios: Path, results: Path) -> Words:  # noqa: ARG001  # as the other questions
    """`simcost commit`."""
    words: Words = ["commit", choose("Usage", beside(scenarios), "history")]
    options = st.text_area("What may be bought, each up to its amount", _OPTIONS, height=160, max_chars=50_000)
    words += ["--options", Written(text=options, title="options.yaml")]
    words += ["--risk", str(st.slider("Weight of the worst futures", 0.0, 1.0, 0.0, 0.1))]
    budget = st.text_input("Most to commit", placeholder="e.g. $100/h").strip()
    return [*words, f"--budget={budget}"] if budget else words


QUESTIONS: dict[str, Question] = {"What would it cost?": bill, "What should we commit to?": commit}
