"""Label selectors of the Kubernetes API (apimachinery, metav1.LabelSelector): compiled once,
asked often."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any

from collectors.frozen import frozen
from diagnosis.reachability.certainty import Match, all_of, doubt

Labels = Mapping[str, str]
SHOWN = 4  # labels that a sentence lists
PRESENCE = {"Exists": True, "DoesNotExist": False}  # what they come to where there is a value
Unknown = Callable[[str], str]  # of a label's key that is not there: why its value is not known


@frozen
class Requirement:
    """One condition on a label. NotIn holds where the key is missing, as in the API; an operator
    that is not known matches nothing."""

    key: str
    operator: str
    values: frozenset[str]

    def holds(self, labels: Labels) -> bool:
        if self.operator == "In":
            return labels.get(self.key) in self.values
        if self.operator == "NotIn":
            return labels.get(self.key) not in self.values
        if self.operator == "Exists":
            return self.key in labels
        return self.operator == "DoesNotExist" and self.key not in labels

    @property
    def text(self) -> str:
        """As kubectl writes it."""
        values = ",".join(sorted(self.values))
        if self.operator == "Exists":
            return self.key
        if self.operator == "DoesNotExist":
            return f"!{self.key}"
        if self.operator == "In":
            return f"{self.key}={values}" if len(self.values) == 1 else f"{self.key} in ({values})"
        return f"{self.key} notin ({values})"


@frozen
class LabelSelector:
    """No `requirements` match everything; `nothing` matches nothing, as a selector that is
    missing."""

    requirements: tuple[Requirement, ...] = ()
    nothing: bool = False

    def __call__(self, labels: Labels) -> bool:
        if self.nothing:
            return False
        return all(requirement.holds(labels) for requirement in self.requirements)

    def match(self, labels: Labels, unknown: Unknown, there: Container[str] = ()) -> Match:
        """As far as the labels are known: `unknown` is asked for keys that are not among them;
        those of `there` exist, whatever their values."""
        if self.nothing:
            return False
        return all_of(self._each(one, labels, unknown, there) for one in self.requirements)

    def _each(
        self, one: Requirement, labels: Labels, unknown: Unknown, there: Container[str]
    ) -> Match:
        if one.key in labels:
            return one.holds(labels)
        if one.key in there and one.operator in PRESENCE:
            return PRESENCE[one.operator]
        reason = unknown(one.key)
        return doubt(reason) if reason else one.holds(labels)

    def miss(self, labels: Labels) -> str:
        """The first condition that labels do not meet, with what they have instead; '' where
        they meet all."""
        if self.nothing:
            return "there is no selector"
        for one in self.requirements:
            if not one.holds(labels):
                return _lack(one, labels)
        return ""

    @property
    def text(self) -> str:
        """As kubectl writes it: `app=web,tier in (a,b),!old`; 'everything' for an empty one."""
        if self.nothing:
            return "nothing"
        return ",".join(one.text for one in self.requirements) or "everything"


def _lack(one: Requirement, labels: Labels) -> str:
    if one.operator in ("In", "Exists") and (
        near := differing_in_case(one.key, one.values, labels)
    ):
        return f"lacks {one.text} (it has {near}: {CASE})"
    if one.key in labels:
        return f"lacks {one.text} (it has {one.key}={labels[one.key]})"
    return f"lacks {one.text} (it has {shown_labels(labels)})" if labels else f"lacks {one.text}"


def differing_in_case(key: str, values: Iterable[str], labels: Labels) -> str:
    """The label that would do, were upper and lower case the same; '' where there is none."""
    lower = {value.lower() for value in values}
    for own_key, own in labels.items():
        if own_key.lower() == key.lower() and (not lower or own.lower() in lower):
            return f"{own_key}={own}"
    return ""


def shown_labels(labels: Labels) -> str:
    """The first few, or that there is none."""
    shown = ", ".join(f"{key}={value}" for key, value in sorted(labels.items())[:SHOWN])
    return shown + (", …" if len(labels) > SHOWN else "") or "no labels"


CASE = "upper and lower case differ"
NOTHING = LabelSelector(nothing=True)
EVERYTHING = LabelSelector()


def compiled(selector: object) -> LabelSelector:
    """An empty selector matches everything; what is not a selector (None: it is missing) matches
    nothing."""
    if not isinstance(selector, Mapping):
        return NOTHING
    wanted = selector.get("matchLabels") or {}
    found = [Requirement(str(k), "In", frozenset((str(v),))) for k, v in wanted.items()]
    for expression in selector.get("matchExpressions") or ():
        if isinstance(expression, Mapping):
            found.append(_requirement(expression))
    return LabelSelector(tuple(found))


def _requirement(expression: Mapping[str, Any]) -> Requirement:
    values = frozenset(str(value) for value in expression.get("values") or ())
    return Requirement(
        key=str(expression.get("key") or ""),
        operator=str(expression.get("operator") or ""),
        values=values,
    )


def text(selector: object) -> str:
    """A selector of the API as kubectl writes it."""
    return compiled(selector).text
