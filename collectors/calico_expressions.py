"""Calico's selector expressions: `app == 'web' && has(tier) && !(env in {'dev', 'test'})`, parsed.

The language is that of Calico's documentation (reference, NetworkPolicy, Selector); what its
tokenizer accepts beside that, `notin` and `startswith` in one word, is accepted, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from collectors.frozen import frozen

DEEPEST = 100  # nested parentheses and negations
LONGEST = 20_000
LONGEST_LABEL = 512
TOKEN = re.compile(
    r"\s*(?:(?P<text>\"[^\"]*\"|'[^']*')|(?P<sign>==|!=|&&|\|\||[(){},!])|(?P<word>[\w./-]+))",
    re.ASCII,
)
OPERATORS = {"contains": 1, "starts": 2, "ends": 2, "startswith": 1, "endswith": 1}


class SelectorError(ValueError):
    """What is no expression of the language; the message says where."""


@frozen
class Scope:
    """`all()`, or `global()`: what has no namespace."""

    everything: bool


@frozen
class HasLabel:
    key: str


@frozen
class LabelTest:
    """`operator` is ==, in, contains, starts or ends; what its negation means is a Negation."""

    key: str
    operator: str
    values: tuple[str, ...]


@frozen
class Negation:
    of: Condition


@frozen
class Conjunction:
    of: tuple[Condition, ...]


@frozen
class Disjunction:
    of: tuple[Condition, ...]


Condition = Scope | HasLabel | LabelTest | Negation | Conjunction | Disjunction


def parsed(text: str) -> Condition:
    """SelectorError where it is none. An empty text matches everything."""
    if len(text) > LONGEST:
        raise SelectorError(f"a selector of {len(text)} characters")
    tokens = list(_tokens(text))
    if not tokens:
        return Scope(True)
    parser = _Parser(text, tokens)
    found = parser.either(0)
    parser.end()
    return found


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

    def either(self, depth: int) -> Condition:
        found = [self._both(depth)]
        while self._skip("sign", "||"):
            found.append(self._both(depth))
        return found[0] if len(found) == 1 else Disjunction(tuple(found))

    def _both(self, depth: int) -> Condition:
        found = [self._single(depth)]
        while self._skip("sign", "&&"):
            found.append(self._single(depth))
        return found[0] if len(found) == 1 else Conjunction(tuple(found))

    def _single(self, depth: int) -> Condition:
        if depth > DEEPEST:
            raise SelectorError("a selector is nested too deeply")
        if self._skip("sign", "!"):
            return Negation(self._single(depth + 1))
        if self._skip("sign", "("):
            found = self.either(depth + 1)
            self._expect("sign", ")")
            return found
        word = self._label()
        if word in ("has", "all", "global") and self._skip("sign", "("):
            return self._call(word)
        return self._condition(word)

    def _label(self) -> str:
        word = self._expect("word")
        if len(word) > LONGEST_LABEL:
            raise SelectorError(f"a label of {len(word)} characters")
        return word

    def _call(self, name: str) -> Condition:
        found = HasLabel(self._label()) if name == "has" else None
        self._expect("sign", ")")
        return found or Scope(name == "all")

    def _condition(self, key: str) -> Condition:
        if self._skip("sign", "=="):
            return LabelTest(key, "==", (self._expect("text"),))
        if self._skip("sign", "!="):
            return Negation(LabelTest(key, "==", (self._expect("text"),)))
        operator = self._expect("word")
        if operator in OPERATORS:
            if OPERATORS[operator] == 2:
                self._expect("word", "with")
            return LabelTest(key, operator.removesuffix("with"), (self._expect("text"),))
        if operator == "in":
            return LabelTest(key, "in", self._set())
        if operator == "notin" or (operator == "not" and self._skip("word", "in")):
            return Negation(LabelTest(key, "in", self._set()))
        raise SelectorError(f"{self.text!r}: no operator {operator!r}")

    def _set(self) -> tuple[str, ...]:
        self._expect("sign", "{")
        found: list[str] = []
        while not self._skip("sign", "}"):
            found.append(self._expect("text"))
            if not self._skip("sign", ","):
                self._expect("sign", "}")
                break
        return tuple(found)

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
