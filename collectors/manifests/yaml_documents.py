"""YAML as kubectl reads it, with the line of each field: no duplicate keys, no timestamps, bounded.

Built from the parser's events without recursion, so that nesting and aliases cannot exhaust
anything: a document is at most DEEPEST levels deep and MOST_NODES values with its aliases expanded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from collectors.errors import ConfigError
from collectors.manifests.documents import DEEPEST, FieldPath, ManifestDocument, syntax_error
from collectors.manifests.yaml_scalars import key_text, resolved, tagged
from collectors.sanitize import sanitize

MOST_NODES = 3_000_000  # of a document, each alias counted as what it stands for
TOO_DEEP = f"nested deeper than {DEEPEST} levels"
OWN_LIMIT = "maximum nesting depth"  # of libyaml, 1,000 levels, in PyYAML 6.0.4's wheels
MERGE = "<<"
HELM = (
    "a Helm template that was not rendered ({{ … }}): podwire reads the output of `helm template`"
)
NO_KEY: Any = object()
Lines = dict[int, Any]  # id of a mapping or list: the lines of its entries


class BadYaml(Exception):
    """What is wrong with a document, and where."""

    def __init__(self, reason: str, mark: Any) -> None:
        super().__init__(reason)
        self.mark = mark


@dataclass(slots=True)
class OpenCollection:
    """A mapping or list whose end was not read yet."""

    value: Any
    anchor: str | None
    key: Any = NO_KEY
    lines: Any = None
    merged: list[dict[str, Any]] = field(default_factory=list)
    nodes: int = 1


class DocumentBuilder:
    """Makes a value of the events of one document."""

    def __init__(self) -> None:
        self.value: Any = None
        self.lines: Lines = {}
        self.root_line = 1
        self._open: list[OpenCollection] = []
        self._anchors: dict[str, tuple[Any, int]] = {}

    def feed(self, event: Any) -> None:
        if isinstance(event, ScalarEvent):
            self._scalar(event)
        elif isinstance(event, (MappingStartEvent, SequenceStartEvent)):
            self._start(event)
        elif isinstance(event, (MappingEndEvent, SequenceEndEvent)):
            self._end(event)
        elif isinstance(event, AliasEvent):
            self._alias(event)

    def _scalar(self, event: Any) -> None:
        try:
            value = _scalar_value(event)
        except ValueError as error:
            raise BadYaml(str(error), event.start_mark) from None
        if event.anchor:
            self._anchors[event.anchor] = (value, 1)
        self._add(value, event.start_mark)

    def _start(self, event: Any) -> None:
        if len(self._open) >= DEEPEST:
            raise BadYaml(TOO_DEEP, event.start_mark)
        kind = dict if isinstance(event, MappingStartEvent) else list
        entered = OpenCollection(kind(), event.anchor, lines=kind())
        if event.anchor:
            self._anchors.pop(event.anchor, None)
        self._check_key(entered.value, event.start_mark)
        if self._open:
            self._note_line(event.start_mark.line + 1)
        else:
            self.root_line = event.start_mark.line + 1
        self._open.append(entered)

    def _end(self, event: Any) -> None:
        closed = self._open.pop()
        for mapping in closed.merged:
            self._merge(mapping, closed, event.start_mark.line + 1)
        self.lines[id(closed.value)] = closed.lines
        if closed.anchor:
            self._anchors[closed.anchor] = (closed.value, closed.nodes)
        self._place(closed.value, closed.nodes, event.start_mark)

    def _merge(self, mapping: dict[str, Any], into: OpenCollection, line: int) -> None:
        """What `into` has itself stays; `line` is that of entries without one of their own."""
        lines = self.lines.get(id(mapping), {})
        for key, value in mapping.items():
            if key not in into.value:
                into.value[key] = value
                into.lines[key] = lines.get(key, line)

    def _alias(self, event: Any) -> None:
        if event.anchor not in self._anchors:
            inside = any(entered.anchor == event.anchor for entered in self._open)
            problem = "contains itself" if inside else "is not known"
            raise BadYaml(f"the anchor {sanitize(event.anchor, 40)!r} {problem}", event.start_mark)
        value, nodes = self._anchors[event.anchor]
        self._add(value, event.start_mark, nodes)

    def _add(self, value: Any, mark: Any, nodes: int = 1) -> None:
        """A value that is complete: a scalar or what an alias stands for."""
        if self._open and self._expects_key():
            self._check_key(value, mark)
            self._set_key(value, mark)
            return
        if self._open:
            self._note_line(mark.line + 1)
        self._place(value, nodes, mark)

    def _expects_key(self) -> bool:
        return isinstance(self._open[-1].value, dict) and self._open[-1].key is NO_KEY

    def _check_key(self, value: Any, mark: Any) -> None:
        if self._open and self._expects_key() and isinstance(value, (dict, list)):
            raise BadYaml("a key must be text, not a mapping or list", mark)

    def _set_key(self, value: Any, mark: Any) -> None:
        mapping, key = self._open[-1], key_text(value)
        if key in mapping.value or (key == mapping.key):
            raise BadYaml(f"the key {sanitize(key, 80)!r} is already set in this mapping", mark)
        mapping.key = key
        if key != MERGE:
            mapping.lines[key] = mark.line + 1

    def _note_line(self, line: int) -> None:
        parent = self._open[-1]
        if isinstance(parent.value, list):
            parent.lines.append(line)

    def _place(self, value: Any, nodes: int, mark: Any) -> None:
        if not self._open:
            self.value = value
            return
        parent = self._open[-1]
        parent.nodes += nodes
        if parent.nodes > MOST_NODES:
            raise BadYaml(f"more than {MOST_NODES} values, aliases expanded", mark)
        if isinstance(parent.value, list):
            parent.value.append(value)
            return
        if parent.key == MERGE:
            parent.merged += _mappings_to_merge(value, mark)
        else:
            parent.value[parent.key] = value
        parent.key = NO_KEY

    def line(self, path: FieldPath) -> int:
        """The line of a path, or of the last of its parts that is there."""
        value, line = self.value, self.root_line
        for part in path:
            try:
                line, value = self.lines[id(value)][part], value[part]
            except (LookupError, TypeError):
                break
        return line


def _scalar_value(event: Any) -> Any:
    """ValueError where its tag has no meaning."""
    is_plain = event.implicit[0]
    if event.tag and not is_plain:
        return tagged(event.tag, event.value) if event.tag != "!" else event.value
    return resolved(event.value) if is_plain else event.value


def _mappings_to_merge(value: Any, mark: Any) -> list[dict[str, Any]]:
    found = value if isinstance(value, list) else [value]
    if not all(isinstance(one, dict) for one in found):
        raise BadYaml("<< merges mappings only", mark)
    return found


def yaml_documents(name: str, text: str) -> Iterator[ManifestDocument]:
    """The documents of a text that are not empty. ConfigError with line and column for an error."""
    try:
        for builder in _builders(text):
            if builder.value is not None:
                yield ManifestDocument(name, builder.value, builder.line)
    except BadYaml as error:
        raise _error(name, text, str(error), error.mark) from None
    except yaml.MarkedYAMLError as error:
        reason = error.problem or error.context or "not YAML"
        if OWN_LIMIT in reason:
            reason = TOO_DEEP
        raise _error(name, text, sanitize(reason, 120), error.problem_mark) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError(f"{name}: line {line}: a character that YAML does not allow.") from None


def _builders(text: str) -> Iterator[DocumentBuilder]:
    """One for each document, that has it."""
    builder = DocumentBuilder()
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if isinstance(event, DocumentStartEvent):
            builder = DocumentBuilder()
        elif isinstance(event, DocumentEndEvent):
            yield builder
        else:
            builder.feed(event)


def _error(name: str, text: str, reason: str, mark: Any) -> ConfigError:
    """The error at a mark; what is typical for templates and tabs is called that."""
    if mark is None:
        return ConfigError(f"{name}: not YAML: {reason}.")
    lines = text.splitlines()
    if (template := _template_near(lines, mark.line)) is not None:
        return syntax_error(name, template + 1, lines[template].index("{{") + 1, HELM)
    line = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in line[: mark.column + 1]:
        column = line.index("\t") + 1
        return syntax_error(name, mark.line + 1, column, "a tab: YAML is indented with spaces")
    return syntax_error(name, mark.line + 1, mark.column + 1, f"not YAML: {reason}")


def _template_near(lines: list[str], number: int) -> int | None:
    """The number of the last line up to there, of the two before or itself, with a template."""
    near = range(min(number, len(lines) - 1), max(number - 2, 0) - 1, -1)
    return next((at for at in near if "{{" in lines[at]), None)
