"""The page of autoscaling without a browser: a recording through a manifest, and bad input as messages."""

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from support.home import APP, settle

HPA = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: chat}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: chat}
  minReplicas: 1
  maxReplicas: 9
  metrics:
    - type: External
      external: {metric: {name: queue}, target: {type: AverageValue, averageValue: "10"}}
"""


def script(root: str, home: str) -> None:
    """The page by itself: what streamlit runs."""
    import sys
    import threading
    from pathlib import Path

    if root not in sys.path:
        sys.path.insert(0, root)
    from views import ask, autoscaling

    ask.show("Autoscaling", autoscaling.QUESTIONS, Path(home) / "scenarios", Path(home), threading.Lock())


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("autoscaling") / "home"
    (home / "scenarios" / "manifests").mkdir(parents=True)
    (home / "scenarios" / "manifests" / "hpa.yaml").write_text(HPA, encoding="utf-8")
    rows = [f"{15 * i},{2 if i < 10 else 4},{20 if i < 8 else 40}" for i in range(20)]
    (home / "scenarios" / "tuesday.csv").write_text("\n".join(["t,replicas,queue", *rows]), encoding="utf-8")
    return home


@pytest.fixture
def page(home: Path) -> AppTest:
    page = AppTest.from_function(script, args=(str(APP.parent), str(home)), default_timeout=60).run()
    page.selectbox[0].set_value(home / "scenarios" / "manifests" / "hpa.yaml")
    page.selectbox[1].set_value(home / "scenarios" / "tuesday.csv")
    return page.run()


def press(page: AppTest) -> None:
    settle(next(button for button in page.button if button.label == "Answer").click().run())
    assert not page.exception


@pytest.mark.slow
def test_last_tuesday_is_replayed(page: AppTest) -> None:
    press(page)
    assert not page.error
    assert page.header[0].value.startswith("HorizontalPodAutoscaler chat requests 2 to 4 replicas")
    assert list(page.dataframe[0].value["Desired"]) == [2, 4, 4]
    assert page.code[0].value == "simcost autoscale replay hpa.yaml tuesday.csv"
    [answer] = page.session_state["answers"].values()
    assert answer["document"]["manifest"]["file"] == "hpa.yaml", "without the folders of this machine"


def test_the_example_of_other_column_names_is_taken(page: AppTest, home: Path) -> None:
    columns = next(one for one in page.text_input if one.label == "Columns of other names")
    pairs = dict(pair.split("=") for pair in columns.placeholder.split(", "))
    rows = [f"{15 * i},queue,{20 if i < 8 else 40}" for i in range(20)]
    head = f"{pairs['time']},metric,{pairs['value']}"
    (home / "scenarios" / "named.csv").write_text("\n".join([head, *rows]), encoding="utf-8")
    page.run().selectbox[1].set_value(home / "scenarios" / "named.csv")
    columns.set_value(columns.placeholder)
    page.number_input[0].set_value(2)
    press(page)
    assert not page.error


@pytest.mark.slow
def test_the_example_is_there_to_try_and_counts_from_the_start_that_is_given(tmp_path: Path) -> None:
    scenarios = APP.parent / "scenarios"
    home = tmp_path / "home"
    for folder in ("manifests", "synthetic"):
        shutil.copytree(scenarios / folder, home / "scenarios" / folder)
    page = AppTest.from_function(script, args=(str(APP.parent), str(home)), default_timeout=60).run()
    assert page.selectbox[1].options == ["metrics.csv.gz (example)"]
    page.selectbox[0].set_value(home / "scenarios" / "manifests" / "hpa.yaml")
    page.selectbox[1].set_value(home / "scenarios" / "synthetic" / "metrics.csv.gz")
    page.checkbox[0].check()
    page.number_input[0].set_value(8)
    press(page.run())
    assert not page.error
    assert page.header[0].value.startswith("HorizontalPodAutoscaler chat-70b requests")
    assert page.code[0].value.endswith("metrics.csv.gz --closed-loop --start=8")


@pytest.mark.slow
def test_a_note_names_the_field_of_this_page(page: AppTest, home: Path) -> None:
    rows = [f"2026-05-01T00:{i:02},2,{20 if i < 8 else 40}" for i in range(20)]
    (home / "scenarios" / "local.csv").write_text("\n".join(["time,replicas,queue", *rows]), encoding="utf-8")
    page.run().selectbox[1].set_value(home / "scenarios" / "local.csv")
    press(page.run())
    told = [one.value for one in page.markdown if "say no zone" in one.value]
    assert told
    assert all(one.endswith("set Time zone of times without one, under Names") for one in told)


def test_a_metric_that_was_not_recorded_is_named(page: AppTest) -> None:
    next(field for field in page.text_input if field.label.startswith("Columns")).set_value("queue=length")
    press(page)
    assert "length" in page.error[0].value
    assert not any("/tmp" in error.value for error in page.error)
