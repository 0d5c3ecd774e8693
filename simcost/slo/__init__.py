"""Service levels of requests and of jobs, from ledgers alone."""

from simcost.slo.jobs import JobReport, assess_jobs
from simcost.slo.requests import SloReport, assess
from simcost.slo.targets import SHARES_TO_REACH, Check, Slo

__all__ = ["SHARES_TO_REACH", "Check", "JobReport", "Slo", "SloReport", "assess", "assess_jobs"]
