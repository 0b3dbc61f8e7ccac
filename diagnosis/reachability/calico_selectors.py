"""Calico's selector expressions compiled to tests of labels. Labels whose value is not known make
an answer with a doubt."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

from collectors.calico_expressions import (
    Condition,
    Conjunction,
    Disjunction,
    HasLabel,
    LabelTest,
    Negation,
    Scope,
    SelectorError,
    parsed,
)
from collectors.frozen import frozen
from diagnosis.reachability.certainty import Match, all_of, any_of, doubt, negated

__all__ = ["GLOBAL", "Expression", "SelectorError", "Test", "Unknown", "compiled"]

GLOBAL = ""  # the key under which `global()` asks whether what is looked at has no namespace
Unknown = Callable[[str], str]
Test = Callable[[Mapping[str, str], Unknown], Match]


@frozen
class Expression:
    """`test` may say that it depends on a label that is not known."""

    text: str
    test: Test

    def match(self, labels: Mapping[str, str], unknown: Unknown) -> Match:
        return self.test(labels, unknown)


@lru_cache(4096)
def compiled(text: str) -> Expression:
    """SelectorError where it is none. An empty text matches everything."""
    return Expression(text if text.strip() else "all()", _test(parsed(text)))


def _test(condition: Condition) -> Test:
    match condition:
        case Scope(everything):
            return _everything if everything else _has(GLOBAL)
        case HasLabel(key):
            return _has(key)
        case LabelTest():
            return _value(condition.key, HOLDS[condition.operator](condition.values))
        case Negation(of):
            return _not(_test(of))
        case Conjunction(of):
            return _all([_test(one) for one in of])
        case Disjunction(of):
            return _any([_test(one) for one in of])


def tests_of(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The labels, each with its values, of which a selector asks one; no negated ones."""
    waiting = [parsed(text)]
    while waiting:
        match waiting.pop(0):
            case LabelTest(key, "==" | "in", values):
                yield key, values
            case Conjunction(of) | Disjunction(of):
                waiting = [*of, *waiting]


def _everything(labels: Mapping[str, str], unknown: Unknown) -> Match:
    return True


def _has(key: str) -> Test:
    def test(labels: Mapping[str, str], unknown: Unknown) -> Match:
        if key in labels:
            return True
        reason = unknown(key)
        return doubt(reason) if reason else False

    return test


def _value(key: str, holds: Callable[[str], bool]) -> Test:
    """A label that is missing meets no condition on its value."""

    def test(labels: Mapping[str, str], unknown: Unknown) -> Match:
        if key in labels:
            return bool(holds(labels[key]))
        reason = unknown(key)
        return doubt(reason) if reason else False

    return test


HOLDS: dict[str, Callable[[tuple[str, ...]], Callable[[str], bool]]] = {
    "==": lambda wanted: wanted[0].__eq__,
    "in": lambda wanted: frozenset(wanted).__contains__,
    "contains": lambda wanted: lambda value: wanted[0] in value,
    "starts": lambda wanted: lambda value: value.startswith(wanted[0]),
    "ends": lambda wanted: lambda value: value.endswith(wanted[0]),
}


def _not(test: Test) -> Test:
    return lambda labels, unknown: negated(test(labels, unknown))


def _all(tests: list[Test]) -> Test:
    return lambda labels, unknown: all_of(test(labels, unknown) for test in tests)


def _any(tests: list[Test]) -> Test:
    return lambda labels, unknown: any_of(test(labels, unknown) for test in tests)
