"""Labels and label selectors, as apimachinery validates them (apis/meta/v1/validation)."""

from __future__ import annotations

from typing import Any

from collectors.manifests.documents import FieldPath
from collectors.manifests.field_tests import dns_subdomain, label_key, label_value, one_of
from collectors.manifests.problems import FieldProblems, Test

MOST_ANNOTATED = 256 << 10  # bytes of all annotations
OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")
_operator = one_of(OPERATORS)


def check_labels(labels: Any, path: FieldPath, problems: FieldProblems) -> None:
    for key, value in (labels or {}).items():
        problems.test(key, (*path, key), label_key)
        problems.test(value, (*path, key), label_value)


def check_selector(selector: Any, path: FieldPath, problems: FieldProblems) -> None:
    """A LabelSelector: matchLabels and matchExpressions."""
    selector, within = selector or {}, problems.within(*path)
    check_labels(selector.get("matchLabels"), ("matchLabels",), within)
    for number, expression in enumerate(selector.get("matchExpressions") or ()):
        _check_expression(expression, within.within("matchExpressions", number))


def _check_expression(expression: Any, problems: FieldProblems) -> None:
    operator, values = expression.get("operator"), expression.get("values") or ()
    problems.required(expression.get("key"), ("key",), label_key)
    problems.required(operator, ("operator",), _operator)
    if operator in ("In", "NotIn") and not values:
        problems.add(("values",), f"is required with the operator {operator}")
    if operator in ("Exists", "DoesNotExist") and values:
        problems.add(("values",), f"must be absent with the operator {operator}")
    problems.test_each(values, ("values",), label_value)


def matches(selector: Any, labels: dict[str, str]) -> bool:
    """Whether a valid selector selects these labels."""
    wanted = (selector.get("matchLabels") or {}).items()
    if any(labels.get(key) != value for key, value in wanted):
        return False
    return all(_holds(one, labels) for one in selector.get("matchExpressions") or ())


def _holds(expression: Any, labels: dict[str, str]) -> bool:
    value = labels.get(expression["key"])
    operator, values = expression["operator"], expression.get("values") or ()
    found = value is not None if operator in ("Exists", "DoesNotExist") else value in values
    return bool(found) == (operator in ("Exists", "In"))


def check_metadata(metadata: Any, problems: FieldProblems, name_test: Test = dns_subdomain) -> None:
    """A name, labels and annotations. `generateName` would name it when it is created."""
    prefix, name = metadata.get("generateName") or None, metadata.get("name")
    if prefix is None:
        problems.required(name, ("name",), name_test)
    else:
        problems.test(name or None, ("name",), name_test)
        problems.test(_with_suffix(prefix), ("generateName",), name_test)
    check_labels(metadata.get("labels"), ("labels",), problems)
    check_annotations(metadata.get("annotations") or {}, problems)


def _with_suffix(prefix: str) -> str:
    """A prefix may end with a -, since more follows."""
    return f"{prefix[:-1]}a" if prefix.endswith("-") and len(prefix) > 1 else prefix


def check_annotations(annotations: Any, problems: FieldProblems) -> None:
    """Their values are any text (ValidateAnnotations of apimachinery)."""
    for key in annotations:
        problems.test(key.lower(), ("annotations", key), label_key)
    size = sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())
    if size > MOST_ANNOTATED:
        problems.add(("annotations",), f"holds more than {MOST_ANNOTATED} bytes")
