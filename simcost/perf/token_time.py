"""Engine time that tokens take, apart from what steps take without them: the rule by which costs are shared."""

from simcost.perf.step_time import StepTime


def token_seconds(
    step: StepTime,
    *,
    sequences: int,
    step_tokens: int,
    prompt_tokens: int,
    output_tokens: int,
    requests: int,
    context_tokens: int,
    squared_prompts: int,
) -> float:
    """Seconds of one replica that the tokens of requests take, in steps that are full already.

        (b + g) * P + (c + g) * (O - R) + d * K + q * P2 / 2

    with g the growth of the base by a token, from a full batch to the fullest step. The first token of each request
    comes with its prompt. Where the replica speculates, a decode takes rows * g and its drafting, and the tokens that a
    step brings share it and the reading of K.

    Args:
        step: the step time of the replica.
        sequences: of a full batch.
        step_tokens: of the fullest step.
        prompt_tokens: P.
        output_tokens: O.
        requests: R.
        context_tokens: K, KV tokens that the decode steps read.
        squared_prompts: P2, sum of the squares of the prompts.

    A step that takes the same whatever it holds gives no time to tokens:

    >>> from simcost.perf.step_time import StepTime
    >>> def step(b, c):
    ...     return StepTime(a_s=1.0, b_s_per_token=b, c_s_per_sequence=c, d_s_per_token=0.0, q_s_per_pair=0.0,
    ...                     provenance="given", source="", sigma=0.0)
    >>> one = dict(sequences=8, step_tokens=64, prompt_tokens=10, output_tokens=5, requests=1, context_tokens=50,
    ...            squared_prompts=100)
    >>> token_seconds(step(0.0, 0.0), **one)
    0.0
    >>> token_seconds(step(0.5, 2.0), **one)
    13.0

    Drafts that bring two tokens a step, and take nothing themselves, halve the time of decodes:

    >>> from dataclasses import replace
    >>> from simcost.perf.drafting import Drafting
    >>> drafting = Drafting(rates=(1.0,), slots=0, base=((0, 0.0), (1, 0.0)))
    >>> token_seconds(replace(step(0.5, 2.0), draft=drafting), **one)
    9.0
    """
    batch = min(sequences * step.rows, step_tokens - 1)
    growth = max(step.base_seconds(float(step_tokens)) - step.base_seconds(float(batch)), 0.0) / (step_tokens - batch)
    drafting = 0.0 if step.draft is None else float(step.draft.seconds(float(sequences))) / sequences
    decodes = (step.c_s_per_sequence + step.rows * growth + drafting) * (output_tokens - requests)
    return (
        (step.b_s_per_token + growth) * prompt_tokens
        + (decodes + step.d_s_per_token * context_tokens) / step.tokens_per_step
        + step.q_s_per_pair * squared_prompts / 2
    )
