"""Label and field selectors of list and watch requests."""

from __future__ import annotations

import re
from typing import Any

from lab.api.resources import Resource
from lab.api.status import ApiError, bad_request
from lab.api.store import Object, Selector

_SET = re.compile(r"^\s*(?P<key>[^\s!=,]+)\s+(?P<op>in|notin)\s+\((?P<values>[^)]*)\)\s*$")
_EQUAL = re.compile(r"^\s*(?P<key>[^\s!=,]+)\s*(?P<op>==|=|!=)\s*(?P<value>[^\s,]*)\s*$")
_EXISTS = re.compile(r"^\s*(?P<not>!?)\s*(?P<key>[^\s!=,]+)\s*$")


def _terms(text: str) -> list[str]:
    return [t for t in re.split(r",(?![^(]*\))", text) if t.strip()]


def _label_term(term: str) -> Selector:
    for pattern, selector in TERMS:
        if match := pattern.match(term):
            return selector(match)
    raise bad_request(f"unable to parse requirement: {term}")


def _in_set(match: re.Match[str]) -> Selector:
    key, wanted = match["key"], match["op"] == "in"
    values = {value.strip() for value in match["values"].split(",")}
    return lambda item: (_labels(item).get(key) in values) == wanted


def _equals(match: re.Match[str]) -> Selector:
    key, value, wanted = match["key"], match["value"], match["op"] != "!="
    return lambda item: (_labels(item).get(key) == value) == wanted


def _exists(match: re.Match[str]) -> Selector:
    key, wanted = match["key"], not match["not"]
    return lambda item: (key in _labels(item)) == wanted


TERMS = ((_SET, _in_set), (_EQUAL, _equals), (_EXISTS, _exists))


def _labels(item: Object) -> dict[str, str]:
    found: dict[str, str] = item["metadata"].get("labels") or {}
    return found


def label_selector(text: str) -> Selector:
    terms = [_label_term(term) for term in _terms(text)]
    return lambda item: all(term(item) for term in terms)


def _dig(item: Any, path: str) -> str:
    for part in path.split("."):
        item = item.get(part) if isinstance(item, dict) else None
    if item is None:
        return ""
    return str(item).lower() if isinstance(item, bool) else str(item)


OF_EVERY_RESOURCE = ("metadata.name", "metadata.namespace")
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
    terms = [_field_term(term, text, resource) for term in _terms(text)]
    return lambda item: all(term(item) for term in terms)


def _field_term(term: str, text: str, resource: Resource) -> Selector:
    """One term of a field selector `text`."""
    match = _EQUAL.match(term)
    if match is None:
        raise bad_request(f"invalid selector: '{term}'; can't understand '{term}'")
    key, value, wanted = match["key"], match["value"], match["op"] != "!="
    if key not in (*OF_EVERY_RESOURCE, *SUPPORTED.get(resource.plural, ())):
        raise _not_supported(key, text, resource)
    return lambda item: (_dig(item, key) == value) == wanted


def _not_supported(key: str, text: str, resource: Resource) -> ApiError:
    return bad_request(
        f'Unable to find "{resource.group_version}, Resource={resource.plural}" that match label '
        f'selector "", field selector "{text}": field label not supported: {key}'
    )


def matches_labels(wanted: dict[str, str], item: Object) -> bool:
    """A Service's kind of selector: every label equal."""
    return wanted.items() <= _labels(item).items()


def matches_selector(selector: Object, labels: dict[str, str]) -> bool:
    """A LabelSelector (matchLabels, matchExpressions); the empty one matches everything."""
    if not (selector.get("matchLabels") or {}).items() <= labels.items():
        return False
    return all(_holds(term, labels) for term in selector.get("matchExpressions") or ())


def _holds(term: Object, labels: dict[str, str]) -> bool:
    """Whether one of a LabelSelector's matchExpressions is met."""
    key, operator, values = term["key"], str(term["operator"]), term.get("values") or []
    if operator in ("Exists", "DoesNotExist"):
        return (key in labels) == (operator == "Exists")
    is_member = labels.get(key) in values
    return (operator == "In" and is_member) or (operator == "NotIn" and not is_member)
