"""The catalog in the terminal."""

from collections.abc import Callable, Mapping
from typing import Any

from simcost.present.text_table import table
from simcost.units import format_bytes, format_count, format_seconds

Row = Mapping[str, Any]
Cell = Callable[[Row], str]

_PROVENANCE = ("source", "as_of", "quality", "notes")


def text(document: Mapping[str, Any]) -> str:
    """Layout of the document of `catalog_list` or `catalog_show`."""
    return _list(document) if "rows" in document else _show(document)


def _list(document: Mapping[str, Any]) -> str:
    left, columns = _COLUMNS[document["kind"]]
    rows = [[cell(row) for cell in columns.values()] for row in document["rows"]]
    end = f"{len(rows)} {document['kind']}; newest fact {document['as_of']}; quality A first party, B catalogue, "
    return f"{table(list(columns), rows, left=left)}\n{end}C secondary or unverified"


def _show(document: Mapping[str, Any]) -> str:
    return "\n\n".join(map(_fact, document["facts"]))


def _fact(fact: Row) -> str:
    own = [key for key in fact if key not in ("kind", *_PROVENANCE)]
    shown = {key: fact[key] for key in (*own, *_PROVENANCE) if fact[key] not in (None, "")}
    width = max(map(len, shown))
    lines = [f"  {key.ljust(width)}  {_value(key, value)}" for key, value in shown.items()]
    return "\n".join([fact["kind"], *lines])


def _value(key: str, value: object) -> str:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return str(value)
    if key.endswith("_bytes"):
        return format_bytes(value)
    if key.endswith("_s") and not key.endswith("_per_s"):
        return format_seconds(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.6g}"


def _text(key: str) -> Cell:
    return lambda row: str(row[key])


def _number(key: str, scale: float = 1.0, digits: str = ",.6g") -> Cell:
    return lambda row: "-" if row[key] is None else format(row[key] / scale, digits)


def _experts(row: Row) -> str:
    return f"{row['experts_per_token']} of {row['experts']}" if row["experts"] else "-"


def _range(row: Row) -> str:
    end = "" if row["to_gb"] is None else format_count(row["to_gb"])
    return f"{format_count(row['from_gb'])} - {end}".rstrip()


def _devices(row: Row) -> str:
    return f"{row['accelerators']} x {row['accelerator']}" if row["accelerators"] else "-"


def _spot_date(row: Row) -> str:
    return "-" if row["spot_usd_per_h"] is None else str(row["spot_as_of"] or row["as_of"])


def _agreed(row: Row) -> str:
    if row["price_per_h"] is None:
        return f"{row['discount']:.1%} off"
    return f"{row['price_per_h']:,.4f} {row['currency']}"


def _rate(row: Row) -> str:
    return f"{row['discount']:.1%} off" if row["usd_per_h"] is None else f"{row['usd_per_h']:,.4f}"


def _parameters(row: Row) -> str:
    end = "" if row["parameters_to"] is None else f"{row['parameters_to'] / 1e9:g}"
    return f"{row['parameters_from'] / 1e9:g} - {end}".rstrip()


_QUALITY = {"as of": _text("as_of"), "quality": _text("quality")}
_COLUMNS: dict[str, tuple[int, dict[str, Cell]]] = {
    "accelerators": (
        1,
        {
            "accelerator": _text("name"),
            "memory, GiB": _number("memory_bytes", 2**30, ".1f"),
            "TB/s": _number("memory_bytes_per_s", 1e12, ".2f"),
            "bf16 TFLOPS": _number("bf16_flops", 1e12, ",.0f"),
            "fp8 TFLOPS": _number("fp8_flops", 1e12, ",.0f"),
            "link GB/s": _number("link_bytes_per_s", 1e9, ",.0f"),
            **_QUALITY,
        },
    ),
    "models": (
        1,
        {
            "model": _text("name"),
            "parameters, 1e9": _number("parameters", 1e9, ",.2f"),
            "layers": _number("layers"),
            "hidden": _number("hidden"),
            "heads / KV heads": lambda row: f"{row['heads']} / {row['kv_heads']}",
            "experts": _experts,
            "context": _number("context_tokens"),
            "as of": _text("as_of"),
        },
    ),
    "machines": (
        2,
        {
            "machine": lambda row: f"{row['provider']}/{row['sku']}",
            "accelerators": _devices,
            "vCPU": _number("vcpus"),
            "memory, GiB": _number("memory_bytes", 2**30, ".0f"),
            **_QUALITY,
        },
    ),
    "offers": (
        3,
        {
            "offer": lambda row: f"{row['provider']}/{row['sku']}",
            "region": _text("region"),
            "accelerators": _devices,
            "on demand, $/h": _number("on_demand_usd_per_h", 1, ",.3f"),
            "spot, $/h": _number("spot_usd_per_h", 1, ",.3f"),
            "spot as of": _spot_date,
            **_QUALITY,
        },
    ),
    "billing-rules": (
        1,
        {
            "provider": _text("provider"),
            "granularity, s": _number("granularity_s"),
            "minimum, s": _number("minimum_s"),
            **_QUALITY,
        },
    ),
    "commitment-rates": (
        3,
        {
            "instrument": lambda row: f"{row['provider']} {row['instrument']}",
            "sku": _text("sku"),
            "region": _text("region"),
            "years, upfront": lambda row: f"{row['term_years']:g}, {row['upfront']}",
            "$/h, or off": _rate,
            **_QUALITY,
        },
    ),
    "contracts": (
        3,
        {
            "sku": lambda row: f"{row['provider']}/{row['sku']}",
            "region": _text("region"),
            "valid": lambda row: f"{row['valid_from']} - {row['valid_to']}",
            "price/h, or off": _agreed,
            **_QUALITY,
        },
    ),
    "currencies": (
        1,
        {
            "currency": _text("currency"),
            "USD": _number("usd_per_unit"),
            "source": _text("source"),
            **_QUALITY,
        },
    ),
    "tier-prices": (
        4,
        {
            "provider": _text("provider"),
            "item": _text("item"),
            "region": _text("region"),
            "unit": _text("unit"),
            "GB per month": _range,
            "$ per unit": _number("price_usd", 1, ".4f"),
            **_QUALITY,
        },
    ),
    "token-prices": (
        1,
        {
            "API": lambda row: f"{row['provider']}/{row['model']}",
            "input, $/1M": _number("input_usd_per_m"),
            "output": _number("output_usd_per_m"),
            "cache read": _number("cache_read_usd_per_m"),
            "cache write": _number("cache_write_usd_per_m"),
            "more from, tokens": _number("tier_start_input_tokens"),
            "ends": lambda row: row["deprecation_date"] or "-",
            **_QUALITY,
        },
    ),
    "training-mfu": (
        2,
        {
            "accelerator": _text("accelerator"),
            "precision": _text("precision"),
            "parameters, 1e9": _parameters,
            "runs": _number("rows"),
            "MFU, p25": _number("mfu_p25", 1, ".3f"),
            "median": _number("mfu_median", 1, ".3f"),
            "p75": _number("mfu_p75", 1, ".3f"),
            "as of": _text("as_of"),
        },
    ),
    "training-runs": (
        1,
        {
            "run": _text("name"),
            "accelerator": _text("accelerator"),
            "parameters, 1e9": _number("parameters", 1e9, ".3g"),
            "tokens, 1e9": _number("tokens", 1e9, ",.0f"),
            "GPU-hours": _number("gpu_hours", 1, ",.0f"),
            "batch, 1e6 tokens": _number("global_batch_tokens", 1e6, ".3g"),
            "as of": _text("as_of"),
        },
    ),
    "failure-rates": (
        1,
        {
            "cluster": _text("name"),
            "per node and day": _number("per_node_day"),
            "source": _text("source"),
            **_QUALITY,
        },
    ),
    "power": (
        1,
        {
            "device": _text("name"),
            "idle, W": _number("idle_w"),
            "max, W": _number("max_w"),
            **_QUALITY,
        },
    ),
    "pue": (1, {"provider": _text("provider"), "PUE": _number("pue"), **_QUALITY}),
    "grid": (
        2,
        {
            "provider": _text("provider"),
            "region": _text("region"),
            "gCO2e/kWh": _number("g_per_kwh"),
            **_QUALITY,
        },
    ),
    "public-traces": (
        3,
        {
            "name": _text("name"),
            "what": _text("what"),
            "holds": _text("holds"),
            "bytes": _number("bytes", digits=",.0f"),
            "licence": _text("licence"),
            "quality": _text("quality"),
        },
    ),
}
