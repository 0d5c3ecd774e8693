"""Charts: valid Vega-Lite that renders, colours fixed per plan, bounded data."""

import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from support.result_folder import PLANS, build, document, tables

from simcost.ledger.jobs import BUCKETS
from simcost.present.chart_style import OKABE_ITO, colours, shades_of_parts
from simcost.studies.plans import cost_charts, fleet_view
from simcost.studies.plans.job_charts import gpus_over_time, wait_spread
from simcost.studies.plans.sections import pictures, read

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    parts = pictures(*read(build(tmp_path_factory.mktemp("charts") / "out")))
    return {part.title: part.chart() for part in parts if part.chart}


def datasets(chart: Any) -> list[list[dict[str, Any]]]:
    """The rows that each part of a chart draws."""
    spec = chart if isinstance(chart, dict) else chart.to_dict()
    return [json.loads(text) for text in spec["datasets"].values()]


def rows(chart: Any) -> int:
    return sum(map(len, datasets(chart)))


def colour_of_plans(spec: Any) -> set[tuple[tuple[str, str], ...]]:
    """Every mapping from plan to colour in a chart."""
    if isinstance(spec, list):
        return set().union(*map(colour_of_plans, spec))
    if not isinstance(spec, dict):
        return set()
    own = set()
    if spec.get("field") == "plan" and "scale" in spec and str(spec["scale"]["range"][0]).startswith("#"):
        own = {tuple(zip(spec["scale"]["domain"], spec["scale"]["range"], strict=True))}
    return own | set().union(*map(colour_of_plans, spec.values()), set())


def test_every_chart_renders_with_a_title_that_names_its_unit(drawn: dict[str, Any]) -> None:
    for name, chart in drawn.items():
        spec = chart.to_dict()  # validates against the schema
        assert re.search(r"USD|%|seconds|count", spec["title"]["text"]), name
        svg = cost_charts.to_svg(chart)
        assert svg.startswith("<svg"), name
        assert "NaN" not in svg
        assert "undefined" not in svg


def test_a_panel_of_jobs_that_never_wait_has_numbers_at_its_axis() -> None:
    plans = [{"name": "idle"}, {"name": "busy"}]
    own = {"plans": plans, "replications": 1, "provenance": {"horizon_s": 3600.0}}
    held = [{"plan": plan["name"], "t_s": 0.0, "jobs": 1, "requests": 0, "waiting_jobs": 0} for plan in plans]
    spec = gpus_over_time(own, pa.Table.from_pylist(held)).to_dict()
    axes = [panel["encoding"]["y"]["scale"] for row in spec["vconcat"] for panel in row["hconcat"]]
    assert len(axes) == 4
    assert all(axis["domain"][1] > 0 for axis in axes)


def test_the_target_of_waits_says_what_it_is() -> None:
    own = {"plans": [{"name": "a", "slo": {"targets": {"wait_s p95": 3600.0}}}], "replications": 1}
    waits = [{"plan": "a", "metric": "wait_s", "value_s": 7200.0 * share, "quantile": share} for share in (0.5, 1.0)]
    chart = wait_spread(own, pa.Table.from_pylist(waits))
    assert [{"x": 3600.0, "label": "P95 target 60 min"}] in datasets(chart)


def test_png_has_the_scale_asked_for(drawn: dict[str, Any]) -> None:
    one, two = (cost_charts.to_png(drawn["Where the money went"], scale) for scale in (1, 2))
    assert one.startswith(b"\x89PNG")
    assert [int.from_bytes(png[16:20], "big") for png in (one, two)][1] == 2 * int.from_bytes(one[16:20], "big")


def test_colours_follow_the_order_of_the_document_in_every_chart(drawn: dict[str, Any]) -> None:
    expected = tuple(zip(PLANS, OKABE_ITO, strict=False))
    for name in ("Cost against service level", "Latency"):
        assert colour_of_plans(drawn[name].to_dict()) == {expected}, name


def test_a_plan_keeps_its_colour_when_its_rows_are_missing() -> None:
    columns = tables(PLANS[1:], 3)["latency"]
    chart = cost_charts.latency_cdf(document(), pa.table(columns))
    assert colour_of_plans(chart.to_dict()) == {tuple(colours(document()).items())}


def test_where_no_request_is_completed_there_is_no_chart_of_latencies() -> None:
    columns = tables(PLANS, 3)
    columns["latency"]["value_s"] = [None] * len(columns["latency"]["plan"])
    shown = {name: pa.table(table) for name, table in columns.items()}
    shown["latency"] = shown["latency"].set_column(3, "value_s", shown["latency"]["value_s"].cast(pa.float64()))
    assert {part.title for part in pictures(document(), shown)} >= {"Service level by hour", "Fleet"}
    assert "Latency" not in {part.title for part in pictures(document(), shown)}


@pytest.mark.parametrize(("plans", "hours"), [(2, 24 * 60), (7, 24 * 14)])
def test_no_chart_holds_more_than_about_2000_rows(plans: int, hours: int) -> None:
    names = tuple(f"plan {i}" for i in range(plans))
    shown = {name: pa.table(columns) for name, columns in tables(names, hours).items()}
    for part in pictures(document(names, hours), shown):
        assert rows(part.chart()) <= 2100, part.title


def test_thinning_keeps_the_worst_hour() -> None:
    names = ("one", "two")
    columns = tables(names, 24 * 90)["hours"]
    columns["attainment"] = [1.0] * len(columns["plan"])
    columns["attainment"][777] = 0.5
    chart = cost_charts.slo_heat(document(names, 24 * 90), pa.table(columns)).to_dict()
    cells = [row for rows in datasets(chart) for row in rows]
    assert [row["percent"] for row in cells if row["class"] != "met"] == [50.0]
    assert "worst hour of every 3 h" in chart["title"]["text"]


def test_a_short_run_shows_each_of_its_windows_in_minutes() -> None:
    starts = [0.0, 300.0, 600.0]
    columns = {"plan": ["one"] * 3, "start_s": starts, "arrived": [9] * 3, "attainment": [1.0, 0.5, None]}
    chart = cost_charts.slo_heat(document(("one",), 0.2), pa.table(columns)).to_dict()
    cells = [row for rows in datasets(chart) for row in rows]
    assert [(row["start"], row["end"], row["percent"]) for row in cells] == [
        (0, 5, 100),
        (5, 10, 50),
        (10, 12, None),
    ]
    assert "every 5 min" in chart["title"]["text"]


def test_thinning_keeps_the_longest_queue_and_every_change_of_the_fleet() -> None:
    columns = tables(("one",), 48)["timeline"]
    columns["waiting"][1234] = 9999
    columns["ready"] = [3] * 1000 + [4] * (len(columns["ready"]) - 1000)
    columns["starting"] = columns["draining"] = [0] * len(columns["ready"])
    columns["desired"] = columns["ready"]
    chart = cost_charts.fleet_timeline(document(("one",), 48), pa.table(columns)).to_dict()
    sets = datasets(chart)
    assert max(row.get("waiting", 0) for rows in sets for row in rows) == 9999
    assert [row["ready"] for rows in sets for row in rows if "ready" in row] == [3, 4, 4]


def test_of_many_services_one_chart_shows_all_of_the_chosen_plan() -> None:
    services, plans = [f"service {i}" for i in range(5)], ("one", "two")
    alone = document(plans, 24)
    served = [{**alone["plans"][0], "name": name} for name in services]
    served[1] = {**served[1], "slo": {**served[1]["slo"], "target": 0.5}}
    found = alone | {"plans": [{**plan, "services": served} for plan in alone["plans"]], "best": "two"}
    shown = {}
    for name in ("hours", "timeline", "latency"):
        each = pa.table(tables(plans, 24)[name])
        shown[name] = pa.concat_tables(each.append_column("service", pa.array([one] * len(each))) for one in services)
    drawn = {part.title: part for part in pictures(found, shown)}
    heat = drawn["Service level of all services by hour"].chart().to_dict()
    assert heat["title"]["text"].startswith("two: ")
    assert "its own target" in heat["title"]["subtitle"]
    assert {row["plan"] for rows in datasets(heat) for row in rows} == set(services)
    fleets = drawn["Fleets of all services"].chart()
    assert [len(row["hconcat"]) for row in fleets.to_dict()["vconcat"]] == [2, 2, 1]
    assert rows(fleets) <= 2100
    assert "Fleet of service 4" in drawn


def test_attainment_is_never_rounded_up_to_its_target() -> None:
    columns = tables(("one",), 2)["hours"]
    columns["attainment"] = [0.98999, 0.99]
    chart = cost_charts.slo_heat(document(("one",), 2), pa.table(columns)).to_dict()
    cells = [row for rows in datasets(chart) for row in rows]
    assert [(row["label"], row["class"]) for row in cells] == [
        ("98.9", "missed by up to 1 point"),
        ("", "met"),
    ]


@pytest.mark.parametrize("unused_usd", [0.0, 500.0])
def test_the_stack_adds_up_to_the_cost_per_month(unused_usd: float) -> None:
    told = document()
    cost = told["plans"][0]["cost_usd"]
    cost["per_month_by_part"]["unused_commitment"] = unused_usd
    cost["per_month"] += unused_usd
    cells = [row for rows in datasets(cost_charts.cost_stack(told)) for row in rows]
    for plan in told["plans"]:
        parts = sum(row["value"] for row in cells if row["group"] == plan["name"] and "part" in row)
        assert parts == pytest.approx(plan["cost_usd"]["per_month"])


def test_an_interval_that_rounds_to_its_mean_is_not_written() -> None:
    told = document(PLANS[:1])
    told["plans"][0]["cost_usd"]["per_month"] = 1375.1
    for half_usd, label in ((0.2, "$1,375"), (2.0, "$1,375  ($1,373 to $1,377)")):
        told["plans"][0]["intervals"]["per_month_usd"] = {"lo": 1375.1 - half_usd, "hi": 1375.1 + half_usd}
        rows = [row for rows in datasets(cost_charts.cost_stack(told)) for row in rows]
        assert [row["label"] for row in rows if "mean" in row] == [label]


@pytest.mark.parametrize("bucket", BUCKETS)
def test_money_of_every_bucket_of_gpu_time_is_drawn(bucket: str) -> None:
    told = document(PLANS[:1])
    cost = told["plans"][0]["cost_usd"]
    cost["per_month_by_part"] = {bucket: cost["per_month"]}
    cells = [row for rows in datasets(cost_charts.cost_stack(told)) for row in rows]
    drawn_usd = sum(row["value"] for row in cells if "part" in row)
    assert drawn_usd == pytest.approx(cost["per_month"])


@pytest.mark.parametrize("part", ["idle", "unallocated"])
def test_a_part_that_its_name_does_not_explain_is_explained(part: str) -> None:
    told = document(PLANS[:1])
    cost = told["plans"][0]["cost_usd"]
    cost["per_month_by_part"] = {part: cost["per_month"]}
    [note] = cost_charts.cost_stack(told).to_dict()["title"]["subtitle"]
    assert note.startswith(f"{part.capitalize()}: ")


def test_one_replication_and_an_idle_plan_draw_without_intervals() -> None:
    told = document(PLANS[:3], 3)
    for plan in told["plans"]:
        plan["intervals"] = dict.fromkeys(plan["intervals"])
    told["plans"][0]["slo"] |= {"attainment": None, "met": False}
    told["plans"][1]["cost_usd"] |= {"total": 0.0, "per_month": 0.0}
    told["plans"][2]["slo"]["limits"]["ttft_s"] = None
    columns = tables(PLANS[:3], 3)
    columns["hours"]["attainment"][0] = None
    shown = {name: pa.table(values) for name, values in columns.items()}
    for part in pictures(told, shown):
        assert "NaN" not in cost_charts.to_svg(part.chart()), part.title


def test_intervals_of_attainment_end_at_100_percent_and_cents_look_like_cents() -> None:
    told = document(PLANS[:2])
    for plan, usd in zip(told["plans"], (40_000.00, 40_000.01), strict=True):
        plan["cost_usd"]["per_month"] = usd
        plan["intervals"] = {"per_month_usd": None, "attainment": {"lo": 0.6, "hi": 1.3}}
    chart = cost_charts.cost_against_slo(told).to_dict()
    points = [row for rows in datasets(chart) for row in rows if "usd" in row]
    assert {row["attainment_hi"] for row in points} == {100.0}
    [lo, hi] = next(
        layer["encoding"]["x"]["scale"]["domain"] for layer in chart["layer"] if "shape" in layer["encoding"]
    )
    assert hi - lo > 3_000


@pytest.mark.parametrize("near", [0, 1])
def test_the_label_of_the_target_stands_away_from_the_plan_that_is_near_it(near: int) -> None:
    told = document(PLANS[:2])
    for number, (plan, usd) in enumerate(zip(told["plans"], (10_000.0, 40_000.0), strict=True)):
        plan["cost_usd"]["per_month"] = usd
        plan["slo"] |= {"target": 0.99, "attainment": 0.991 if number == near else 0.999}
        plan["intervals"] = {"per_month_usd": None, "attainment": None}
    assert (label_place(told) > 25_000) == (near == 0)


def test_the_label_of_the_target_stands_on_no_interval_of_a_plan() -> None:
    told = document(PLANS[:4])
    for plan, usd, lo in zip(
        told["plans"], (2_900.0, 3_200.0, 5_100.0, 5_600.0), (0.987, 0.9895, 1.0, 0.984), strict=True
    ):
        plan["cost_usd"]["per_month"] = usd
        plan["slo"] |= {"target": 0.99, "attainment": min(lo + 0.008, 1.0)}
        plan["intervals"] = {"per_month_usd": None, "attainment": {"lo": lo, "hi": 1.0}}
    assert 3_500 < label_place(told) < 5_000


def test_plans_at_one_point_are_all_seen_and_named() -> None:
    """The mark of the second lay on that of the first and had its size, so that a plan was missing on the chart."""
    told = document(PLANS[:4])
    for plan, usd in zip(told["plans"], (10_000.0, 10_001.0, 40_000.0, 40_000.0), strict=True):
        plan["cost_usd"]["per_month"] = usd
        plan["slo"] |= {"target": 0.99, "attainment": 0.999 if plan is not told["plans"][3] else 0.995}
        plan["intervals"] = {"per_month_usd": None, "attainment": None}
    chart = cost_charts.cost_against_slo(told)
    sizes = {row["plan"]: row["size"] for rows in datasets(chart) for row in rows if "size" in row}
    assert [sizes[name] == 190 for name in PLANS[:4]] == [True, False, True, True]
    assert chart.to_dict()["title"]["subtitle"][1:] == [
        f"At one point, the smaller on the larger: {PLANS[0]} and {PLANS[1]}."
    ]


def test_forty_plans_at_one_point_are_named_in_one_line() -> None:
    made = document()
    made["plans"] = [made["plans"][0] | {"name": f"plan-{number}"} for number in range(40)]
    [_, note] = cost_charts.cost_against_slo(made).to_dict()["title"]["subtitle"]
    assert note == "At one point, the smaller on the larger: plan-0, plan-1, plan-2 and 37 more."


def label_place(told: dict[str, Any]) -> float:
    """Cost at which the label of the target stands."""
    [place] = {row["along"] for data in datasets(cost_charts.cost_against_slo(told)) for row in data if "along" in row}
    return float(place)


def test_names_of_plans_stay_text(tmp_path: Path) -> None:
    names = ("<script>alert(1)</script>", 'a & "b"')
    chart = cost_charts.cost_stack(document(names))
    assert "<script>" not in cost_charts.to_svg(chart)
    assert json.dumps(chart.to_dict())


def test_sixteen_parts_of_a_bar_have_colours_of_their_own() -> None:
    shades = shades_of_parts(16)
    assert tuple(shades[:8]) == OKABE_ITO
    assert len(set(shades)) == 16
    assert all(re.fullmatch("#[0-9A-F]{6}", shade) for shade in shades)


def test_a_legend_names_all_of_forty_plans() -> None:
    """A plan that the legend leaves out has a mark that nobody can read."""
    made = document()
    made["plans"] = [made["plans"][0] | {"name": f"plan-{number}"} for number in range(40)]
    svg = cost_charts.to_svg(cost_charts.cost_against_slo(made))
    assert [number for number in range(40) if f">plan-{number}<" not in svg] == []


@pytest.mark.parametrize("replications", [1, 3])
def test_the_chart_of_demand_and_fleet_says_which_replication_it_shows(replications: int) -> None:
    made = document() | {"replications": replications}
    name = made["plans"][0]["name"]
    columns: dict[str, Any] = {"plan": [name], "t_s": [0.0], "waiting": [0], **{line: [1] for line in fleet_view.LINES}}
    subtitle = str(fleet_view.picture(made, pa.table(columns)).title.subtitle)
    assert ("Replication 1 of 3." in subtitle) == (replications == 3)


def test_a_long_run_draws_its_starts_and_says_what_it_leaves_out() -> None:
    """Of a year, an arbitrary minute of every 36 h was drawn: a fleet that started replicas often seemed to stand."""
    made = document(("one",), 24 * 365)
    minutes = 60 * 24 * 365
    ready = [2 if 1_000 <= minute % 10_000 < 1_030 else 1 for minute in range(minutes)]
    columns: dict[str, Any] = {"plan": ["one"] * minutes, "t_s": [60.0 * minute for minute in range(minutes)]}
    columns |= {"waiting": [0] * minutes, "needed": [1] * minutes, "desired": ready, "ready": ready}
    chart = fleet_view.picture(made, pa.table(columns))
    drawn = [row for rows in datasets(chart) for row in rows if "ready" in row]
    assert sum(row["ready"] == 2 for row in drawn) == 53
    assert "Drawn of every 36.5 h: the minute" in str(chart.title.subtitle)
    assert "days from the start" in json.dumps(chart.to_dict())


def test_a_short_run_says_of_which_stretches_it_draws_one_row() -> None:
    """Runs of less than eight hours have a row more often than each minute: of an hour, every 15 s was called 2 min."""
    columns: dict[str, Any] = {"plan": ["one"] * 480, "t_s": [7.5 * row for row in range(1, 481)]}
    columns |= dict.fromkeys(("waiting", "needed", "desired", "ready"), [1] * 480)
    chart = fleet_view.picture(document(("one",), 1), pa.table(columns))
    assert "Drawn of every 15 s: the moment" in str(chart.title.subtitle)


@pytest.mark.parametrize(("hours", "told"), [(24, False), (24 * 92, True)])
def test_samples_that_are_far_apart_are_told(hours: int, told: bool) -> None:
    columns = {"plan": ["one"] * 480, "t_s": [3600.0 * hours / 480 * i for i in range(480)]}
    fleet = dict.fromkeys(("desired", "ready", "starting", "draining", "running", "waiting"), [1] * 480)
    chart = cost_charts.fleet_timeline(document(("one",), hours), pa.table(columns | fleet))
    assert ("every 4.6 h" in str(chart.title.subtitle)) == told


def test_a_run_without_requests_has_no_chart_of_their_service_level() -> None:
    """It was an empty frame over an axis from $0 to $1."""
    told = document(("one", "two"), 3)
    for plan in told["plans"]:
        plan["slo"] |= {"attainment": None, "met": False}
    shown = {name: pa.table(values) for name, values in tables(("one", "two"), 3).items()}
    assert "Cost against service level" not in [part.title for part in pictures(told, shown)]


LONG = "gh200 tp 1 fp8 lambda/gpu_1x_gh200 any, replicas 1"


def texts(svg: str) -> dict[str, float]:
    """Texts of a chart with the opacity of each."""
    found = re.findall(r"<text ([^>]*)(?<!/)>(.*?)</text>", svg, re.DOTALL)
    opacities = [re.search(r'opacity="([\d.]+)"', of) for of, _ in found]
    shown = [re.sub(r"<[^>]+>", "", text) for _, text in found]
    return {text: float(one[1]) if one else 1.0 for text, one in zip(shown, opacities, strict=True)}


def test_a_long_name_of_a_plan_is_on_several_lines_beside_its_bar() -> None:
    svg = cost_charts.to_svg(cost_charts.cost_stack(document(("one", LONG))))
    for line in ("gh200 tp 1 fp8", "lambda/gpu_1x_gh200 any,", "replicas 1"):
        assert f">{line}<" in svg
    assert "…" not in svg


def test_a_label_wider_than_its_part_of_a_bar_is_hidden() -> None:
    chart = cost_charts.cost_stack(document(("one",)))
    labels = {row["label"] for rows in datasets(chart) for row in rows if row.get("part") and row["label"]}
    assert {texts(cost_charts.to_svg(chart))[label] for label in labels} == {1.0}
    assert {texts(cost_charts.to_svg(chart.properties(width=60)))[label] for label in labels} == {0.0}


@pytest.mark.parametrize(("width", "shown"), [(600, True), (200, False)])
def test_a_total_stands_without_its_interval_where_that_would_be_cut_off(width: int, shown: bool) -> None:
    """On a telephone the interval of the longest bar ended in the middle of a number."""
    chart = cost_charts.cost_stack(document(("only",))).properties(width=width)
    drawn = texts(cost_charts.to_svg(chart))
    assert {text: opacity for text, opacity in drawn.items() if "$27,400" in text} == {
        "$27,400  ($26,578 to $28,222)": float(shown),
        "$27,400": float(not shown),
    }
