"""Spans of OpenTelemetry as requests: OTLP JSON of a collector, or one span an object as the SDKs print it.

Names are those of the GenAI semantic conventions, now and before v1.27, and of the instrumentations before them.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from simcost.tables.json_objects import Rows
from simcost.trace.requests.cached_tokens import COLUMN as CACHED_TOKENS
from simcost.units import NS_PER_S

_PROMPT = (
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.prompt_tokens",
    "llm.usage.prompt_tokens",
    "llm.token_count.prompt",
)
_OUTPUT = (
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.completion_tokens",
    "llm.usage.completion_tokens",
    "llm.token_count.completion",
)
_MODEL = ("gen_ai.request.model", "gen_ai.response.model", "llm.request.model", "llm.model_name")
_CACHED = (
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_read_input_tokens",
    "gen_ai.usage.input_tokens.cached",
    "llm.token_count.prompt_details.cache_read",
)
_WRITTEN = (
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens",
    "llm.token_count.prompt_details.cache_write",
)
_TTFT = (
    "gen_ai.response.time_to_first_chunk",
    "gen_ai.latency.time_to_first_token",
    "gen_ai.server.time_to_first_token",
    "gen_ai.client.operation.time_to_first_chunk",
)
_TTFT_MS = ("ai.response.msToFirstChunk", "ai.response.msToFirstToken")
"""As the AI SDK of Vercel names it."""
OPERATION = "gen_ai.operation.name"
_KINDS = ("openinference.span.kind", "llm.request.type")
"""Operations of instrumentations that give them other names."""
_NOT_GENAI = "(none: no GenAI span)"
_E2E = "gen_ai.latency.e2e"
_OTHER_SIGNALS = ("resourceLogs", "resourceMetrics")


def span_rows(value: Mapping[str, Any]) -> Rows:
    """The spans of an OTLP document, or the span that an object is, with token counts under our names.

    Raises:
        ValueError: it holds no spans.
    """
    if "resourceSpans" in value:
        rows = (_row(span, resource) for span, resource in _otlp_spans(value))
        return [(f"span {number}", row) for number, row in enumerate(rows, start=1)]
    if any(name in value for name in _OTHER_SIGNALS):
        return []
    if not isinstance(value.get("attributes"), (dict, list)):
        raise ValueError("neither resourceSpans nor a span with attributes; write OTLP as JSON")  # noqa: TRY004
    resource = value.get("resource")
    return [("", _row(value, _attributes(resource.get("attributes")) if isinstance(resource, dict) else {}))]


def _otlp_spans(value: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], dict[str, Any]]]:
    """Spans, each with the attributes of its resource."""
    for group in _objects(value.get("resourceSpans")):
        resource = group.get("resource")
        shared = _attributes(resource.get("attributes")) if isinstance(resource, dict) else {}
        for scope in _objects(group.get("scopeSpans", group.get("instrumentationLibrarySpans"))):
            for span in _objects(scope.get("spans")):
                yield span, shared


def _objects(value: Any) -> list[dict[str, Any]]:
    """A list of objects. Raises ValueError if it is none."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ValueError("resourceSpans, scopeSpans and spans must be lists of objects, as OTLP has them")
    return value


def _row(span: Mapping[str, Any], resource: Mapping[str, Any]) -> dict[str, Any]:
    """Fields, attributes and resource of a span in one object; its own attributes win."""
    own = _attributes(span.get("attributes"))
    context = span.get("context")
    row = {
        **resource,
        **_ids(context if isinstance(context, dict) else {}, span),
        **{key: value for key, value in span.items() if not isinstance(value, (dict, list))},
        **own,
    }
    if str(row.get("startTimeUnixNano")) == "0":  # unknown
        row["startTimeUnixNano"] = None
    unnamed = "" if any(key.startswith(("gen_ai.", "llm.")) for key in own) else _NOT_GENAI
    duration_s = _duration_s(row.get("startTimeUnixNano"), row.get("endTimeUnixNano"))
    if duration_s is not None:
        row.setdefault(_E2E, duration_s)
    ttft_ms = _first(own, _TTFT_MS)
    cached = _first(own, _CACHED)
    return row | {
        "prompt_tokens": _prompt(_first(own, _PROMPT), cached, _first(own, _WRITTEN)),
        CACHED_TOKENS: cached,
        "ttft_s": ttft_ms * 1e-3 if isinstance(ttft_ms, (int, float)) else _first(own, _TTFT),
        "parentSpanId": row.get("parentSpanId"),
        "output_tokens": _first(own, _OUTPUT),
        "model": _first(own, _MODEL),
        "status": _status(span.get("status")),
        OPERATION: _first(own, (OPERATION, *_KINDS)) or unnamed,
    }


def _prompt(counted: Any, cached: Any, written: Any) -> Any:
    """Tokens of the prompt, which hold those of the cache; where these are more, the instrumentation left them out."""
    try:
        apart = int(cached or 0) + int(written or 0)
        return int(counted) + apart if apart > int(counted) else counted
    except (TypeError, ValueError):
        return counted


def _ids(context: Mapping[str, Any], span: Mapping[str, Any]) -> dict[str, Any]:
    """Names of a span, of its trace and of the span that holds it, of spans as the SDKs print them."""
    ids = {"traceId": context.get("trace_id"), "spanId": context.get("span_id"), "parentSpanId": span.get("parent_id")}
    return {name: value for name, value in ids.items() if value is not None}


def _duration_s(start_ns: Any, end_ns: Any) -> float | None:
    """Length of a span, which ends with the last token; None where a time is unknown."""
    try:
        length_s = (int(end_ns) - int(start_ns)) / NS_PER_S
    except (TypeError, ValueError):
        return None
    return length_s if length_s > 0 else None


def _first(attributes: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((attributes[name] for name in names if attributes.get(name) is not None), None)


def _status(value: Any) -> Any:
    """The code of a status: OTLP has it as number or name, SDKs print its name."""
    return value.get("code", value.get("status_code")) if isinstance(value, dict) else value


def _attributes(value: Any) -> dict[str, Any]:
    """Attributes as one object, of OTLP's list of keys and typed values, or of an object."""
    if isinstance(value, dict):
        return value
    if not isinstance(value, list):
        return {}
    return {
        item["key"]: _typed(item.get("value"))
        for item in value
        if isinstance(item, dict) and isinstance(item.get("key"), str)
    }


def _typed(value: Any) -> Any:
    """Value in `{"intValue": "503"}`."""
    return next(iter(value.values()), None) if isinstance(value, dict) else value
