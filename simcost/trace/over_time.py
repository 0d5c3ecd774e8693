"""Steps in which a trace is shown over time."""

MOST_STEPS = 240
_STEPS_S = (1, 5, 10, 30, 60, 300, 900, 3600, 7200, 21_600, 86_400)


def step_length_s(span_s: float) -> int:
    """Length of the steps of a time, of which at most `MOST_STEPS` are whole.

    >>> step_length_s(0), step_length_s(3600), step_length_s(86_400 * 30), step_length_s(1e9)
    (1, 30, 21600, 4166667)
    """
    return next((step for step in _STEPS_S if span_s < step * MOST_STEPS), int(-(-span_s // MOST_STEPS)))
