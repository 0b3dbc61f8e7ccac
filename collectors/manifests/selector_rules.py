"""Labels and label selectors, as apimachinery validates them (apis/meta/v1/validation)."""

from __future__ import annotations

from typing import Any

from collectors.manifests.documents import FieldPath
from collectors.manifests.field_tests import dns_subdomain, label_key, label_value, one_of
from collectors.manifests.problems import FieldProblems

OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")
_operator = one_of(OPERATORS)


def check_labels(labels: Any, path: FieldPath, problems: FieldProblems) -> None:
    for key, value in (labels or {}).items():
        problems.test(key, (*path, key), label_key)
        problems.test(value, (*path, key), label_value)


def check_selector(selector: Any, path: FieldPath, problems: FieldProblems) -> None:
    """A LabelSelector: matchLabels and matchExpressions."""
    selector = selector or {}
    check_labels(selector.get("matchLabels"), (*path, "matchLabels"), problems)
    for number, expression in enumerate(selector.get("matchExpressions") or ()):
        _check_expression(expression, (*path, "matchExpressions", number), problems)


def _check_expression(expression: Any, path: FieldPath, problems: FieldProblems) -> None:
    operator, values = expression.get("operator"), expression.get("values") or ()
    problems.required(expression.get("key"), (*path, "key"), label_key)
    problems.required(operator, (*path, "operator"), _operator)
    if operator in ("In", "NotIn") and not values:
        problems.add((*path, "values"), f"is required with the operator {operator}")
    if operator in ("Exists", "DoesNotExist") and values:
        problems.add((*path, "values"), f"must be absent with the operator {operator}")
    for number, value in enumerate(values):
        problems.test(value, (*path, "values", number), label_value)


def matches(selector: Any, labels: dict[str, str]) -> bool:
    """Whether a valid selector selects these labels."""
    wanted = (selector.get("matchLabels") or {}).items()
    expressions = selector.get("matchExpressions") or ()
    return all(labels.get(key) == value for key, value in wanted) and all(
        _holds(expression, labels) for expression in expressions
    )


def _holds(expression: Any, labels: dict[str, str]) -> bool:
    value = labels.get(expression["key"])
    operator, values = expression["operator"], expression.get("values") or ()
    found = value is not None if operator in ("Exists", "DoesNotExist") else value in values
    return bool(found) == (operator in ("Exists", "In"))


def check_metadata(metadata: Any, problems: FieldProblems) -> None:
    """A name, and labels that are labels. `generateName` would name it when it is created."""
    if not metadata.get("generateName"):
        problems.required(metadata.get("name"), ("metadata", "name"), dns_subdomain)
    check_labels(metadata.get("labels"), ("metadata", "labels"), problems)
