"""A line of a session's log: the event's number, and the event as JSON. Numbers order the events of
several files.

What comes every second is written in a form that compresses well: sockets by column, packets as
the place where they are kept. The rest is as in event_codec.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import orjson

from collectors.events import CounterSample, Event, SocketSnapshot
from collectors.recording import event_codec
from collectors.recording.event_codec import Malformed
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
        value = orjson.loads(text)
        if isinstance(value, dict) and (made := _FORMS.get(value.get("_", ""))) is not None:
            return made(value)
    except Malformed:
        raise
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Malformed(f"not an event: {error}") from None
    return event_codec.decode(text.decode("utf-8", "replace"))


def _sockets(value: dict[str, Any]) -> SocketSnapshot:
    rows = tuple(_socket_rows(value["columns"]))
    return SocketSnapshot(value["at"], value["target"], rows, value["source"], value["note"])


def _socket_rows(columns: dict[str, Any]) -> Iterator[SocketRow]:
    known = {name: column for name, column in columns.items() if name in SocketRow._fields}
    rows = zip(*known.values(), strict=True)
    if tuple(known) == SocketRow._fields:
        return map(SocketRow._make, rows)
    # of another version
    return (SocketRow(**dict(zip(known, row, strict=True))) for row in rows)


def _place(value: dict[str, Any]) -> PacketPlace:
    place = PacketPlace(**{name: value[name] for name in PacketPlace._fields})
    numbers = (place.capture, place.linktype, place.first, place.packets)
    if not all(isinstance(one, int) and one >= 0 for one in numbers):
        raise Malformed("not a place of packets")
    return place


def _sample(value: dict[str, Any]) -> CounterSample:
    return CounterSample(
        value["at"],
        value["target"],
        clock=value["clock"],
        netns=value["netns"],
        values=value["values"],
        missing=tuple(value["missing"]),
    )


def _figures(value: dict[str, Any]) -> FigureRows:
    return FigureRows(
        value["at"],
        value["target"],
        of_peers=value["of_peers"],
        times=tuple(value["times"]),
        columns={name: tuple(column) for name, column in value["columns"].items()},
        gaps=tuple(value["gaps"]),
        moved=value["moved"],
        packets=value["packets"],
    )


_FORMS: dict[str, Callable[[dict[str, Any]], Event | PacketPlace]] = {
    "SocketColumns": _sockets,
    "PacketPlace": _place,
    "CounterSample": _sample,
    "FigureRows": _figures,
}
