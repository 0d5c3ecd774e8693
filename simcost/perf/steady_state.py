"""The mean time per output token of clients that always have one request each in service."""

from typing import NamedTuple

from simcost.perf.step_time import StepTime


class MeasuredTpot(NamedTuple):
    """A measurement of the user in a closed loop."""

    prompt_tokens: int
    output_tokens: int
    clients: int
    tpot_s: float


def steady_tpot_s(
    step: StepTime, prompt_tokens: int, output_tokens: int, clients: float, max_num_batched_tokens: int
) -> float:
    """Mean time of a token of each sequence at a steady state of `clients` running sequences.

    Each step decodes all of them. For each of their tokens it prefills prompt / output tokens in the mean, which come
    in chunks of a prompt or of the token budget: a share of the steps holds one, the others decode alone. Steps are
    evaluated one by one, since their time is not linear in their tokens.
    """
    prefill = clients * step.tokens_per_step * prompt_tokens / output_tokens
    chunk = max(min(prompt_tokens, max_num_batched_tokens), prefill)
    kv_tokens, share = clients * (prompt_tokens + output_tokens / 2), prefill / chunk
    with_chunk = step.seconds(chunk, clients, kv_tokens, chunk * prompt_tokens / 2)
    step_s = share * with_chunk + (1 - share) * step.seconds(0, clients, kv_tokens, 0)
    return step_s / step.tokens_per_step
