"""Hours in which a plan of several services missed its SLO: those in which any of them missed its own."""

from dataclasses import replace

from support.answers import report

from simcost.scenario.runs.service_results import report_of_services
from simcost.slo.requests import SloReport


def missing(*windows_s: tuple[float, float]) -> SloReport:
    return replace(report(), missed_s=windows_s, hours_missed=sum(end - start for start, end in windows_s) / 3600)


def test_hours_are_counted_in_which_any_service_missed() -> None:
    chat, search = missing((0.0, 3600.0)), missing((3600.0, 7200.0), (7200.0, 10800.0))
    assert report_of_services([chat, search]).hours_missed == 3
    assert report_of_services([chat, chat]).hours_missed == 1
    assert report_of_services([missing(), missing()]).hours_missed == 0
