"""Service levels of requests and of jobs, from ledgers alone."""

from simcost.slo.jobs import JobReport, assess_jobs
from simcost.slo.requests import SloReport, assess
from simcost.slo.targets import FUTURES, Check, Slo, is_attainment, is_to_reach

__all__ = ["FUTURES", "Check", "JobReport", "Slo", "SloReport", "assess", "assess_jobs", "is_attainment", "is_to_reach"]
