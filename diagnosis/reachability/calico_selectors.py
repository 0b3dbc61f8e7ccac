"""Calico's selector expressions: `app == 'web' && has(tier) && !(env in {'dev', 'test'})`, compiled
to tests of labels.

The language is that of Calico's documentation (reference, NetworkPolicy, Selector). Labels whose
value is not known make an answer with a doubt.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

from collectors.frozen import frozen
from diagnosis.reachability.certainty import Match, all_of, any_of, doubt, negated

GLOBAL = ""  # the key under which `global()` asks whether what is looked at has no namespace
DEEPEST = 100  # nested parentheses and negations
LONGEST = 20_000
TOKEN = re.compile(
    r"\s*(?:(?P<text>\"[^\"]*\"|'[^']*')|(?P<sign>==|!=|&&|\|\||[(){},!])|(?P<word>[\w./-]+))",
    re.ASCII,
)
Unknown = Callable[[str], str]
Test = Callable[[Mapping[str, str], Unknown], Match]


class SelectorError(ValueError):
    """What is no expression of the language; the message says where."""


@frozen
class Expression:
    """`test` may say that it depends on a label that is not known."""

    text: str
    test: Test

    def match(self, labels: Mapping[str, str], unknown: Unknown) -> Match:
        return self.test(labels, unknown)


@lru_cache(4096)
def compiled(text: str) -> Expression:
    """An empty text matches everything."""
    if len(text) > LONGEST:
        raise SelectorError(f"a selector of {len(text)} characters")
    tokens = list(_tokens(text))
    if not tokens:
        return Expression("all()", lambda labels, unknown: True)
    parser = _Parser(text, tokens)
    test = parser.either(0)
    parser.end()
    return Expression(text, test)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """(kind, value); a text in quotes without them."""
    at, end = 0, len(text.rstrip())
    while at < end:
        found = TOKEN.match(text, at)
        if found is None:
            raise SelectorError(f"{text!r} is not understood at {text[at : at + 20]!r}")
        kind = str(found.lastgroup)
        value = found[kind]
        yield kind, value[1:-1] if kind == "text" else value
        at = found.end()


class _Parser:
    """Recursive descent: `either` of `both` of single conditions."""

    def __init__(self, text: str, tokens: list[tuple[str, str]]) -> None:
        self.text = text
        self.tokens = tokens
        self.at = 0

    def either(self, depth: int) -> Test:
        tests = [self._both(depth)]
        while self._skip("sign", "||"):
            tests.append(self._both(depth))
        return _any(tests)

    def _both(self, depth: int) -> Test:
        tests = [self._single(depth)]
        while self._skip("sign", "&&"):
            tests.append(self._single(depth))
        return _all(tests)

    def _single(self, depth: int) -> Test:
        if depth > DEEPEST:
            raise SelectorError("a selector is nested too deeply")
        if self._skip("sign", "!"):
            return _not(self._single(depth + 1))
        if self._skip("sign", "("):
            test = self.either(depth + 1)
            self._expect("sign", ")")
            return test
        word = self._expect("word")
        if word in ("has", "all", "global") and self._skip("sign", "("):
            return self._call(word)
        return self._condition(word)

    def _call(self, name: str) -> Test:
        key = self._expect("word") if name == "has" else GLOBAL
        self._expect("sign", ")")
        return _everything if name == "all" else _has(key)

    def _condition(self, key: str) -> Test:
        if self._skip("sign", "=="):
            return _value(key, self._expect("text").__eq__)
        if self._skip("sign", "!="):
            return _not(_value(key, self._expect("text").__eq__))
        operator = self._expect("word")
        if operator == "contains":
            return _value(key, _containing(self._expect("text")))
        if operator in ("starts", "ends"):
            self._expect("word", "with")
            wanted = self._expect("text")
            return _value(key, _starting(wanted) if operator == "starts" else _ending(wanted))
        if operator == "in":
            return _value(key, self._set().__contains__)
        if operator == "not":
            self._expect("word", "in")
            return _not(_value(key, self._set().__contains__))
        raise SelectorError(f"{self.text!r}: no operator {operator!r}")

    def _set(self) -> frozenset[str]:
        self._expect("sign", "{")
        found: list[str] = []
        while not self._skip("sign", "}"):
            found.append(self._expect("text"))
            if not self._skip("sign", ","):
                self._expect("sign", "}")
                break
        return frozenset(found)

    def _skip(self, kind: str, value: str) -> bool:
        met = self.at < len(self.tokens) and self.tokens[self.at] == (kind, value)
        self.at += met
        return met

    def _expect(self, kind: str, value: str = "") -> str:
        if self.at >= len(self.tokens):
            raise SelectorError(f"{self.text!r} ends too early")
        found, text = self.tokens[self.at]
        if found != kind or (value and text != value):
            raise SelectorError(f"{self.text!r}: {text!r} is not expected there")
        self.at += 1
        return text

    def end(self) -> None:
        if self.at < len(self.tokens):
            raise SelectorError(f"{self.text!r}: {self.tokens[self.at][1]!r} is too much")


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


def _containing(wanted: str) -> Callable[[str], bool]:
    return lambda value: wanted in value


def _starting(wanted: str) -> Callable[[str], bool]:
    return lambda value: value.startswith(wanted)


def _ending(wanted: str) -> Callable[[str], bool]:
    return lambda value: value.endswith(wanted)


def _not(test: Test) -> Test:
    return lambda labels, unknown: negated(test(labels, unknown))


def _all(tests: list[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]
    return lambda labels, unknown: all_of(test(labels, unknown) for test in tests)


def _any(tests: list[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]
    return lambda labels, unknown: any_of(test(labels, unknown) for test in tests)
