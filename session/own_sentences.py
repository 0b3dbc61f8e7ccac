"""What of a sentence podwire wrote, and what it was given: rules build sentences of fixed words and
of names and figures, and the fixed words are nobody's names, whatever a pod is called. A mask in
place of one would say that a pod is called so, to whoever knows the sentence.

The sentences are those in podwire's own source.
"""

from __future__ import annotations

import ast
import pkgutil
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib import import_module
from string import Formatter

from collectors.frozen import frozen

PACKAGES = ("diagnosis", "session")  # that write what a report says
LEAST_WORDS = 2  # of fixed text without a break: one may as well be somebody's name
WORD = re.compile(r"[^\W\d_]+")
TOKEN = re.compile(r"(?<![^\s(])[^\s()]+?(?=[.,:;)]*(?:\s|$))")  # with all that is joined to it
BREAKS = re.compile(r": |, |; | ?\(|\)")  # where sentences are put together
Span = tuple[int, int]
Piece = str | None  # fixed text; None is what the sentence is given


@frozen
class Sentence:
    """Fixed pieces of text; between two of them is something else, and at ends that are open."""

    pieces: tuple[str, ...]
    is_open: tuple[bool, bool]

    @property
    def words(self) -> set[str]:
        return {word for piece in self.pieces for word in WORD.findall(piece)}

    def fixed(self, text: str) -> list[Span]:
        """Where its pieces with words are in a text; none where the text is something else, or has
        several readings as this sentence."""
        first, last = self._places(text), self._places_from_end(text)
        return first if first == last else []

    def _places(self, text: str) -> list[Span]:
        found, begin, last = list[Span](), 0, len(self.pieces) - 1
        for number, piece in enumerate(self.pieces):
            place = text.find(piece, begin)
            if number == last and not self.is_open[1]:
                place = max(len(text) - len(piece), begin) if text.endswith(piece) else -1
            if place < begin or (not number and place and not self.is_open[0]):
                return []
            begin = place + len(piece)
            found.append((place, begin))
        return self._worded(found) if text[slice(*found[-1])] == self.pieces[-1] else []

    def _places_from_end(self, text: str) -> list[Span]:
        mirrored = Sentence(
            tuple(piece[::-1] for piece in reversed(self.pieces)), self.is_open[::-1]
        )
        length = len(text)
        places = mirrored._places(text[::-1])
        return [(length - end, length - begin) for begin, end in reversed(places)]

    def _worded(self, places: Sequence[Span]) -> list[Span]:
        return [
            place
            for place, piece in zip(places, self.pieces, strict=True)
            if len(WORD.findall(piece)) >= LEAST_WORDS
        ]


class OwnSentences:
    """Those that are known, by the longest of their words."""

    def __init__(self, sentences: Iterable[Sentence]) -> None:
        self.words: set[str] = set()
        self._by_word: dict[str, list[Sentence]] = {}
        for sentence in sentences:
            words = sentence.words
            self.words |= {word.lower() for word in words}
            self._by_word.setdefault(max(sorted(words), key=len), []).append(sentence)

    def places(self, text: str) -> list[Span]:
        """Where a text is podwire's own, whole words without what is joined to them."""
        fixed, at = list[Span](), 0
        for line in text.splitlines(keepends=True):
            fixed += self._fixed(line.rstrip("\n"), at)
            at += len(line)
        return [
            token.span()
            for token in TOKEN.finditer(text)
            if any(begin <= token.start() and token.end() <= end for begin, end in fixed)
        ]

    def _fixed(self, text: str, at: int) -> Iterator[Span]:
        """Of a text that begins at `at` of a longer one: of the text and of what it was given, or
        of what is put together in it."""
        if found := self._of_one(text):
            end = 0
            for first, last in (*found, (len(text), len(text))):
                yield (at + first, at + last)
                yield from self._fixed(text[end:first], at + end) if end < first else ()
                end = last
        elif match := BREAKS.search(text):
            yield from self._fixed(text[: match.start()], at)
            yield from self._fixed(text[match.end() :], at + match.end())

    def _of_one(self, text: str) -> list[Span]:
        """As the sentence that has most fixed text."""
        fitting = (one.fixed(text) for word in {*WORD.findall(text)} for one in self._of(word))
        return max(fitting, key=lambda spans: sum(e - b for b, e in spans), default=[])

    def _of(self, word: str) -> list[Sentence]:
        return self._by_word.get(word, [])


@cache
def own_sentences() -> OwnSentences:
    """Of this version. Blocking, about a second."""
    return OwnSentences({one for source in _sources() for one in sentences_in(source)})


def _sources() -> Iterator[str]:
    for package in PACKAGES:
        for found in pkgutil.walk_packages(import_module(package).__path__, f"{package}."):
            spec = found.module_finder.find_spec(found.name, None)
            get_source = getattr(spec and spec.loader, "get_source", None)
            yield (get_source and get_source(found.name)) or ""


def sentences_in(source: str) -> Iterator[Sentence]:
    """Of a module, line by line where they have several."""
    for text in _texts(ast.parse(source)):
        for line in _lines(text):
            if (sentence := _sentence(line)) is not None:
                yield sentence


def _texts(tree: ast.AST) -> Iterator[list[Piece]]:
    """Texts in a tree, without documentation."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if pieces := _pieces(node):
            yield pieces
        if not isinstance(tree, ast.JoinedStr) or isinstance(node, ast.FormattedValue):
            yield from _texts(node)


def _pieces(node: ast.AST) -> list[Piece]:
    """Of a text that is written in full, of one with values in it, or of several that are joined;
    none of anything else."""
    match node:
        case ast.Constant(value=str(text)):
            return _of_format(text)
        case ast.JoinedStr(values=values):
            return [
                part.value if isinstance(part, ast.Constant) else None  # type: ignore[misc]
                for part in values
            ]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            first, second = _pieces(left), _pieces(right)
            return [*(first or [None]), *(second or [None])] if first or second else []
    return []


def _of_format(text: str) -> list[Piece]:
    """Of a text with `{placeholders}`, or none."""
    try:
        parts = list(Formatter().parse(text))
    except ValueError:
        return [text]
    return [
        piece for fixed, name, *_ in parts for piece in ([fixed] if name is None else [fixed, None])
    ]


def _lines(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    line: list[Piece] = []
    for piece in pieces:
        first, *others = piece.split("\n") if piece else [piece]
        line.append(first)
        for other in others:
            yield line
            line = [other]
    yield line


def _sentence(line: Sequence[Piece]) -> Sentence | None:
    """None where too little of it is fixed."""
    parts = [piece for piece in line if piece != ""]
    fixed, joins = list[str](), False
    for piece in parts:
        if piece is not None:
            fixed.append((fixed.pop() if joins else "") + piece)
        joins = piece is not None
    if not any(len(WORD.findall(piece)) >= LEAST_WORDS for piece in fixed):
        return None
    return Sentence(tuple(fixed), (parts[0] is None, parts[-1] is None))
