"""Events as JSON and back, without loss. Classes are named in `_`; bytes are base64 under `_b`.

JSON's arrays are tuples, of which events are made; a list (of a policy's specification) is under
`_l`, and a mapping with a key that begins with `_` is a list of pairs under `_d`.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from typing import Any

from collectors import events
from collectors.recording import earlier_formats
from collectors.recording.field_types import checks_of
from collectors.recording.figure_rows import FigureRows
from collectors.sockets.rows import SocketRow

_CLASSES: dict[str, type] = {
    name: value
    for name, value in vars(events).items()
    if isinstance(value, type) and dataclasses.is_dataclass(value)
} | {
    "FigureRows": FigureRows,
    "SocketRow": SocketRow,
    "Packet": events.Packet,
    "ContainerPort": events.ContainerPort,
    "ServicePort": events.ServicePort,
    "Endpoint": events.Endpoint,
    "RuleCount": events.RuleCount,
    "FilterRule": events.FilterRule,
    "Backend": events.Backend,
}


class Malformed(ValueError):
    """A line is not an event that this version knows."""


class UnknownKind(Malformed):
    """An event of a later version."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"unknown event {kind!r}")
        self.kind = kind


FIELDS = {
    kind: tuple(f.name for f in dataclasses.fields(kind))
    if dataclasses.is_dataclass(kind)
    else kind._fields  # type: ignore[attr-defined]
    for kind in _CLASSES.values()
}

CHECKS = {kind: checks_of(kind) for kind in _CLASSES.values()}
DAMAGES = (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError)


def plain(value: Any) -> Any:
    """A value made of JSON's types only."""
    if isinstance(value, (str, int, float, bool, type(None))):
        return value
    if isinstance(value, bytes):
        return {"_b": base64.b64encode(value).decode()}
    kind = type(value)
    if isinstance(value, tuple) and kind not in FIELDS:
        return [plain(item) for item in value]
    if isinstance(value, list):
        return {"_l": [plain(item) for item in value]}
    if isinstance(value, dict):
        if any(key.startswith("_") for key in value):
            return {"_d": [[key, plain(item)] for key, item in value.items()]}
        return {key: plain(item) for key, item in value.items()}
    return {"_": kind.__name__, **{name: plain(getattr(value, name)) for name in FIELDS[kind]}}


def rich(value: Any) -> Any:
    """The inverse of `plain`; unknown fields (of a later version) are left out. One of DAMAGES
    where a field does not hold what it may."""
    if isinstance(value, list):
        return tuple(rich(item) for item in value)
    if not isinstance(value, dict):
        return value
    if "_b" in value:
        return base64.b64decode(value["_b"])
    if "_l" in value:
        return [rich(item) for item in value["_l"]]
    if "_d" in value:
        return {key: rich(item) for key, item in value["_d"]}
    if "_" not in value:
        return {key: rich(item) for key, item in value.items()}
    return _typed(value)


def _typed(value: dict[str, Any]) -> Any:
    """An event or row of this version, whichever wrote it."""
    value = earlier_formats.upgraded(value)
    kind = _CLASSES.get(value["_"])
    if kind is None:
        raise UnknownKind(str(value["_"])[:60])
    checks = CHECKS[kind]
    return kind(**{key: checks[key](rich(item)) for key, item in value.items() if key in checks})


def encode(event: events.Event) -> str:
    return json.dumps(plain(event), separators=(",", ":"), ensure_ascii=True)


def decode(line: str) -> events.Event:
    try:
        event = rich(json.loads(line))
    except UnknownKind:
        raise
    except DAMAGES as error:
        raise Malformed(f"not an event: {error}") from None
    if not isinstance(event, events.Event):
        raise Malformed("not an event")
    return event
