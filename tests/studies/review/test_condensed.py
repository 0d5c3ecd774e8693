"""Reviews of many services: a row says for which plans it holds, and no figure is lost."""

from typing import Any

import pytest

from simcost.present.format import NONE
from simcost.present.parts import Part
from simcost.studies.review.condensed import EVERY, condensed, limits_of_services, terms_by_group
from simcost.studies.review.result import PlanTerms
from simcost.studies.review.short_scenario import with_defaults

PLANS, SERVICES = ("a", "a: b"), ("chat", "code", "code: large", "routing")
DOCUMENT: dict[str, Any] = {
    "plans": [{"name": plan, "services": [{"name": one} for one in SERVICES]} for plan in PLANS]
}


def table(title: str, cells: dict[tuple[str, str], str], *, apart: bool) -> Part:
    """A part with a row for each service and plan."""
    rows = [
        ({"Service": service, "Plan": plan} if apart else {"plan": f"{service}: {plan}"}) | {"TTFT": cell}
        for (service, plan), cell in cells.items()
    ]
    return Part(title=title, rows=rows)


def test_tables_of_thousands_of_tenants_are_cut_where_a_terminal_cuts_them() -> None:
    """Their review had a row for each; printing it as PDF did not end."""
    part = Part(
        title="By tenant", rows=[{"Tenant": f"t{k}"} for k in range(10_000)], said=["why"], most=40, closed=True
    )
    [found] = condensed([part], {"plans": [{"name": "a"}]})
    assert (found.rows, found.closed) == (part.rows[:40], False)
    assert found.said == ["The first 40 of 10,000 rows; `simcost run --json` and `result.json` have all.", "why"]
    short = Part(title="By tenant", rows=part.rows[:40], most=40)
    assert condensed([short], {"plans": [{"name": "a"}]}) == [short]


CELLS = {(service, plan): "1 s" if service == "chat" else f"{plan} s" for service in SERVICES for plan in PLANS}


@pytest.mark.parametrize("apart", [True, False])
def test_rows_that_differ_in_the_plan_alone_are_one(apart: bool) -> None:
    [part] = condensed([table("Latency", CELLS, apart=apart)], DOCUMENT)
    assert part.rows is not None
    assert len(part.rows) == 1 + 2 * (len(SERVICES) - 1)
    assert list(part.rows[0].values())[-1] == "1 s"
    assert list(part.rows[0].values())[:-1] == (["chat", EVERY] if apart else [f"chat: {EVERY}"])
    said = {(row["TTFT"], row["Plan"]) for row in part.rows if apart and row["Service"] == "code"}
    assert said == ({("a s", "a"), ("a: b s", "a: b")} if apart else set())


def test_other_rows_and_results_without_services_stay() -> None:
    parts = [Part(title="Plans", rows=[{"Plan": "a", "$": "1"}]), table("Latency", CELLS, apart=False)]
    assert condensed(parts[:1], DOCUMENT) == parts[:1]
    assert condensed(parts, {"plans": [{"name": "a"}]}) == parts


def test_charts_of_each_service_leave_where_one_shows_all() -> None:
    single = [Part(title=title, chart=dict) for title in ("Latency of chat", "Fleet of code", "Fleet of nobody")]
    every = Part(title="Service level of all services by hour", chart=dict)
    assert [part.title for part in condensed(single, DOCUMENT)] == [part.title for part in single]
    kept = condensed([*single, every], DOCUMENT)
    assert [part.title for part in kept] == ["Fleet of nobody", every.title]
    assert "report.html" in kept[-1].said[0]


def test_services_on_the_same_terms_share_a_row() -> None:
    def terms(plan: str, offer: str = "aws/one") -> PlanTerms:
        return PlanTerms(
            plan=plan, hardware="l4", offer=offer, region="here", usd_per_h=1.0, terms="on demand", scaling="fixed, 1"
        )

    rows = [terms("a: chat"), terms("a: code", "aws/two"), terms("a: routing"), terms("a: b: chat"), terms("a: b")]
    assert [(plan, group, term.offer) for plan, group, term in terms_by_group(rows, PLANS)] == [
        ("a", "chat, routing", "aws/one"),
        ("a", "code", "aws/two"),
        ("a: b", "chat", "aws/one"),
    ]


def test_limits_stand_once_for_each_service() -> None:
    futures = [{"name": "futures", "target": 0.9}]  # the checks of a forecast are not of the attainment
    slo = {
        "limits": {"ttft_s": 2.0, "tpot_s": None, "e2e_s": 60.0},
        "targets": {"attainment": 0.95},
        "checks": futures,
    }
    without = {"limits": {}, "targets": {}, "checks": futures}
    document = {"plans": [{"services": [{"name": "chat", "slo": slo}, {"name": "jobs", "slo": without}]}]}
    first, second = limits_of_services(document)
    assert list(first.values()) == ["chat", "TTFT 2 s, E2E 60 s", "95.0 %"]
    assert list(second.values())[1:] == [NONE, NONE]
    assert limits_of_services({"plans": [{}]}) == []


def test_defaults_say_what_is_shared_and_plans_the_rest() -> None:
    fixed, scaled = {"kind": "fixed", "replicas": 1}, {"kind": "target", "max": 3}
    part = {"scaling": scaled, "replica": {"gpu": "l4", "tp": 1}, "startup": {"node": 1.0, "engine": 2.0}}
    plans = [
        {"name": "own", "services": {"chat": part, "code": {**part, "replica": {"gpu": "l4", "tp": 2}}}},
        {"name": "shared", "startup": {"node": 1.0}, "services": {"chat": {**part, "scaling": fixed}, "code": part}},
    ]
    shared, short = with_defaults(plans)
    assert shared["scaling"] == scaled
    assert shared["startup"] == {"engine": 2.0}, "the node is one of the plan"
    assert short[1]["services"]["chat"] == {"scaling": fixed}
    assert short[0]["services"]["code"]["replica"] == {"tp": 2}
    assert shared["services"] == {"chat": {"startup": {"node": 1.0}}, "code": {"startup": {"node": 1.0}}}
