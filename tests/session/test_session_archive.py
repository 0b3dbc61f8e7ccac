"""Going to a time of a recorded session gives what playing up to it gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.session_hour import BEGAN, NODE, POD, HourOfEvents, write
from collectors import events as ev
from collectors.events import Event
from collectors.recording.session_log import SessionWriter
from collectors.recording.session_reader import SessionReader
from session.figure_pieces import FigurePieces
from session.session_archive import WINDOW_S, SessionArchive
from session.store import Store
from session.target_data import PacketLine, TargetData

pytestmark = pytest.mark.slow

SECONDS = 400  # a finding comes and goes, and marks are set


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("session")
    write(directory, SECONDS)
    return directory


@pytest.fixture(scope="module")
def archive(session: Path) -> SessionArchive:
    return SessionArchive(SessionReader(session))


def played(session: Path, at: float) -> Store:
    """Everything up to the first event that is later."""
    store = Store()
    for event in SessionReader(session).events():
        if event.at > at:
            break
        store.apply(event)
    return store


def points(data: TargetData, name: str) -> list[tuple[float, float | None]]:
    return data.history.points(name, BEGAN, BEGAN + SECONDS)


@pytest.mark.parametrize("second", [0.4, 7.3, 59.9, 60.0, 121.02, 243.0, 311.5, 399.99])
def test_it_is_what_playing_gives(session: Path, archive: SessionArchive, second: float) -> None:
    at = BEGAN + second
    gone_to, wanted = archive.state_at(at), played(session, at)
    store = gone_to.store
    assert list(store.log) == list(wanted.log)
    assert store.findings.spans == wanted.findings.spans
    assert store.timeline.entries == wanted.timeline.entries
    assert {kind: index.rows() for kind, index in store.inventory.items()} == {
        kind: index.rows() for kind, index in wanted.inventory.items()
    }
    assert store.targets.keys() == wanted.targets.keys()
    for key in (POD, NODE):
        same_target(store.target(key), wanted.target(key))
    rest = list(SessionReader(session).events())
    assert list(archive.events_from(gone_to.next)) == rest[rest.index(first_after(rest, at)) :]


def first_after(events: list[Event], at: float) -> Event:
    return next(event for event in events if event.at > at)


def same_target(data: TargetData, wanted: TargetData) -> None:
    for name in ("phase", "sample", "network", "conntrack", "sockets", "sockets_at", "capture"):
        assert getattr(data, name) == getattr(wanted, name), name
    assert data.packets_seen == wanted.packets_seen
    assert data.moved == wanted.moved
    assert data.counters() == wanted.counters()
    assert data.socket_rates == wanted.socket_rates
    for name in ("=retransmits", "=conntrack", "TcpInSegs", "conntrack_count"):
        assert points(data, name) == points(wanted, name)
    assert data.history.coarse.times == wanted.history.coarse.times
    column, other = (one.history.coarse.column("conntrack_count") for one in (data, wanted))
    assert list(column) == pytest.approx(list(other))
    same_packets(data, wanted)


def same_packets(data: TargetData, wanted: TargetData) -> None:
    """Those of the last seconds at least; how much is missing is known."""
    mine = [line.packet for line in data.packets if isinstance(line, PacketLine)]
    theirs = [line.packet for line in wanted.packets if isinstance(line, PacketLine)]
    assert mine == theirs[len(theirs) - len(mine) :]
    if data.packets_from:
        assert mine[-1].time - mine[0].time >= WINDOW_S - 1
    else:
        assert mine == theirs


def test_playing_on_from_there_ends_as_playing_all(session: Path, archive: SessionArchive) -> None:
    gone_to = archive.state_at(BEGAN + 200)
    gone_to.store.apply_all(archive.events_from(gone_to.next))
    wanted = played(session, BEGAN + 10 * SECONDS)
    assert list(gone_to.store.log) == list(wanted.log)
    for key in (POD, NODE):
        same_target(gone_to.store.target(key), wanted.target(key))


def test_a_mark_that_is_set_meanwhile_is_there_after_its_time_only(session: Path) -> None:
    archive = SessionArchive(SessionReader(session))
    mark = ev.Mark(BEGAN + 150.5, POD, "bob", "look")
    archive.add(mark)
    assert mark.at in archive.mark_times

    def texts(second: float) -> list[str]:
        store = archive.state_at(BEGAN + second).store
        return [one.text for one in store.timeline.entries if one.kind == "mark"]

    assert texts(150.0) == [] and texts(151.0) == ["look"] == texts(399.0)


def test_what_a_silent_target_had_last_is_there(tmp_path: Path) -> None:
    """Its stream stalled minutes before the time that is gone to."""
    made, store, writer = HourOfEvents(), Store(), SessionWriter(tmp_path)
    pieces = FigurePieces(store)
    for second in range(-1, 300):
        events = list(made.second(second) if second >= 0 else made.beginning())
        events = [e for e in events if second < 45 or e.target != POD]
        store.apply_all(events)
        writer.write([*events, *(pieces.new() if second % 30 == 29 else ())])
    writer.close()
    gone_to = SessionArchive(SessionReader(tmp_path)).state_at(BEGAN + 290)
    wanted = played(tmp_path, BEGAN + 290)
    same_target(gone_to.store.target(POD), wanted.target(POD))
    assert gone_to.store.target(POD).sample_at == BEGAN + 44


def test_an_end_that_is_missing_is_said_at_its_time(session: Path, tmp_path: Path) -> None:
    events = [e for e in SessionReader(session).events() if not isinstance(e, ev.RecordingEnd)]
    writer = SessionWriter(tmp_path)
    writer.write(events[1:])
    writer.close()
    archive = SessionArchive(SessionReader(tmp_path))
    assert archive.ended == events[-1].at
    for store in (archive.state_at(archive.ended).store, played(tmp_path, archive.ended)):
        last = store.timeline.entries[-1]
        assert last.kind == "gap" and "ends abruptly" in last.text
        assert last.at == archive.ended
    whole = SessionArchive(SessionReader(session)).state_at(archive.ended + 9).store
    assert not [one for one in whole.timeline.entries if one.kind == "gap"]


def test_where_the_first_evidence_was_removed_the_rest_is_of_its_time(tmp_path: Path) -> None:
    """As where room was needed: what was said stays, and is not said before its time."""
    writer = SessionWriter(tmp_path)
    marks = [ev.Mark(BEGAN + second, "", "a", str(second)) for second in range(100)]
    writer.write(marks[:60])
    sample = next(one for one in HourOfEvents().second(60) if isinstance(one, ev.CounterSample))
    writer.write([sample, *marks[60:], ev.RecordingEnd(BEGAN + 100, "")])
    writer.close()
    archive = SessionArchive(SessionReader(tmp_path))
    for second in (0.5, 10.5, 59.5, 60.5, 99.5):
        gone_to = archive.state_at(BEGAN + second)
        texts = [one.text for one in gone_to.store.timeline.entries]
        assert texts == [str(n) for n in range(int(second) + 1)]
        assert ("pod/shop/web-1" in gone_to.store.targets) == (second > 60)
        rest = [e.text for e in archive.events_from(gone_to.next) if isinstance(e, ev.Mark)]
        assert rest == [str(n) for n in range(int(second) + 1, 100)]
