"""Questions of the page of money: each becomes the arguments of a command."""

from pathlib import Path

import streamlit as st

from views.ask import Question
from views.files import Words, Written, beside, choose, finished, renamed

_PLAN = """\
# assumed discount:
# write your quote
purchasing: savings plan
commitments:
  - kind: savings-plan
    name: base
    commitment: $1/h
    discount: 28 %
"""
OPTIONS = """\
# assumed discounts:
# write your quotes
commitments:
  - kind: savings-plan
    name: one year
    commitment: $300/h
    discount: 28 %
  - kind: savings-plan
    name: three years
    commitment: $300/h
    discount: 45 %
    years: 3
"""
_RISK = "0: the lowest expected cost. 1: the lowest cost in the worst futures, one in twenty. Between: both, weighted."


def bill(scenarios: Path, results: Path) -> Words:
    """`simcost bill`."""
    words: Words = [
        "bill",
        choose("Usage, or a finished result", [*beside(scenarios), *finished(results)], "usage"),
    ]
    words += renamed("sku=instance, quantity=count", "usage")
    plan = st.text_area("Purchasing plan", _PLAN, height=230, max_chars=50_000)
    words += ["--plan", Written(text="purchasing: on demand\n", title="on-demand.yaml")]
    return [*words, "--plan", Written(text=plan, title="plan.yaml")]


def commit(scenarios: Path, results: Path) -> Words:  # noqa: ARG001  # as the other questions
    """`simcost commit`."""
    words: Words = ["commit", choose("Usage", beside(scenarios), "weeks of usage")]
    words += renamed("sku=instance, quantity=count", "weeks of usage")
    options = st.text_area("What may be bought, each up to its amount", OPTIONS, height=310, max_chars=50_000)
    words += ["--options", Written(text=options, title="options.yaml")]
    words += ["--risk", str(st.slider("Weight of the worst futures", 0.0, 1.0, 0.0, 0.1, help=_RISK))]
    budget = st.text_input("Most to commit", placeholder="e.g. $100/h").strip()
    return [*words, f"--budget={budget}"] if budget else words


QUESTIONS: dict[str, Question] = {
    "What would it cost?": Question(
        ask=bill,
        needs="Usage: a row for each hour and instance type with `sku`, `hour` and `quantity`, or a finished result. "
        "It is priced on demand, and under the purchasing plan on the left.",
    ),
    "What should we commit to?": Question(
        ask=commit,
        needs="The usage of some weeks: a row for each hour and instance type with `sku`, `hour` and `quantity`.",
    ),
}
