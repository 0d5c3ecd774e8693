"""Answers to some requests of a service, of which the last came after the end of its run."""

import numpy as np

from simcost.ledger.answers import Answers

TIMES = ("arrival_s", "prompt_tokens", "output_tokens", "ttft_s", "e2e_s", "sent_on_s")


def test_answers_are_those_of_the_requests_and_of_later_ones_nothing_is_known() -> None:
    answers = Answers(status=np.array([1, 2]), **{name: np.array([i, i + 0.5]) for i, name in enumerate(TIMES)})
    taken = answers.of(np.array([1, 2, 0]))
    assert taken.status.tolist() == [2, 0, 1]
    assert taken.completed.tolist() == [False, False, True]
    assert taken.failed.tolist() == [True, False, False]
    for i, name in enumerate(TIMES):
        np.testing.assert_array_equal(getattr(taken, name), [i + 0.5, np.nan, i])
