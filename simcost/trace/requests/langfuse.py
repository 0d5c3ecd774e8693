"""Exports of Langfuse, LangSmith and Amazon Bedrock: the fields of one JSON object under the names that are read."""

from collections.abc import Iterator, Mapping
from typing import Any

from simcost.tables.json_objects import Rows, at_path
from simcost.trace.requests.cached_tokens import COLUMN as CACHED_TOKENS
from simcost.trace.requests.cached_tokens import of_usage

_DETAILS = ("usageDetails", "usage_details")
_PARENT = "parentObservationId"


def observation_row(value: Mapping[str, Any]) -> Rows:
    """The observation, with its cached tokens, and with sums of its usage details where it has only these.

    Details count cached tokens of the prompt apart from `input`, as `input_cached_tokens`, `cache_read_input_tokens`
    and the like; Langfuse adds up those whose names hold `input`.
    """
    value = {**value, _PARENT: value.get(_PARENT, value.get("parent_observation_id"))}
    details = next((value[name] for name in _DETAILS if isinstance(value.get(name), dict)), None)
    if details is None:
        return [("", value)]
    cached = of_usage(details)
    found = value if cached is None else {**value, CACHED_TOKENS: cached}
    if "inputUsage" in value:
        return [("", found)]
    return [("", {**found, "inputUsage": _sum(details, "input"), "outputUsage": _sum(details, "output")})]


_RUN_USAGES = ("usage_metadata", "outputs.usage_metadata", "extra.metadata.usage_metadata", "extra.usage_metadata")
"""Places of the usage of a run, whose `input_tokens` hold those of the cache."""
_RUN_MODELS = ("extra.metadata.ls_model_name", "extra.invocation_params.model", "extra.invocation_params.model_name")


def run_row(value: Mapping[str, Any]) -> Rows:
    """A run of LangSmith with its tokens and model, wherever it has them."""
    usage = next((found for place in _RUN_USAGES if isinstance(found := at_path(value, place), dict)), {})
    found = {
        "prompt_tokens": usage.get("input_tokens"),
        "completion_tokens": usage.get("output_tokens"),
        CACHED_TOKENS: at_path(usage, "input_token_details.cache_read"),
        "model": next((name for place in _RUN_MODELS if (name := at_path(value, place))), None),
        "parent_run_id": None,
        "dotted_order": None,
        "first_token_time": None,
    }
    details = at_path(value, "prompt_token_details.cache_read")
    own = {key: each for key, each in value.items() if each is not None or key not in found}
    return [("", found | ({CACHED_TOKENS: details} if details is not None else {}) | own)]


_INVOCATION = ("input.inputTokenCount", "output.outputTokenCount")
_CACHE = {
    "input.cacheReadInputTokenCount": (
        "cacheReadInputTokenCount",
        "cacheReadInputTokens",
        "cache_read_input_tokens",
    ),
    "input.cacheWriteInputTokenCount": (
        "cacheWriteInputTokenCount",
        "cacheWriteInputTokens",
        "cache_creation_input_tokens",
    ),
}
"""Counts of the cache in a record of Bedrock, and their names in the answer that it holds."""
_USAGES = ("usage", "message.usage", "metadata.usage", "amazon-bedrock-invocationMetrics")


def invocation_row(value: Mapping[str, Any]) -> Rows:
    """A record of Bedrock; what it does not say of the cache is taken from the usage in its answer."""
    if isinstance(value.get("message"), dict) and "modelId" not in value:  # as CloudWatch exports it
        value = value["message"]
    if not any(at_path(value, name) is not None for name in ("modelId", *_INVOCATION)):
        return []
    counts = {name: at_path(value, name) for name in _CACHE}
    if None in counts.values():
        for usage in _answer_usages(at_path(value, "output.outputBodyJson")):
            for name, called in _CACHE.items():
                if counts[name] is None:
                    counts[name] = next((usage[each] for each in called if each in usage), None)
    return [("", {**value, **counts})]


def _answer_usages(body: Any) -> Iterator[Mapping[str, Any]]:
    """Usage objects of an answer, or of the parts in which it was streamed."""
    for part in body if isinstance(body, list) else [body]:
        for place in _USAGES:
            if isinstance(usage := at_path(part, place), dict):
                yield usage


def _sum(details: Mapping[str, Any], side: str) -> Any:
    """Tokens of one side, None if there are none; what is not a whole number is kept for the message."""
    counts = [count for name, count in details.items() if side in name and count is not None]
    odd = [count for count in counts if type(count) is not int and not (isinstance(count, str) and count.isdecimal())]
    return odd[0] if odd else sum(map(int, counts)) if counts else None
