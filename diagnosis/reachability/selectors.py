"""Label selectors of the Kubernetes API (apimachinery, metav1.LabelSelector): compiled once, asked often."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Matcher = Callable[[Mapping[str, str]], bool]


def _nothing(labels: Mapping[str, str]) -> bool:
    return False


def _everything(labels: Mapping[str, str]) -> bool:
    return True


def _expression(expression: Mapping[str, Any]) -> Matcher:
    """NotIn holds where the key is missing, as in the API; an operator that is not known matches nothing."""
    key, operator = str(expression.get("key") or ""), expression.get("operator")
    values = frozenset(str(value) for value in expression.get("values") or ())
    if operator == "In":
        return lambda labels: labels.get(key) in values
    if operator == "NotIn":
        return lambda labels: labels.get(key) not in values
    if operator == "Exists":
        return lambda labels: key in labels
    if operator == "DoesNotExist":
        return lambda labels: key not in labels
    return _nothing


def compiled(selector: object) -> Matcher:
    """An empty selector matches everything; what is no selector (None: it is missing) matches nothing."""
    if not isinstance(selector, Mapping):
        return _nothing
    wanted = {str(k): str(v) for k, v in (selector.get("matchLabels") or {}).items()}
    tests = [
        _expression(e) for e in selector.get("matchExpressions") or () if isinstance(e, Mapping)
    ]
    if not wanted and not tests:
        return _everything
    items = wanted.items()
    if not tests:
        return lambda labels: items <= labels.items()
    return lambda labels: items <= labels.items() and all(test(labels) for test in tests)


def text(selector: object) -> str:
    """As kubectl writes it: `app=web,tier in (a,b),!old`; 'everything' for an empty one."""
    if not isinstance(selector, Mapping):
        return "nothing"
    parts = [f"{k}={v}" for k, v in (selector.get("matchLabels") or {}).items()]
    for e in selector.get("matchExpressions") or ():
        key, values = e.get("key"), ",".join(map(str, e.get("values") or ()))
        parts.append(
            {"Exists": f"{key}", "DoesNotExist": f"!{key}", "In": f"{key} in ({values})"}.get(
                str(e.get("operator")), f"{key} notin ({values})"
            )
        )
    return ",".join(parts) or "everything"
