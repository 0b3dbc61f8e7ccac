"""Every event, found by itself, survives the log and a replay; what earlier versions wrote is read."""

from __future__ import annotations

import asyncio
import gzip
import json
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings, strategies as st

from collectors import events as ev
from collectors.recording import earlier_formats, event_codec
from collectors.recording.event_codec import Malformed, UnknownKind, decode, encode
from collectors.recording.event_log import Recorder, RecordingSource, read
from collectors.recording.field_types import LARGEST, RANGES
from collectors.sanitize import visible
from collectors.stream import Stream

EARLIER = Path(__file__).parent.parent / "data" / "recordings" / "0.1.0.jsonl.gz"
TEXT = st.text(st.characters(codec="utf-8"), max_size=12).map(visible)  # as events have it
FLOATS = st.floats(-LARGEST, LARGEST)
SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: st.integers(-(1 << 63), 1 << 63),
    float: FLOATS,
    bool: st.booleans(),
    bytes: st.binary(max_size=20),
    type(None): st.none(),
}
JSON_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), FLOATS, TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=5,
)


def every_event() -> list[type[ev.Event]]:
    kinds = (kind for kind in vars(ev).values() if isinstance(kind, type))
    return [kind for kind in kinds if issubclass(kind, ev.Event) and kind is not ev.Event]


def values_of(hint: Any, name: str = "") -> st.SearchStrategy[Any]:
    """Of a type as events use it: scalars, literals, unions, tuples, mappings, rows."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint in (int, float) and name in RANGES:
        return (st.integers if hint is int else st.floats)(*RANGES[name])
    if hint in SCALARS:
        return SCALARS[hint]
    if hint is Any:
        return JSON_VALUES
    if origin is Literal:
        return st.sampled_from(inner)
    if origin in (Union, types.UnionType):
        return st.one_of([values_of(one) for one in inner])
    if origin is tuple:
        if inner[-1] is Ellipsis:
            return st.lists(values_of(inner[0], name), max_size=2).map(tuple)
        return st.tuples(*map(values_of, inner))
    if origin in (dict, Mapping):
        return st.dictionaries(*map(values_of, inner), max_size=3)
    assert isinstance(hint, type), hint
    return st.builds(
        hint, **{name: values_of(of, name) for name, of in get_type_hints(hint).items()}
    )


def test_the_kinds_are_found() -> None:
    assert {ev.PacketBatch, ev.FindingEvent, ev.CommandRun, ev.ConsumerDrop} < set(every_event())


@pytest.mark.parametrize("kind", every_event(), ids=lambda kind: kind.__name__)
def test_an_event_survives_the_log_and_a_replay(kind: type[ev.Event]) -> None:
    @settings(max_examples=25, deadline=None)
    @given(values_of(kind))
    def survives(event: ev.Event) -> None:
        line = encode(event)
        assert "\n" not in line and line.isascii()
        assert decode(line) == event
        assert type(decode(line)) is kind

    survives()


@settings(max_examples=5, deadline=None)
@given(st.tuples(*map(values_of, every_event())))
def test_a_whole_log_is_replayed_as_it_was_written(events: tuple[ev.Event, ...]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "r.jsonl"
        recorder = Recorder(path)
        recorder.write(list(events))
        recorder.close()
        first, *rest = asyncio.run(replayed(path))
    assert isinstance(first, ev.RecordingStart)
    assert rest == list(events)


async def replayed(path: Path) -> list[ev.Event]:
    stream = Stream()
    subscription = stream.subscribe(10_000, "test")
    source = RecordingSource(path, stream)
    source.start()
    await source.finished()
    assert (source.state, source.message) == ("ended", "")
    return subscription.pending()


@pytest.mark.parametrize("kind", every_event(), ids=lambda kind: kind.__name__)
def test_fields_of_a_later_version_are_ignored(kind: type[ev.Event]) -> None:
    @settings(max_examples=3, deadline=None)
    @given(values_of(kind))
    def ignored(event: ev.Event) -> None:
        later = {**json.loads(encode(event)), "of_a_later_version": {"_": "Unheard", "a": [1]}}
        assert decode(json.dumps(later)) == event

    ignored()


def test_a_kind_of_a_later_version_is_named() -> None:
    with pytest.raises(UnknownKind, match="Unheard"):
        decode('{"_":"Unheard","at":1,"target":""}')


def test_renamed_fields_are_those_of_today() -> None:
    """Each right side of the table is a field of the class as it is called today."""
    for name, fields in earlier_formats.RENAMED_FIELDS.items():
        kind = getattr(ev, earlier_formats.RENAMED_CLASSES.get(name, name))
        assert set(fields.values()) <= set(get_type_hints(kind)), name
        assert not set(fields) & set(get_type_hints(kind)), name


def written(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt") as lines:
        return [json.loads(line) for line in lines]


def test_a_recording_of_an_earlier_version_is_read_to_its_last_event() -> None:
    lines, events = written(EARLIER), list(read(EARLIER))
    assert len(events) == len(lines) > 30
    assert [event.at for event in events] == [line["at"] for line in lines]


def objects_in(value: Any) -> Iterator[dict[str, Any]]:
    """Each event and row in a line."""
    if isinstance(value, dict):
        if "_" in value:
            yield value
        value = list(value.values())
    for item in value if isinstance(value, list) else ():
        yield from objects_in(item)


def test_no_field_of_an_earlier_version_is_passed_over() -> None:
    names = set()
    for written_object in objects_in(written(EARLIER)):
        upgraded = earlier_formats.upgraded(written_object)
        names.add(upgraded["_"])
        fields = get_type_hints(event_codec._CLASSES[upgraded["_"]])
        assert set(upgraded) - {"_"} <= set(fields), upgraded["_"]
    assert {"FindingEvent", "ConntrackGroup", "SocketRow", "PodRow"} < names


def test_an_earlier_finding_keeps_what_it_said() -> None:
    findings = [event for event in read(EARLIER) if isinstance(event, ev.FindingEvent)]
    assert {event.change for event in findings} == {"appeared", "gone"}
    for event in findings:
        assert event.finding.title and event.finding.where and event.finding.rule
        assert event.since == event.at


def test_what_is_no_event_is_malformed() -> None:
    for line in ("", "[]", "{}", "1", '{"_":"Mark"}', '{"_":["Mark"]}', '{"_":"Packet","ns":1}'):
        with pytest.raises(Malformed):
            decode(line)


def test_damaged_compression_ends_a_recording_early(tmp_path: Path) -> None:
    torn = tmp_path / "torn.jsonl.gz"
    torn.write_bytes(EARLIER.read_bytes()[:-200])
    events = list(read(torn))
    assert 10 < len(events) < len(written(EARLIER))
