"""Questions of the page of money: each becomes the words of a command."""

from pathlib import Path

import streamlit as st

from simcost.catalog import load_catalog
from simcost.errors import InputError
from simcost.scenario.files.edit import put
from views import fields
from views.ask import Question
from views.files import Chosen, Words, Written, beside, choose, finished, renamed, traces

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

_MORE = (
    "Words of `--api`: batch, ttl=1h, min_tokens=4096, written=10%, ttft=0.5s, units=3 with unit_price and unit_tokens."
)

_SIDES = {
    "--plan-a": "Plan before",
    "--plan-b": "Plan after",
    "--month-a": "Month before, of a FOCUS file",
    "--month-b": "Month after, of a FOCUS file",
}
_RATES = "Exchange rates to USD"


def bill(scenarios: Path, results: Path) -> Words:
    """`simcost bill`."""
    used = choose("Usage, or a finished result", [*beside(scenarios, "usage.csv.gz"), *finished(results)], "usage")
    words: Words = ["bill", used]
    if used.upload is None and used.path is not None and used.path.is_dir():
        of = fields.text("Plan of the result", placeholder="the best").strip()
        words += [f"--run-plan={of}"] if of else []
    else:
        words += renamed("sku=instance, quantity=count", "usage")
    plan = fields.area("Purchasing plan", _PLAN, height=230, max_chars=50_000)
    words += ["--plan", Written(text=on_demand(plan), title="on-demand.yaml")]
    return [*words, "--plan", Written(text=plan, title="plan.yaml")]


def on_demand(plan: str) -> str:
    """The plan without its commitments: what it says of provider, region and prices holds on demand too.

    Of a plan with faults only its name: they are told where the plan itself is read.
    """
    try:
        return put(put(plan, "purchasing", "on demand"), "commitments", None)
    except InputError:
        return "purchasing: on demand\n"


def commit(scenarios: Path, results: Path) -> Words:  # noqa: ARG001  # as the other questions
    """`simcost commit`."""
    words: Words = ["commit", choose("Usage", beside(scenarios, "usage.csv.gz"), "weeks of usage")]
    words += renamed("sku=instance, quantity=count", "weeks of usage")
    options = fields.area("What may be bought, each up to its amount", OPTIONS, height=310, max_chars=50_000)
    words += ["--options", Written(text=options, title="options.yaml")]
    words += ["--risk", str(fields.slider("Weight of the worst futures", 0.0, 1.0, 0.0, 0.1, help=_RISK))]
    budget = fields.text("Budget to commit", placeholder="e.g. $100/h").strip()
    return [*words, f"--budget={budget}"] if budget else words


def own_fleet(scenarios: Path, results: Path) -> Words:
    """`simcost api`."""
    recorded = traces(scenarios)
    listed = [*sorted(scenarios.glob("*.yaml")), *finished(results), *recorded]
    path = fields.choice(
        "Scenario, finished result or trace", listed, None, lambda path: path.name, placeholder="choose one"
    )
    words: Words = ["api", Chosen(path)]
    names = [f"{price.provider}/{price.model}" for price in load_catalog().facts.token_prices]
    apis = fields.choices("APIs", list(dict.fromkeys(names)), placeholder="one or more")
    hits = fields.slider(
        "Prompt tokens from the API's cache, %", 0, 100, 0, help="0: found in the requests, where they tell"
    )
    more = fields.text("More of each API", placeholder="ttl=1h,units=3,unit_price=$1/h,unit_tokens=2500", help=_MORE)
    with_more = ",".join(["", *([f"hit={hits}%"] if hits else []), *([more.replace(" ", "")] if more.strip() else [])])
    words += [word for api in apis for word in ("--api", f"{api}{with_more}")]
    if not apis:
        return [*words, Chosen(None)]
    if path in recorded:
        return words
    scale = fields.text("Demands, times the scenario's", "0.1, 1, 10")
    return [*words, f"--scale={scale.replace(' ', '')}", "--out", Chosen(results)]


def changed_bill(scenarios: Path, results: Path) -> Words:
    """`simcost diff`."""
    listed = [*finished(results), *beside(scenarios)]
    words: Words = ["diff"]
    words += [choose(label, listed, f"bill {label.lower()}") for label in ("Before", "After")]
    words += ["--per-month"] if fields.check("Scale both to a month of 730 h") else []
    with st.expander("Plans, months, currencies"):
        for option, label in _SIDES.items():
            usual = "the best, or the only one" if option.startswith("--plan") else "all, or e.g. 2026-03"
            value = fields.text(label, placeholder=usual).strip()
            words += [f"{option}={value}"] if value else []
        rates = fields.text(_RATES, placeholder="EUR=1.08, GBP=1.27")
        words += [f"--rate={rate.strip()}" for rate in rates.split(",") if rate.strip()]
    return words


QUESTIONS: dict[str, Question] = {
    "What would it cost?": Question(
        ask=bill,
        needs="Usage: a row for each hour and instance type with `sku`, `hour` and `quantity`, or a finished result. "
        "It is priced on demand, and under the purchasing plan on the left.",
        fields={"--run-plan": "Plan of the result"},
    ),
    "What should we commit to?": Question(
        ask=commit,
        needs="The usage of some weeks: a row for each hour and instance type with `sku`, `hour` and `quantity`.",
        fields={"--budget": "Budget to commit"},
    ),
    "API or own fleet?": Question(
        ask=own_fleet,
        needs="A scenario, whose plans are compared with per-token APIs at several demands: from which on does the own "
        "fleet cost less? Or a stored trace, priced at APIs alone. Choose at least one API.",
        fields={"--api": "More of each API"},
    ),
    "Why did it change?": Question(
        ask=changed_bill,
        needs="Two finished results, two bills (`simcost bill --json`) or two FOCUS files of a provider.",
        fields={**_SIDES, "--rate": _RATES},
    ),
}
