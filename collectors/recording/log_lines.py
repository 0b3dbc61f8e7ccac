"""A line of a session's log: the event's number, and the event as JSON. Numbers order the events of
several files.

What comes every second is written in a form that compresses well: sockets by column, packets as
the place where they are kept. The rest is as in event_codec.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, get_type_hints

import orjson

from collectors.events import CounterSample, Event, SocketSnapshot
from collectors.recording import event_codec
from collectors.recording.event_codec import DAMAGES, Malformed
from collectors.recording.field_types import Check, checks_of, column_check
from collectors.recording.figure_rows import FigureRows
from collectors.sockets.rows import SocketRow

FAST = (CounterSample, FigureRows)  # of JSON's types only


class PacketPlace(NamedTuple):
    """A batch of packets in a pcap segment of the session."""

    at: float
    target: str
    capture: int
    linktype: int
    file: str
    first: int
    packets: int


Numbered = tuple[int, Event | PacketPlace]


def line(number: int, item: Event | PacketPlace) -> bytes:
    return b"%d %s\n" % (number, _encoded(item))


def _encoded(item: Event | PacketPlace) -> bytes:
    try:
        if isinstance(item, PacketPlace):
            return orjson.dumps({"_": "PacketPlace", **item._asdict()})
        if isinstance(item, SocketSnapshot):
            return orjson.dumps(_by_column(item))
        if isinstance(item, FAST):
            return orjson.dumps({"_": type(item).__name__, **_fields(item)})
    except TypeError:  # a number or a text that only Python's own JSON has
        assert isinstance(item, Event)
    return event_codec.encode(item).encode()


def _fields(event: Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name in event_codec.FIELDS[type(event)]}


def _by_column(event: SocketSnapshot) -> dict[str, Any]:
    return {
        "_": "SocketColumns",
        "at": event.at,
        "target": event.target,
        "source": event.source,
        "note": event.note,
        "columns": _columns(event.rows),
    }


def _columns(rows: Sequence[SocketRow]) -> dict[str, Any]:
    return dict(zip(SocketRow._fields, zip(*rows, strict=True), strict=True)) if rows else {}


def parsed(text: bytes) -> Numbered:
    """Malformed (or UnknownKind) where it is none."""
    number, _, rest = text.partition(b" ")
    if not number.isdigit():
        raise Malformed("a line without a number")
    return int(number), _decoded(rest)


def _decoded(text: bytes) -> Event | PacketPlace:
    try:
        value = _loaded(text)
        if isinstance(value, dict) and (made := _FORMS.get(value.get("_", ""))) is not None:
            return made(value)
    except Malformed:
        raise
    except DAMAGES as error:
        raise Malformed(f"not an event: {error}") from None
    return event_codec.decode(text.decode("utf-8", "replace"))


def _loaded(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:  # a lone surrogate is one of Python's own JSON only
        return json.loads(text)


_COLUMNS = {name: column_check(hint, name) for name, hint in get_type_hints(SocketRow).items()}
_PLACE = checks_of(PacketPlace)
_SOCKETS = event_codec.CHECKS[SocketSnapshot]
_SAMPLE = event_codec.CHECKS[CounterSample]
_ROWS = event_codec.CHECKS[FigureRows]
_ABOUT_SOCKETS = ("at", "target", "source", "note")
_OF_ROWS = ("at", "target", "of_peers", "times", "gaps", "moved", "packets")
_FIGURE = column_check(float | None, "")


def _checked(
    value: dict[str, Any], checks: Mapping[str, Check], names: Iterable[str]
) -> dict[str, Any]:
    return {name: checks[name](value[name]) for name in names}


def _tuple(value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise Malformed("not a list")
    return tuple(value)


def _sockets(value: dict[str, Any]) -> SocketSnapshot:
    rows = tuple(_socket_rows(value["columns"]))
    about = _checked(value, _SOCKETS, _ABOUT_SOCKETS)
    return SocketSnapshot(rows=rows, **about)


def _socket_rows(columns: dict[str, Any]) -> Iterator[SocketRow]:
    known = {name: _COLUMNS[name](column) for name, column in columns.items() if name in _COLUMNS}
    rows = zip(*known.values(), strict=True)
    if tuple(known) == SocketRow._fields:
        return map(SocketRow._make, rows)
    # of another version
    return (SocketRow(**dict(zip(known, row, strict=True))) for row in rows)


def _place(value: dict[str, Any]) -> PacketPlace:
    place = PacketPlace(**_checked(value, _PLACE, _PLACE))
    if min(place.capture, place.linktype, place.first, place.packets) < 0:
        raise Malformed("not a place of packets")
    return place


def _sample(value: dict[str, Any]) -> CounterSample:
    value["missing"] = _tuple(value["missing"])
    return CounterSample(**_checked(value, _SAMPLE, _SAMPLE))


def _figures(value: dict[str, Any]) -> FigureRows:
    value["times"], value["gaps"] = _tuple(value["times"]), _tuple(value["gaps"])
    columns = {name: tuple(_FIGURE(column)) for name, column in value["columns"].items()}
    rows = FigureRows(columns=columns, **_checked(value, _ROWS, _OF_ROWS))
    _require_table(rows)
    return rows


def _require_table(rows: FigureRows) -> None:
    """Columns of one length."""
    count = len(rows.times)
    if not count:
        raise Malformed("figures of no time")
    if any(len(column) != count for column in rows.columns.values()):
        raise Malformed("columns of several lengths")
    if any(not 0 <= row < count for row in rows.gaps):
        raise Malformed("a gap outside of the rows")


_FORMS: dict[str, Callable[[dict[str, Any]], Event | PacketPlace]] = {
    "SocketColumns": _sockets,
    "PacketPlace": _place,
    "CounterSample": _sample,
    "FigureRows": _figures,
}
