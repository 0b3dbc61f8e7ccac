"""Label and field selectors of list and watch requests."""

from __future__ import annotations

import re
from typing import Any

from lab.api.resources import Resource
from lab.api.status import bad_request
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
    raise bad_request(f"unable to parse requirement: {term}")


def _labels(item: Object) -> dict[str, str]:
    found: dict[str, str] = item["metadata"].get("labels") or {}
    return found


def label_selector(text: str) -> Selector:
    terms = [_label_term(term) for term in _terms(text)]
    return lambda item: all(term(item) for term in terms)


def _dig(item: Any, path: str) -> str:
    for part in path.split("."):
        item = item.get(part) if isinstance(item, dict) else None
    if isinstance(item, bool):
        return "true" if item else "false"
    return "" if item is None else str(item)


SUPPORTED = {
    "pods": (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.podIPs",
        "status.nominatedNodeName",
    ),
    "nodes": ("spec.unschedulable",),
    "namespaces": ("status.phase",),
    "services": ("spec.clusterIP", "spec.type"),
    "events": (
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
}


def field_selector(text: str, resource: Resource) -> Selector:
    """Only the fields that a real API server indexes for the resource are supported; 400 for
    others."""
    terms = []
    for term in _terms(text):
        match = _EQUAL.match(term)
        if match is None:
            raise bad_request(f"invalid selector: '{term}'; can't understand '{term}'")
        key = match["key"]
        if key not in ("metadata.name", "metadata.namespace", *SUPPORTED.get(resource.plural, ())):
            raise bad_request(
                f'Unable to find "{resource.group_version}, Resource={resource.plural}" that '
                "match label selector "
                f'"", field selector "{text}": field label not supported: {key}'
            )
        terms.append((key, match["value"], match["op"] != "!="))
    return lambda item: all((_dig(item, key) == value) == wanted for key, value, wanted in terms)


def matches_labels(wanted: dict[str, str], item: Object) -> bool:
    """A Service's kind of selector: every label equal."""
    labels = _labels(item)
    return all(labels.get(k) == v for k, v in wanted.items())


def matches_selector(selector: Object, labels: dict[str, str]) -> bool:
    """A LabelSelector (matchLabels, matchExpressions); the empty one matches everything."""
    if not all(labels.get(k) == v for k, v in (selector.get("matchLabels") or {}).items()):
        return False
    for term in selector.get("matchExpressions") or ():
        key, operator, values = term["key"], term["operator"], term.get("values") or []
        holds = {
            "In": labels.get(key) in values,
            "NotIn": labels.get(key) not in values,
            "Exists": key in labels,
            "DoesNotExist": key not in labels,
        }.get(operator, False)
        if not holds:
            return False
    return True
