"""A session that is shared over a real socket: what viewers see, and what they cannot do."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.session_hour import BEGAN, NODE, POD, HourOfEvents
from collectors import events as ev
from collectors.errors import ClusterError, ConfigError, PodwireError
from collectors.findings import Evidence, Finding, Subject
from collectors.frozen import frozen
from session.controller import Controller
from session.engine import login_name
from session.share import share as share_module
from session.share.frames import PROTOCOL, MessageReader, said, saying
from session.share.place import PeerProcess
from session.share.share import MOST_VIEWERS, SharedSession
from session.share.viewer_queue import MOST
from session.store import Store
from session.targets import CLOSED
from tests.support.shared_session import driving, until, viewing

pytestmark = pytest.mark.slow

SECONDS = 70


@pytest.fixture(autouse=True)
def _runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(share_module, "MOST_OF_PROCESS", MOST_VIEWERS + 2)  # all are this process
    monkeypatch.setattr(share_module, "PUT_OUT_S", 0.0)


FULL = Finding(
    rule="conntrack_full",
    severity="critical",
    subject=Subject(kind="node", name="n1"),
    title="The conntrack table is full",
    evidence=(Evidence("10,000 of 10,000", "nf_conntrack_count"),),
)
SLOW = replace(FULL, rule="rtt", severity="warning", title="Slow")
FOUND = (
    ev.FindingEvent(BEGAN + 32, "", "appeared", FULL, BEGAN + 30),
    ev.FindingEvent(BEGAN + 34, "", "appeared", SLOW, BEGAN + 31),
    ev.FindingEvent(BEGAN + 36, "", "changed", replace(FULL, severity="warning"), BEGAN + 30),
    ev.FindingEvent(BEGAN + 38, "", "gone", SLOW),
    ev.TargetState(BEGAN + 39, POD, "gap", "the stream broke off"),
    ev.TargetState(BEGAN + 40, "node/n2", "gap", "no route"),
    ev.Command(BEGAN + 41, NODE, "alice", "create pods", "default/podwire-node-1", "created"),
    ev.TargetState(BEGAN + 42, POD, "live", ""),
)


@frozen
class SecondsOfEvents:
    """What is published, second by second."""

    made: HourOfEvents
    first: int
    end: int

    def events(self) -> Iterator[ev.Event]:
        for second in range(self.first, self.end):
            yield from self.made.second(second)


async def feed(control: Controller, events: Iterator[ev.Event]) -> None:
    for number, event in enumerate(events):
        control.stream.publish(event)
        if number % 50 == 0:
            await control.stream.caught_up()
    await control.stream.caught_up()


def share_of(control: Controller) -> SharedSession:
    assert control.sharing.share is not None
    return control.sharing.share


def same(mine: Store, theirs: Store) -> None:
    """What the screens show."""
    assert {kind: index.rows() for kind, index in mine.inventory.items()} == {
        kind: index.rows() for kind, index in theirs.inventory.items()
    }
    assert mine.start == theirs.start and mine.refused == theirs.refused
    assert mine.timeline.entries == theirs.timeline.entries
    assert list(mine.log) == list(theirs.log)
    assert mine.findings.current == theirs.findings.current
    assert [(s.worst, s.finding, s.since, s.until) for s in mine.findings.spans] == [
        (s.worst, s.finding, s.since, s.until) for s in theirs.findings.spans
    ]
    assert mine.targets.keys() == theirs.targets.keys()
    for key in (POD, NODE):
        data, wanted = mine.target(key), theirs.target(key)
        for name in ("phase", "sample", "network", "conntrack", "sockets", "capture", "moved"):
            assert getattr(data, name) == getattr(wanted, name), name
        assert data.packets_seen == wanted.packets_seen
        assert [one.packet for one in data.packets] == [one.packet for one in wanted.packets]  # type: ignore[union-attr]
        for figure in ("=retransmits", "=conntrack", "TcpInSegs", "conntrack_count"):
            range_ = (BEGAN, BEGAN + 10 * SECONDS)
            assert data.history.points(figure, *range_) == wanted.history.points(figure, *range_)


async def test_a_late_joiner_has_the_state_and_sees_what_comes_after() -> None:
    made = HourOfEvents()
    async with driving() as driver:
        await feed(driver, made.beginning())
        await feed(driver, SecondsOfEvents(made, 0, SECONDS).events())
        await feed(driver, iter(FOUND))
        driver.mark("before", POD)
        await driver.stream.caught_up()
        assert driver.store.findings.spans and driver.store.target(POD).packets
        async with viewing() as viewer:
            await until(lambda: len(viewer.store.log) == len(driver.store.log))
            same(viewer.store, driver.store)
            await feed(driver, SecondsOfEvents(made, SECONDS, SECONDS + 20).events())
            driver.mark("after", POD)
            await driver.stream.caught_up()
            await until(lambda: list(viewer.store.log) == list(driver.store.log))
            same(viewer.store, driver.store)
            assert viewer.joined is not None and viewer.joined.lost == 0


async def test_whoever_joins_while_much_is_published_misses_nothing_and_sees_nothing_twice() -> (
    None
):
    async with driving() as driver:
        counted = 0

        async def publish() -> None:
            nonlocal counted
            while True:
                for _ in range(40):
                    driver.stream.publish(ev.Mark(BEGAN + counted, "", "a", str(counted)))
                    counted += 1
                await asyncio.sleep(0.002)  # what the share is too slow for is another test's

        publishing = driver.tasks.spawn(publish())
        await until(lambda: counted > 500)
        async with viewing() as one, viewing() as other:
            publishing.cancel()
            await asyncio.gather(publishing, return_exceptions=True)
            last = f"{counted - 1}"
            for viewer in (one, other):
                await until(lambda v=viewer: v.store.timeline.entries[-1].text == last)  # type: ignore[misc]
                texts = [entry.text for entry in viewer.store.timeline.entries]
                assert texts == [str(number) for number in range(counted)][-len(texts) :]
                assert viewer.store.drops == {}


async def test_a_mark_of_a_viewer_is_on_everybodys_timeline_with_its_author() -> None:
    async with driving() as driver:
        await feed(driver, HourOfEvents().beginning())
        async with viewing() as one, viewing() as other:
            one.mark("look \x1b[31mhere", POD)
            one.mark("of nothing that is open", "pod/x/unknown")
            for control in (driver, one, other):
                await until(lambda c=control: len(c.store.timeline.entries) == 2)  # type: ignore[misc]
                entries = control.store.timeline.entries
                assert [(e.author, e.where) for e in entries] == [
                    (login_name(), "shop/web-1"),
                    (login_name(), ""),
                ]
                assert "\x1b" not in entries[0].text


async def test_a_viewer_writes_and_runs_nothing() -> None:
    async with driving() as driver, viewing() as viewer:
        assert f"joined: {login_name()} does it" in viewer.refusal
        with pytest.raises(ClusterError, match="joined: "):
            viewer.require_cluster()
        assert viewer.targets.runner(POD, "test") is None
        viewer.captures.start(POD, "")
        await asyncio.sleep(0.05)
        assert not viewer.captures.any_running()
        with pytest.raises(ConfigError, match="only"):
            viewer.sharing.begin()
        assert driver.refusal == ""


async def test_the_end_is_said_and_the_socket_goes() -> None:
    async with driving() as driver:
        path = share_of(driver).path
        async with viewing() as viewer:
            assert len(driver.sharing.people) == 2
            await driver.sharing.end()
            assert not path.exists() and driver.sharing.share is None
            source = viewer.joined
            assert source is not None
            await until(lambda: source.state == "failed")
            with pytest.raises(PodwireError, match="No mark is set"):
                viewer.mark("too late", POD)
            assert "no longer" in source.message and "no longer" in viewer.store.log[-1].text
            driver.sharing.begin()
            assert share_of(driver).path.exists()
    assert not path.exists()


async def test_a_target_that_was_closed_is_said_to_who_joined() -> None:
    async with driving() as driver, viewing() as viewer:
        key = driver.targets.watch_this_machine()
        driver.targets.open_tab(key)
        await until(lambda: key in viewer.store.targets)
        driver.targets.close_tab(key)
        await until(lambda: viewer.store.target(key).phase == "ended")
        assert viewer.store.target(key).message == CLOSED
        await until(lambda: key not in driver.store.targets)
        await asyncio.sleep(0.1)
        assert key not in driver.store.targets


async def test_one_that_was_closed_while_nothing_was_read_is_said_with_the_next_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(share_module, "STATE_AGAIN_S", 0.1)
    async with driving() as driver, viewing() as viewer:
        driver.stream.publish(ev.TargetState(BEGAN, NODE, "live"))
        await until(lambda: NODE in viewer.store.targets)
        driver.store.forget(NODE)
        (one,) = share_of(driver)._viewers
        one.queue.fall_behind(7)
        await until(lambda: viewer.store.target(NODE).phase == "ended")
        assert one.queue.lost >= 7


async def test_one_that_is_always_too_slow_is_sent_the_state_less_and_less_often() -> None:
    here, there = socket.socketpair()
    viewer = share_module.JoinedViewer(here, PeerProcess(1, 2), 1)
    waits = [viewer.next_state_s() for _ in range(7)]
    assert waits[0] == 0.0 and waits == sorted(waits)
    assert [round(wait) for wait in waits[1:3]] == [5, 15]
    assert viewer.wait_s == share_module.STATE_AGAIN_MOST_S
    here.close()
    there.close()


async def test_a_driver_whose_console_stands_still_is_known_to_be_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(share_module, "AGAIN_S", 0.1)
    async with driving() as driver, viewing() as viewer:
        source = viewer.joined
        assert source is not None
        await asyncio.sleep(1.5)
        assert source.silent_s < 1.2
        stopped = [task for task in share_of(driver)._tasks if "_announce" in repr(task)]
        stopped[0].cancel()
        await until(lambda: source.silent_s > 1.2)


async def test_a_recording_is_not_shared() -> None:
    async with driving() as driver:
        await driver.sharing.end()
        driver.live = False
        with pytest.raises(ConfigError, match="Only a live session"):
            driver.sharing.begin()


# --- slow, stopped and hostile viewers


class RawViewer:
    """A connection that does what a test wants, and not what podwire would."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.setblocking(False)
        self.socket.connect(str(path))

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.socket, data)

    async def end(self) -> str:
        """The reason for which it was closed."""
        loop, frames, reason = asyncio.get_running_loop(), MessageReader(64 << 20), ""
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(20):
                while data := await loop.sock_recv(self.socket, 1 << 16):
                    for body in frames.feed(data):
                        if body[:1] == b"J" and said(body)["say"] == "bye":
                            reason = said(body)["text"]
        self.socket.close()
        return reason


HOSTILE = (
    (b"\xff" * 100_000, "bytes"),
    (saying("mark", text="x"), "joins once"),
    (saying("join", protocol=PROTOCOL + 1), "another version"),
    (saying("join", protocol=PROTOCOL) * 2, "joins once"),
    (saying("join", protocol=PROTOCOL) + saying("mark", text="x", target="") * 60, "a second"),
    (saying("join", protocol=PROTOCOL) + saying("exec", argv=["id"]), "cannot make"),
    (saying("join", protocol=PROTOCOL) + b"\x00\x00\x00\x05E1 {}", "none of this protocol"),
)


@pytest.mark.parametrize(("data", "reason"), HOSTILE, ids=[reason for _, reason in HOSTILE])
async def test_a_hostile_viewer_is_closed_and_counted(data: bytes, reason: str) -> None:
    async with driving() as driver:
        raw = RawViewer(share_of(driver).path)
        with contextlib.suppress(ConnectionError):  # it may be closed while it sends
            await raw.send(data)
        await raw.end()
        await until(lambda: share_of(driver).refused)
        assert reason in share_of(driver).last_refusal
        await until(lambda: len(driver.sharing.people) == 1)
        marks = [entry for entry in driver.store.timeline.entries if entry.kind == "mark"]
        assert len(marks) <= 20


async def test_one_that_says_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share_module, "JOIN_S", 0.2)
    async with driving() as driver:
        raw = RawViewer(share_of(driver).path)
        await raw.send(saying("join", protocol=PROTOCOL)[:7])
        assert "did not say" in await raw.end()


async def test_of_many_connections_the_rest_is_refused() -> None:
    async with driving() as driver:
        share = share_of(driver)
        kept = []
        for _ in range(MOST_VIEWERS):
            kept.append(RawViewer(share.path))
            await kept[-1].send(saying("join", protocol=PROTOCOL))
            await until(lambda: len(share.people) == len(kept) + 1)
        more = RawViewer(share.path)
        assert "may be no more" in await more.end()
        assert len(share.people) == MOST_VIEWERS + 1
        for one in kept:
            one.socket.close()
        await until(lambda: len(share.people) == 1)
        async with viewing():
            assert len(share.people) == 2


async def test_one_process_does_not_fill_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share_module, "MOST_OF_PROCESS", 2)
    async with driving() as driver, viewing():
        kept = RawViewer(share_of(driver).path)
        more = [RawViewer(share_of(driver).path) for _ in range(5)]
        assert "2 connections at most" in await more[0].end()
        await until(lambda: share_of(driver).refused == 5)
        assert len(driver.sharing.people) == 2
        kept.socket.close()


async def test_a_process_that_sent_garbage_is_not_let_in_again_at_once_and_knows_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(share_module, "PUT_OUT_S", 60.0)
    async with driving() as driver:
        raw = RawViewer(share_of(driver).path)
        await raw.send(b"\xff" * 100)
        await raw.end()
        await until(lambda: share_of(driver).refused == 1)
        with pytest.raises(ConfigError, match="not let in: this process was removed"):
            async with viewing():
                pass


async def test_one_that_reads_nothing_for_long_is_put_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share_module, "STALLED_S", 0.3)
    async with driving() as driver, viewing():
        raw = RawViewer(share_of(driver).path)
        await raw.send(saying("join", protocol=PROTOCOL))
        await until(lambda: len(driver.sharing.people) == 3)
        for number in range(300):
            driver.stream.publish(ev.Notice(BEGAN + number, "", "x" * 4_000))
        await until(lambda: len(driver.sharing.people) == 2)
        assert "did not read for" in share_of(driver).last_refusal
        raw.socket.close()


async def test_five_viewers_of_which_four_misbehave() -> None:
    """The driver's stream goes on, and the fifth sees all of it; one that stopped has an explicit
    gap and the present state once it reads on."""
    padding = "x" * 2_000
    total = 3 * MOST // len(padding)
    async with driving() as driver, viewing() as good:
        share = share_of(driver)
        stopped, slow, garbage, silent = (RawViewer(share.path) for _ in range(4))
        for raw in (stopped, slow):
            await raw.send(saying("join", protocol=PROTOCOL))
        await until(lambda: len(share.people) == 4)
        await garbage.send(b"\xff" * 4_096)

        async def read_slowly() -> None:
            while True:
                await asyncio.get_running_loop().sock_recv(slow.socket, 1)
                await asyncio.sleep(0.05)

        reading = asyncio.create_task(read_slowly())
        for number in range(total):
            driver.stream.publish(ev.Notice(BEGAN + number, "", f"{number} {padding}"))
            if number % 100 == 0:
                await asyncio.sleep(0.005)
        await driver.stream.caught_up()
        assert driver.store.log_count >= total and driver.store.drops == {}
        last = f"{total - 1} "
        await until(lambda: any(line.text.startswith(last) for line in good.store.log))
        assert good.joined is not None and good.joined.lost == 0
        behind = [viewer for viewer in share._viewers if viewer.queue.lost]
        assert len(behind) == 2
        assert all(viewer.queue.waits <= MOST + 10_000 for viewer in share._viewers)
        drops = await drops_of(stopped)
        assert sum(drop.events for drop in drops) == max(v.queue.lost for v in behind)
        reading.cancel()
        for raw in (slow, silent):
            raw.socket.close()


async def drops_of(raw: RawViewer) -> list[ev.ConsumerDrop]:
    """What one that reads on is said to have lost."""
    from session.share.received_state import event_of

    loop, frames = asyncio.get_running_loop(), MessageReader(64 << 20)
    async with asyncio.timeout(20):
        while data := await loop.sock_recv(raw.socket, 1 << 18):
            bodies = [body for body in frames.feed(data) if body[:1] == b"E"]
            events = [event_of(body) for body in bodies if b'"ConsumerDrop"' in body]
            if drops := [event for event in events if isinstance(event, ev.ConsumerDrop)]:
                raw.socket.close()
                return drops
    return []
