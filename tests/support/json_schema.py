"""The part of JSON Schema that docs/report.schema.json and that of the configuration use: what of a value is not as it says. Words
of a schema that are not known here are an error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import inf
from typing import Any

KINDS: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "null": type(None),
}
SAID = {"$schema", "$id", "$defs", "title", "description", "default"}
CHECKED = {"type", "properties", "required", "additionalProperties", "items", "enum", "const"}
CHECKED |= {"pattern", "minItems", "maxItems", "$ref", "exclusiveMinimum", "exclusiveMaximum"}


def violations(value: Any, schema: dict[str, Any], whole: dict[str, Any], at: str) -> Iterator[str]:
    assert schema.keys() <= SAID | CHECKED, schema.keys() - SAID - CHECKED
    if reference := schema.get("$ref"):
        schema = whole["$defs"][reference.removeprefix("#/$defs/")]
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is(value, kind) for kind in kinds):
        yield f"{at}: {value!r} is no {kinds}"
        return
    yield from _of_plain(value, schema, at)
    if isinstance(value, dict):
        yield from _of_object(value, schema, whole, at)
    if isinstance(value, list):
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            yield f"{at}: {len(value)} items"
        for number, item in enumerate(value):
            yield from violations(item, schema.get("items", {}), whole, f"{at}[{number}]")


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, KINDS[kind]) and (kind == "boolean") == isinstance(value, bool)


def _of_plain(value: Any, schema: dict[str, Any], at: str) -> Iterator[str]:
    if "const" in schema and value != schema["const"]:
        yield f"{at}: {value!r} is not {schema['const']!r}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at}: {value!r} is none of {schema['enum']}"
    if isinstance(value, int | float):
        least, most = schema.get("exclusiveMinimum", -inf), schema.get("exclusiveMaximum", inf)
        if not least < value < most:
            yield f"{at}: {value!r} is not between {least} and {most}"
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        yield f"{at}: {value!r} does not match {schema['pattern']}"


def _of_object(
    value: dict[str, Any], schema: dict[str, Any], whole: dict[str, Any], at: str
) -> Iterator[str]:
    known = schema.get("properties", {})
    yield from (
        f"{at}: {name} is missing" for name in schema.get("required", []) if name not in value
    )
    for name, item in value.items():
        if name in known:
            yield from violations(item, known[name], whole, f"{at}.{name}")
        elif schema.get("additionalProperties") is False:
            yield f"{at}: {name} is not known"
        elif isinstance(others := schema.get("additionalProperties"), dict):
            yield from violations(item, others, whole, f"{at}.{name}")
