"""Replays laid out for people."""

import pytest
from support.jobs_of import jobs_of
from support.shown import on_terminal

from simcost.plan.scheduling import DeadlineAware, FifoSkip, FifoStrict
from simcost.sim.jobs.document import replay_document
from simcost.sim.jobs.simulate import schedule
from simcost.studies.scheduling.packing import policies_verdict
from simcost.studies.scheduling.view import parts, policies

pytestmark = pytest.mark.slow

text = on_terminal(parts)


def test_a_replay_in_words_and_tables() -> None:
    jobs = jobs_of(
        [0, 0, 60], [3600, 7200, 60], [4, 4, 9], pool=[0, 1, 0], pools=("a", "b"), deadline_s=[3600, 3600, -1]
    )
    ledger = schedule(jobs, 4, DeadlineAware())
    shown = text(replay_document(jobs, ledger, DeadlineAware())).splitlines()
    assert " ".join(line.strip() for line in shown[:2]) == (
        "deadline on 4 GPUs: 2 of 3 jobs completed, mean wait 30 min, 100.0 % of the GPU time allocated; 1 wider "
        "than their pool, rejected."
    )
    assert [line.split() for line in shown[5:8]] == [
        ["wait", "30", "min", "30", "min", "57", "min", "59.4", "min", "60", "min"],
        ["completion", "(JCT)", "2", "h", "2", "h", "2.9", "h", "2.98", "h", "3", "h"],
        ["bounded", "slowdown", "1.25,", "makespan", "3", "h,", "0", "preemptions"],
    ]
    assert shown[11].split() == ["useful", "work", "12"]
    assert " ".join(line.strip() for line in shown[13:15]) == (
        "Deadlines: 1 of 2 met, mean tardiness 60 min; 1 could not be met by their limits even without a queue."
    )
    assert shown[-1].split() == ["b", "1", "8", "60", "min", "60", "min", "3", "h"]


def test_policies_side_by_side() -> None:
    jobs = jobs_of([0, 0, 0], [3600, 3600, 3600], [2, 3, 2])
    documents = [replay_document(jobs, schedule(jobs, 4, p), p) for p in (FifoStrict(), FifoSkip())]
    assert [list(row.values()) for row in policies({"policies": documents})] == [
        ["fifo-strict", "60 min", "114 min", "2 h", "2", "0", "58.3 %"],
        ["fifo-skip", "20 min", "54 min", "80 min", "1.33", "0", "87.5 %"],
    ]


def test_the_verdict_of_policies_goes_by_completion() -> None:
    jobs = jobs_of([0, 0, 0], [3600, 3600, 3600], [2, 3, 2])
    policies = (FifoStrict(), FifoSkip())
    documents = [replay_document(jobs, schedule(jobs, 4, policy), policy) for policy in policies]
    assert policies_verdict(["fifo-strict", "fifo-skip"], documents) == (
        "Jobs complete soonest under fifo-skip: 80 min after submission on average; under fifo-strict 2 h."
    )
    assert policies_verdict(["fifo-skip"], documents[1:]).endswith("fifo-skip: 80 min after submission on average.")
