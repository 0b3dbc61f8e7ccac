"""Label and field selectors of list and watch requests."""

from __future__ import annotations

import re
from typing import Any

from lab.api.status import ApiError
from lab.api.store import Object, Selector

_SET = re.compile(r"^\s*(?P<key>[^\s!=,]+)\s+(?P<op>in|notin)\s+\((?P<values>[^)]*)\)\s*$")
_EQUAL = re.compile(r"^\s*(?P<key>[^\s!=,]+)\s*(?P<op>==|=|!=)\s*(?P<value>[^\s,]*)\s*$")
_EXISTS = re.compile(r"^\s*(?P<not>!?)\s*(?P<key>[^\s!=,]+)\s*$")


def _terms(text: str) -> list[str]:
    return [t for t in re.split(r",(?![^(]*\))", text) if t.strip()]


def _label_term(term: str) -> Selector:
    if match := _SET.match(term):
        key, values = match["key"], {v.strip() for v in match["values"].split(",")}
        wanted = match["op"] == "in"
        return lambda item: (_labels(item).get(key) in values) == wanted
    if match := _EQUAL.match(term):
        key, value, wanted = match["key"], match["value"], match["op"] != "!="
        return lambda item: (_labels(item).get(key) == value) == wanted
    if match := _EXISTS.match(term):
        key, wanted = match["key"], not match["not"]
        return lambda item: (key in _labels(item)) == wanted
    raise ApiError(400, "BadRequest", f"unable to parse requirement: {term}")


def _labels(item: Object) -> dict[str, str]:
    found: dict[str, str] = item["metadata"].get("labels") or {}
    return found


def label_selector(text: str) -> Selector:
    terms = [_label_term(term) for term in _terms(text)]
    return lambda item: all(term(item) for term in terms)


def _dig(item: Any, path: str) -> str:
    for part in path.split("."):
        item = item.get(part) if isinstance(item, dict) else None
    return "" if item is None else str(item)


def field_selector(text: str) -> Selector:
    terms = []
    for term in _terms(text):
        match = _EQUAL.match(term)
        if match is None:
            raise ApiError(400, "BadRequest", f"invalid field selector: {term}")
        terms.append((match["key"], match["value"], match["op"] != "!="))
    return lambda item: all((_dig(item, key) == value) == wanted for key, value, wanted in terms)
