"""JSON Schema of the scenario file, from the schema classes and docstrings, for completion in an editor."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache, reduce
from inspect import cleandoc, getsource
from itertools import pairwise
from textwrap import dedent
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen

from simcost.scenario.files.conform import by_name, classes, hints, item, kind, kinds
from simcost.scenario.files.sharing import OF_A_PLAN
from simcost.scenario.schema.scaling import FromManifest
from simcost.scenario.schema.scenario import Plan, Scenario
from simcost.scenario.schema.services import Forwarding, ServiceDemand, Sharing
from simcost.units import Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaSection:
    """A mapping of the file and the class that it stands for."""

    path: str
    """Path in the scenario: `plans[].scaling`."""
    kind: str | None
    """Kind, where the place takes one of several."""
    cls: type


def parts() -> Iterator[SchemaSection]:
    """The classes of a scenario file: those of one pool, then those of several services."""
    yield from within(Scenario)
    yield from within(ServiceDemand, "services[]")
    yield from within(Sharing, "plans[].sharing")
    yield from list(within(Forwarding, "plans[].services.NAME"))[1:]


def within(cls: type, path: str = "", of_kind: str | None = None) -> Iterator[SchemaSection]:
    """The class and all within it, in the order of the file."""
    yield SchemaSection(path=path, kind=of_kind, cls=cls)
    for name, hint in hints(cls).items():
        one, value = item(hint), by_name(hint)
        inner = f"{path}.{name}".lstrip(".") + ("[]" if one is not None else ".NAME" if value is not None else "")
        named = kinds(one or value or hint)
        for member in classes(one or value or hint):
            yield from within(member, inner, kind(member) if named else None)


@cache
def meanings(cls: type) -> dict[str, str]:
    """The text under each field of a class, those that it inherits included."""
    found: dict[str, str] = {}
    for base in filter(is_dataclass, cls.__bases__):
        found |= meanings(base)
    body = ast.parse(dedent(getsource(cls))).body[0]
    statements = body.body if isinstance(body, ast.ClassDef) else []
    for field, after in pairwise(statements):
        text = after.value if isinstance(after, ast.Expr) else None
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Constant) and isinstance(text.value, str):
            found[ast.unparse(field.target)] = " ".join(cleandoc(text.value).split())
    return found


def summary(cls: type) -> str:
    """The docstring of a class on one line, without its examples in Python."""
    return " ".join(cleandoc(cls.__doc__ or "").partition("\n>>>")[0].split())


def defaults(cls: type) -> dict[str, Any]:
    """Field to default, for the fields that have one."""
    plain = {field.name: field.default for field in fields(cls) if field.default is not MISSING}
    made = {field.name: field.default_factory() for field in fields(cls) if field.default_factory is not MISSING}
    return plain | made


@cache
def spread_classes() -> frozenset[type]:
    """The classes of which a file may write a part under `defaults` and the rest in a plan."""
    return frozenset(part.cls for part in within(Plan))


Schema = dict[str, Any]

_SIMPLE = {int: "integer", float: "number", str: "string", bool: "boolean", NoneType: "null"}


def json_schema() -> Schema:
    """The schema (draft 2020-12) of a scenario file, short forms and `defaults` included.

    What may be written under `defaults` is required nowhere; `simcost check` knows better.
    """
    members = {part.cls.__name__: _object(part.cls) for part in parts() if part.cls is not Scenario}
    members["From"] = _short(members["FromManifest"])
    members["Chain"]["properties"]["then"]["anyOf"].append({"$ref": "#/$defs/From"})
    calibrated = "Coefficients of `simcost calibrate`, relative to this file; fields next to it take precedence."
    members["ReplicaSpec"]["properties"]["from"] = {"type": "string", "description": calibrated}
    table = "CSV of batch_size and seconds, relative to this file: the time of a batch, in place of `step`."
    members["ReplicaSpec"]["properties"]["latency_table"] = {"type": "string", "description": table}
    sizes = "CSV of size, steps and seconds, relative to this file: the times of images, in place of `images`."
    members["ReplicaSpec"]["properties"]["image_table"] = {"type": "string", "description": sizes}
    for metric in ("ttft", "tpot", "e2e"):
        limit = members["Slo"]["properties"][metric]
        limit["description"] += f" `{metric}: {{p95: 2s}}` is short for `percentiles: {{{metric}: {{p95: 2s}}}}`."
        limit["anyOf"].append(members["Slo"]["properties"]["percentiles"]["additionalProperties"])
    top = _object(Scenario)
    shared = "Plan fields that all plans share; each plan may override them key by key."
    top["properties"]["defaults"] = {"$ref": "#/$defs/Defaults", "description": shared}
    members["Plan"]["properties"]["sharing"] = {"$ref": "#/$defs/Sharing"} | {
        "description": "Rights of the services that run on the nodes of the plan, those without a `buy` of their own."
    }
    members["Plan"]["properties"]["services"] = {"type": "object", "additionalProperties": {"$ref": "#/$defs/Part"}} | {
        "description": "How each service is served, by its name; what the plan says itself holds for all of them."
    }
    members["Defaults"] = {key: value for key, value in members["Plan"].items() if key != "required"}
    members["Part"] = _part(members["Plan"])
    top["properties"]["services"] = {"type": "array", "items": {"$ref": "#/$defs/ServiceDemand"}} | {
        "description": "Several models, each with its requests and its target, in place of `workload`, `demand` and "
        "`slo`; with `jobs`, the `slo` at the top is theirs."
    }
    top["required"] = [name for name in top["required"] if name != "slo"]
    top["anyOf"] = [{"required": ["slo"]}, {"required": ["services"]}]
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "simcost scenario"}
    needs = {"dependentRequired": {"workload": ["model"], "demand": ["model"]}}
    return head | top | needs | {"$defs": dict(sorted(members.items()))}


def _part(plan: Schema) -> Schema:
    """Part of a plan that serves one of several services; an empty one takes all from the plan."""
    properties = {name: value for name, value in plan["properties"].items() if name not in OF_A_PLAN}
    text = "How a plan serves one of several services."
    properties |= _object(Forwarding)["properties"]
    return {"type": ["object", "null"], "description": text, "properties": properties, "additionalProperties": False}


def _short(manifest: Schema) -> Schema:
    """`{from: FILE}`, with signals named by `from` too."""
    fields = {key: value for key, value in manifest["properties"].items() if key in ("name", "start", "min", "max")}
    signals = {"type": "object", "description": manifest["properties"]["signals"]["description"]}
    properties = {"from": {"type": "string", "description": "Manifest, relative to this file."}}
    return {
        "type": "object",
        "description": manifest["description"],
        "additionalProperties": False,
        "properties": properties | fields | {"signals": signals},
        "required": ["from"],
    }


def _object(cls: type) -> Schema:
    """A schema class as an object."""
    texts, standard = meanings(cls), defaults(cls)
    properties: dict[str, Schema] = {}
    for name, hint in hints(cls).items():
        properties[name] = _of(hint)
        if name in texts:
            properties[name]["description"] = texts[name]
        if isinstance(standard.get(name), int | float | str) and "const" not in properties[name]:
            properties[name]["default"] = standard[name]
    found = {
        "type": "object",
        "description": summary(cls),
        "properties": properties,
        "additionalProperties": False,
    }
    required = ["name"] if cls is Plan else [name for name in properties if name not in standard]
    return found | {"required": required} if required and (cls is Plan or cls not in spread_classes()) else found


def _of(hint: Any) -> Schema:
    """Schema of a type."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return reduce(_limited, arguments[1:], _of(arguments[0]))
    if origin in (Union, UnionType):
        names = list(kinds(hint))
        return {"anyOf": [*map(_of, arguments), *([{"enum": names}] if names else [])]}
    if origin is Literal:
        return {"const": arguments[0]} if len(arguments) == 1 else {"enum": list(arguments)}
    if origin is tuple:
        array = {"type": "array", "items": _of(arguments[0])}
        return {"anyOf": [array, _of(arguments[0])]} if classes(arguments[0]) else array
    if origin is Mapping:
        return {
            "type": "object",
            "propertyNames": _of(arguments[0]),
            "additionalProperties": _of(arguments[1]),
        }
    if hint is FromManifest:
        return {"anyOf": [{"$ref": "#/$defs/FromManifest"}, {"$ref": "#/$defs/From"}]}
    if is_dataclass(hint) and isinstance(hint, type):
        return {"$ref": f"#/$defs/{hint.__name__}"}
    return {} if hint is Any else {"type": _SIMPLE[hint]}


def _limited(schema: Schema, limit: Any) -> Schema:
    """The schema with one more piece of an annotation."""
    if "anyOf" in schema and not isinstance(limit, Unit):
        first, *others = schema["anyOf"]
        return {"anyOf": [_limited(first, limit), *others]}
    if isinstance(limit, Unit):
        text = {"type": "string", "description": f"{limit.name}, e.g. {limit.example}"}
        return {"anyOf": [schema, text]}
    many = schema.get("type") == "array"
    match limit:
        case Ge():
            return schema | {"minimum": limit.ge}
        case Gt():
            return schema | {"exclusiveMinimum": limit.gt}
        case Le():
            return schema | {"maximum": limit.le}
        case Lt():
            return schema | {"exclusiveMaximum": limit.lt}
        case MinLen():
            return schema | {"minItems" if many else "minLength": limit.min_length}
        case MaxLen():
            return schema | {"maxItems" if many else "maxLength": limit.max_length}
    pattern = getattr(limit, "pattern", None)
    return schema | {"pattern": pattern} if pattern else schema
