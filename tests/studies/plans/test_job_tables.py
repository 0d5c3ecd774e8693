"""Tables of jobs: failures are a column where a plan has some."""

from simcost.studies.plans.job_tables import times

COUNTS = {"submitted": 3, "completed": 3, "failed": 0, "in_system": 0, "preemptions": 0}
LEVELS = dict.fromkeys(("p50", "p95", "p99"), 1.0)


def plan(**more):
    shared = {"name": "small", "gpus": 8, "wait_s": LEVELS, "jct_s": LEVELS, "gpu_share": {"lost": 0.0}}
    return shared | {"jobs": COUNTS | more}


def test_failures_are_a_column_where_a_plan_has_some():
    [first, second] = times({"plans": [plan(failures=0), plan(failures=20)]})
    assert (first["Failures"], second["Failures"]) == ("0", "20")
    assert "Failures" not in times({"plans": [plan(failures=0)]})[0]


def test_results_of_before_have_no_count_of_failures():
    assert "Failures" not in times({"plans": [plan()]})[0]
