"""The page of money without a browser: a bill under two plans, what to commit to, and bad input as messages."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from support.commands import call, trace
from support.home import APP, TINY, settle

from simcost.scenario.checks.load import load_text
from simcost.scenario.files.edit import values
from simcost.scenario.runs.run import run
from views import ask, background
from views.files import Chosen, Written
from views.money import OPTIONS, on_demand

pytestmark = pytest.mark.slow


def script(root: str, home: str) -> None:
    """The page by itself: what streamlit runs."""
    import sys
    import threading
    from pathlib import Path

    if root not in sys.path:
        sys.path.insert(0, root)
    import streamlit as st

    from views import ask, money

    if not st.session_state.get("elsewhere"):
        ask.show("Money", money.QUESTIONS, Path(home) / "scenarios", Path(home) / "results", threading.Lock())


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("money") / "home"
    (home / "scenarios").mkdir(parents=True)
    rows = [f"aws/g6.xlarge,2026-01-{5 + h // 24:02d}T{h % 24:02d}:00:00Z,{2 + (8 <= h % 24 < 18)}" for h in range(240)]
    (home / "scenarios" / "usage.csv").write_text("\n".join(["sku,hour,quantity", *rows]), encoding="utf-8")
    return home


@pytest.fixture
def page(home: Path) -> AppTest:
    return AppTest.from_function(script, args=(str(APP.parent), str(home)), default_timeout=60).run()


def answer(page: AppTest, home: Path) -> None:
    page.selectbox[0].set_value(home / "scenarios" / "usage.csv").run()
    settle(next(button for button in page.button if button.label == "Answer").click().run())


@pytest.mark.parametrize(
    "plan",
    [
        "purchasing: p\nprovider: aws  # ours\ncommitments:\n- {kind: savings-plan, commitment: 1, discount: 0.3}\n",
        '"commitments": [{kind: savings-plan, commitment: 1, discount: 0.3}]\nprovider: aws\n',
        "{purchasing: p, provider: aws, commitments: [{kind: savings-plan, commitment: 1, discount: 0.3}]}\n",
        "---\nprovider: aws\ncommitments: []\n",
        "  purchasing: >\n    commitments: none\n  provider: aws\n",
    ],
)
def test_on_demand_is_the_plan_without_its_commitments(plan: str) -> None:
    """However the YAML is written: quoted keys, a mapping in braces, an indent."""
    assert values(on_demand(plan)) == {"purchasing": "on demand", "provider": "aws"}


@pytest.mark.parametrize("plan", ["", "a: [", "commitments: [{kind: savings-plan, commitment: 1, discount: 0.3}]"])
def test_on_demand_needs_nothing_of_the_plan(plan: str) -> None:
    assert values(on_demand(plan)) == {"purchasing": "on demand"}


def text_area(page: AppTest) -> Any:
    return page.text_area[0]


def test_usage_is_billed_on_demand_and_under_a_plan(page: AppTest, home: Path) -> None:
    text_area(page).set_value("commitments: [{kind: savings-plan, commitment: $0.9/h, discount: 40 %}]\n")
    answer(page, home)
    assert not page.exception
    assert not page.error
    assert page.header[0].value.startswith("plan is the cheapest of 2 plans")
    assert list(page.dataframe[0].value["Plan"]) == ["on demand", "plan"]
    assert "bill usage.csv --plan on-demand.yaml --plan plan.yaml" in page.code[0].value
    taken = [one.proto.label for one in page.get("download_button")]
    assert {"Download on-demand.yaml", "Download plan.yaml"} <= set(taken), "files of the command, which the page wrote"


def test_tokens_are_billed_by_the_provider_of_the_plan_on_demand_too(page: AppTest, home: Path) -> None:
    rows = "model,start,input_tokens,output_tokens\ngpt-5-mini,2026-04-01T00:00:00Z,1000,10\n"
    (home / "scenarios" / "tokens.csv").write_text(rows, encoding="utf-8")
    page = page.run()
    page.selectbox[0].set_value(home / "scenarios" / "tokens.csv").run()
    for text in ("purchasing: API\n", "purchasing: API\nprovider: openai\nbatch: true\n"):
        assert not page.exception
        text_area(page).set_value(text)
        settle(next(button for button in page.button if button.label == "Answer").click().run())
        if "provider" not in text:
            assert "provider: openai" in page.error[0].value.replace("\\", "")
    assert not page.error
    assert list(page.dataframe[0].value["Plan"]) == ["on demand", "API"]


def test_a_fault_of_the_plan_is_a_message(page: AppTest, home: Path) -> None:
    text_area(page).set_value("commitments: [{kind: savings-plan, commitment: -1}]\n")
    answer(page, home)
    assert not page.exception
    assert "plan.yaml:1:48: commitments.0.commitment: -1 must be" in page.error[0].value.replace("\\", "")


@pytest.mark.parametrize("question", ["What would it cost?", "What should we commit to?"])
def test_the_example_is_there_to_try(page: AppTest, home: Path, question: str) -> None:
    example = home / "scenarios" / "synthetic" / "usage.csv.gz"
    example.parent.mkdir(exist_ok=True)
    shutil.copy(APP.parent / "scenarios" / "synthetic" / example.name, example)
    page.session_state["Money question"] = question
    page.run().selectbox[0].set_value(example).run()
    settle(next(button for button in page.button if button.label == "Answer").click().run())
    assert not page.error
    assert "usage.csv.gz" in page.code[0].value


def test_what_to_commit_to(page: AppTest, home: Path) -> None:
    page.session_state["Money question"] = "What should we commit to?"
    page.run()
    text_area(page).set_value("commitments: [{kind: savings-plan, name: base, commitment: $9/h, discount: 40 %}]\n")
    answer(page, home)
    assert not page.exception
    assert not page.error
    assert page.header[0].value.startswith("Buy base\\: ")
    assert [title.value for title in page.subheader][:2] == ["If demand falls", "What to buy"]


@pytest.mark.slow
def test_apis_beside_the_own_fleet(page: AppTest, home: Path) -> None:
    (home / "scenarios" / "tiny.yaml").write_text(TINY, encoding="utf-8")
    page.session_state["Money question"] = "API or own fleet?"
    page.run()
    page.selectbox[0].set_value(home / "scenarios" / "tiny.yaml").run()
    answer_button = next(button for button in page.button if button.label == "Answer")
    assert answer_button.disabled, "no API yet"
    page.multiselect[0].set_value(["cerebras/llama-3.1-8b"]).run()
    settle(next(button for button in page.button if button.label == "Answer").click().run())
    assert not page.exception
    assert not page.error
    assert "cerebras" in " ".join(page.dataframe[0].value.to_string().split())
    assert not any("(on the command line)" in one.value for one in page.caption)
    assert any("behind More of each API" in one.value for one in page.caption)
    assert "api tiny.yaml --api cerebras/llama-3.1-8b --scale=0.1,1,10 --out results" in page.code[0].value


def test_a_trace_at_apis_with_more_words(page: AppTest, home: Path) -> None:
    log = trace(home / "scenarios")
    page.session_state["Money question"] = "API or own fleet?"
    page.run()
    page.selectbox[0].set_value(log).run()
    page.multiselect[0].set_value(["openai/gpt-5-mini"]).run()
    page.text_input[0].set_value("units=3, unit_price=$1/h, unit_tokens=2500").run()
    settle(next(button for button in page.button if button.label == "Answer").click().run())
    assert not page.exception
    assert not page.error
    words = "openai/gpt-5-mini,units=3,unit_price=$1/h,unit_tokens=2500"
    assert page.code[0].value == f"simcost api log.parquet --api '{words}'"
    page.text_input[0].set_value("unitz=3").run()
    settle(next(button for button in page.button if button.label == "Answer").click().run())
    assert not page.exception
    assert "did you mean 'units'" in page.error[0].value


@pytest.mark.parametrize(
    ("question", "is_listed"),
    [
        ("What would it cost?", False),
        ("What should we commit to?", False),
        ("API or own fleet?", True),
        ("Why did it change?", False),
    ],
)
def test_a_trace_of_requests_is_offered_where_it_can_be_read(
    page: AppTest, home: Path, question: str, *, is_listed: bool
) -> None:
    """Each log that was imported was offered as usage and as a bill, and refused for its columns."""
    log = trace(home / "scenarios")
    page.session_state["Money question"] = question
    page.run()
    assert (log.name in page.selectbox[0].options) is is_listed


def test_the_plan_of_a_result_to_bill_can_be_chosen(page: AppTest, home: Path) -> None:
    """The answer said that an option on the command line takes another plan than the best."""
    run(load_text(TINY, home / "scenarios" / "tiny.yaml"), home / "results" / "two")
    page.run()
    page.selectbox[0].set_value(home / "results" / "two").run()
    bills = []
    for plan in ("", "two L4"):
        next(one for one in page.text_input if one.label == "Plan of the result").set_value(plan).run()
        settle(next(button for button in page.button if button.label == "Answer").click().run())
        assert not page.error
        bills.append(page.dataframe[0].value["Effective"][0])
    assert bills[1] > 1.5 * bills[0]


def test_why_two_results_differ(page: AppTest, home: Path) -> None:
    for name, text in (("before", TINY), ("after", TINY.replace("rate: 0.5/s", "rate: 0.7/s"))):
        run(load_text(text, home / "scenarios" / "tiny.yaml"), home / "results" / name)
    page.session_state["Money question"] = "Why did it change?"
    page.run()
    page.selectbox[0].set_value(home / "results" / "before").run()
    page.selectbox[1].set_value(home / "results" / "after").run()
    settle(next(button for button in page.button if button.label == "Answer").click().run())
    assert not page.exception
    assert not page.error
    assert page.dataframe
    assert page.code[0].value == "simcost diff results/before results/after"
    assert "of after costs" in page.header[0].value
    assert "of before" in page.header[0].value
    assert str(home) not in page.dataframe[0].value.to_string()


def test_bills_of_two_plans_are_compared_plan_by_plan(page: AppTest, home: Path) -> None:
    """The page's own answers have two plans: it asked to name one of them, and had no field for it."""
    usage, plans = home / "scenarios" / "usage.csv", [home / "listed.yaml", home / "mine.yaml"]
    plans[0].write_text("purchasing: on demand\n", encoding="utf-8")
    plans[1].write_text("purchasing: mine\nprices: {aws/g6.xlarge: $1.60/h}\n", encoding="utf-8")
    bill = call("bill", usage, "--plan", plans[0], "--plan", plans[1], "--json", "--quiet").out.encode()
    page.session_state["Money question"] = "Why did it change?"
    page.run()
    for side in range(2):
        page.file_uploader[side].set_value(("answer.json", bill, "application/json")).run()
    settle(next(button for button in page.button if button.label == "Answer").click().run())
    assert "name one of them with Plan before or Plan after" in page.error[0].value
    for label, name in (("Plan before", "on demand"), ("Plan after", "mine")):
        next(one for one in page.text_input if one.label == label).set_value(name).run()
    settle(next(button for button in page.button if button.label == "Answer").click().run())
    assert not page.error
    assert "mine of answer-2.json costs" in page.header[0].value


def test_two_uploads_of_one_name_are_two_files(tmp_path: Path) -> None:
    """The second lay in the place of the first and was compared with itself: it cost as much, without a word."""
    usage, plan, bills = tmp_path / "usage.csv", tmp_path / "plan.yaml", []
    plan.write_text("purchasing: on demand\nprovider: aws\nregion: us-east-1\n", encoding="utf-8")
    for quantity in (4, 9):
        row = f"g6e.xlarge,2026-01-05T08:00:00Z,{quantity}\n"
        usage.write_text(f"sku,hour,quantity\n{row}", encoding="utf-8")
        bills.append(call("bill", usage, "--plan", plan, "--json", "--quiet").out.encode())
    before, after = (
        Chosen(None, SimpleNamespace(name="bill.json", file_id=str(i), getvalue=lambda bill=bill: bill))
        for i, bill in enumerate(bills)
    )
    found = ask.run(["diff", before, after], lambda *_: None)
    assert found["document"]["before"]["usd"] * 9 == pytest.approx(found["document"]["after"]["usd"] * 4)
    assert "on demand of bill-2.json costs" in found["document"]["verdict"]
    assert found["command"] == "simcost diff bill.json bill-2.json"
    assert found["of"] == ask.told_apart(["diff", before, after]), "it answers what is asked"
    assert set(found["document"]["provenance"]["inputs"]) == {"bill.json", "bill-2.json"}


def test_an_answer_tells_how_far_it_is_and_can_be_cancelled(home: Path) -> None:
    """An answer of many minutes showed `Works` and no button, and all other work waited for it."""
    told: list[str] = []

    def cancelled(share: float, doing: str) -> None:
        told.append(doing)
        if share > 0:
            raise background.CancelledError

    options = Written(text=OPTIONS, title="options.yaml")
    with pytest.raises(background.CancelledError):
        ask.run(["commit", Chosen(home / "scenarios" / "usage.csv"), "--options", options], cancelled)
    assert told == ["Works", "optimising"]


def test_another_question_loses_nothing_that_was_written_or_uploaded(page: AppTest) -> None:
    page.text_area[0].set_value("purchasing: mine\n").run()
    page.text_input[0].set_value("sku=type").run()
    page.file_uploader[0].set_value(("mine.csv", b"sku,hour,quantity\n", "text/csv")).run()
    question = page.segmented_control[0]
    question.set_value("What should we commit to?").run()
    assert page.text_input[0].value == ""
    page.segmented_control[0].set_value("What would it cost?").run()
    assert page.text_area[0].value == "purchasing: mine\n"
    assert page.text_input[0].value == "sku=type"
    assert page.caption[0].value == "mine.csv is still chosen."
    assert not page.button[-1].disabled
    next(one for one in page.button if one.label == "Leave it out").click().run()
    assert not any("still chosen" in one.value for one in page.caption)


def test_the_question_is_the_same_after_a_look_at_another_page(page: AppTest) -> None:
    page.segmented_control[0].set_value("Why did it change?").run()
    page.checkbox[0].check().run()
    page.session_state["elsewhere"] = True
    assert not page.run().segmented_control
    page.session_state["elsewhere"] = False
    assert page.run().segmented_control[0].value == "Why did it change?"
    assert page.checkbox[0].value
