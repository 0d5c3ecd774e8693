"""Answers of a service whose requests are sent on: times that follow each other, and what is late elsewhere."""

from dataclasses import replace

import numpy as np
from support.ledgers import outcomes

from simcost.ledger.answers import Answers
from simcost.ledger.requests import LatencyLimits

TIMES = ("arrival_s", "prompt_tokens", "output_tokens", "ttft_s", "e2e_s", "sent_on_s")
NO = np.nan


def answers(status: list[int], **given: list[float]) -> Answers:
    columns = dict.fromkeys(TIMES, [NO] * len(status)) | given
    return Answers(status=np.array(status), **{name: np.array(values, float) for name, values in columns.items()})


def test_answers_are_those_of_the_requests_and_of_later_ones_nothing_is_known() -> None:
    taken = answers([1, 2], **{name: [i, i + 0.5] for i, name in enumerate(TIMES)}).of(np.array([1, 2, 0]))
    assert taken.status.tolist() == [2, 0, 1]
    assert taken.completed.tolist() == [False, False, True]
    assert taken.failed.tolist() == [True, False, False]
    for i, name in enumerate(TIMES):
        np.testing.assert_array_equal(getattr(taken, name), [i + 0.5, NO, i])


def test_times_after_a_request_was_sent_on_follow_the_first_answer() -> None:
    first = answers([1, 1, 1], e2e_s=[2.0, 4.0, 9.0], ttft_s=[1.0, 1.0, 1.0])
    further = answers([1, 0], ttft_s=[0.5, NO], e2e_s=[3.0, NO], sent_on_s=[NO, 0.25])
    final = first.sent_on(np.array([0, 1]), further)
    assert final.status.tolist() == [1, 0, 1]
    np.testing.assert_array_equal(final.ttft_s, [2.5, NO, 1.0])
    np.testing.assert_array_equal(final.e2e_s, [5.0, NO, 9.0])
    np.testing.assert_array_equal(final.sent_on_s, [2.0, 4.25, NO])  # the second was sent on again, there


def test_a_request_at_work_elsewhere_is_late_past_its_limits() -> None:
    own = replace(outcomes([{"arrived": 5}]), limits=LatencyLimits(ttft_s=3.0, e2e_s=50.0))
    found = answers(
        [0, 0, 0, 0, 1],
        arrival_s=[10.0, 90.0, 90.0, 10.0, 10.0],  # the first is past its E2E, of the others one is sent on late
        sent_on_s=[1.0, 2.0, 4.0, NO, 1.0],  # the fourth is at work here, which the service itself counts
        ttft_s=[NO, NO, NO, NO, 1.0],
        e2e_s=[NO, NO, NO, NO, 2.0],
        prompt_tokens=[1.0] * 5,
        output_tokens=[1.0] * 5,
    ).outcomes(own, horizon_s=100.0)
    assert found.windows["late"].to_pylist() == [2]
    assert (found.completed, found.in_system) == (1, 4)
