"""One contract for whatever feeds the stream: pods and nodes of the lab, this machine, a capture file, a
recording, several of them joined, and a session that somebody shares."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from collectors import events as ev
from collectors.capture.file_source import PcapSource
from collectors.cluster.api.connection import connect
from collectors.cluster.attach.settings import AttachSettings
from collectors.recording.event_log import Recorder, RecordingSource
from collectors.recording.session_log import SessionWriter
from collectors.recording.session_reader import SessionReader
from collectors.source import JoinedSource, RecordedSource, Source
from collectors.stream import Stream, Subscription
from collectors.target import Target, this_machine
from lab.supervisor import Lab
from session.controller import Controller
from session.opened_recording import converted
from session.replay_source import ReplaySource
from session.session_archive import SessionArchive
from session.share.links import SocketLink
from session.share.viewer_source import ViewerSource
from session.sources import AttachedSource, LocalSource
from session.store import Store
from tests.support.shared_session import driving

pytestmark = pytest.mark.slow

DATA = Path(__file__).parent.parent / "data"
RECORDED = ("pcap", "recording", "joined", "session")
LIVE = ("pod", "node", "local", "shared")
SOON_S = 20.0


@dataclass
class Bench:
    """A source of one kind on a stream of its own, and what it published."""

    kind: str
    stream: Stream
    source: Source
    missing: Source  # the same kind, of something that is not there
    seen: list[ev.Event] = field(default_factory=list)

    async def until(self, ready: Callable[[], bool]) -> None:
        async with asyncio.timeout(SOON_S):
            while not ready():
                await asyncio.sleep(0.02)

    def of_target(self) -> list[ev.Event]:
        key = self.source.key
        return [event for event in self.seen if not key or event.target == key]


ON_LAB = ("pod", "node")
KINDS = [
    pytest.param(kind, marks=pytest.mark.lab if kind in ON_LAB else ())
    for kind in (*LIVE, *RECORDED)
]


@pytest.fixture(params=KINDS)
async def bench(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Bench]:
    stream = Stream()
    controller = Controller(Store(), stream, capture_on_attach=False)
    controller.diagnosis.enabled = False
    controller.start()
    make = partial(unattached, controller, request.param)
    if request.param == "session":
        converted(RecordingSource(DATA / "session.jsonl", Stream()), tmp_path)
        make = partial(replayed, tmp_path, stream)
    places = contextlib.AsyncExitStack()
    if request.param == "shared":
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
        driver = await places.enter_async_context(driving())
        driver.tasks.spawn(sampled(driver.stream))
        make = partial(joining, controller, driver)
    if request.param in ON_LAB:
        lab: Lab = request.getfixturevalue("lab")
        settings = AttachSettings(pull_timeout_s=3.0)  # a node that is not there
        cluster = await connect(str(lab.kubeconfig))
        controller.open(cluster, is_lab=True, settings=settings)
        make = partial(attached, controller, request.param, await a_pod(controller.store))
    one = Bench(request.param, stream, make(True), make(False))
    consuming = asyncio.create_task(
        consume(stream.subscribe(100_000, "test", paced=True), one.seen)
    )
    yield one
    await one.source.stop()
    await one.missing.stop()
    await controller.close()
    await consuming
    await places.aclose()


async def consume(subscription: Subscription, seen: list[ev.Event]) -> None:
    async for batch in subscription.batches():
        seen += batch


async def a_pod(store: Store) -> ev.PodRow:
    """Of the lab's workload."""
    async with asyncio.timeout(SOON_S):
        while not store.rows("pods"):
            await asyncio.sleep(0.02)
    pods = (row for row in store.rows("pods") if isinstance(row, ev.PodRow))
    return next(pod for pod in pods if pod.name.startswith("frontend-"))


def attached(controller: Controller, kind: str, pod: ev.PodRow, there: bool) -> Source:
    if kind == "node":
        name = pod.node if there else "no-such-node"
        return AttachedSource(Target("node", name, node=name), controller)
    name = pod.name if there else "no-such-pod"
    target = Target("pod", name, pod.namespace, pod.node, pod.uid)
    return AttachedSource(target, controller)


def unattached(controller: Controller, kind: str, there: bool) -> Source:
    stream, missing = controller.stream, Path("/nonexistent/file")
    capture = PcapSource(DATA / "lab.pcap" if there else missing, stream)
    recording = RecordingSource(DATA / "session.jsonl" if there else missing, stream)
    sources: dict[str, Source] = {
        "local": LocalSource(this_machine(), controller),
        "pcap": capture,
        "recording": recording,
        "joined": JoinedSource([capture, recording], stream),
    }
    return sources[kind]


async def sampled(stream: Stream) -> None:
    """What somebody shares: a reading every so often."""
    while True:
        stream.publish(ev.CounterSample(time.time(), "node/n1", time.monotonic(), "1", {"a": 1}))
        await asyncio.sleep(0.05)


def joining(controller: Controller, driver: Controller, there: bool) -> Source:
    assert driver.sharing.share is not None
    path = driver.sharing.share.path
    link = SocketLink(path if there else path.with_name("none.sock"))
    return ViewerSource(link, controller)


def replayed(directory: Path, stream: Stream, there: bool) -> Source:
    """A session's directory; what is not there is one whose files were removed meanwhile."""
    archive = SessionArchive(SessionReader(directory))
    if not there:
        (empty := directory / "empty").mkdir(exist_ok=True)
        SessionWriter(empty).close()
        archive = SessionArchive(SessionReader(empty))
    return ReplaySource(archive, stream)


def test_each_kind_says_whether_it_is_live(bench: Bench) -> None:
    assert bench.source.live == (bench.kind in LIVE)
    assert isinstance(bench.source, RecordedSource) == (bench.kind in RECORDED)
    assert (bench.source.state, bench.source.message) == ("new", "")


async def test_it_publishes_evidence_of_its_target_once_started(bench: Bench) -> None:
    quiet = len(bench.of_target())
    bench.source.start()
    assert bench.source.state == "running"
    evidence = (ev.CounterSample, ev.PacketBatch)
    await bench.until(lambda: any(isinstance(event, evidence) for event in bench.of_target()))
    assert len(bench.of_target()) > quiet


async def test_a_second_start_is_no_second_source(bench: Bench) -> None:
    assert bench.source.start() is bench.source.start()


async def test_after_stop_nothing_more_is_published(bench: Bench) -> None:
    if isinstance(bench.source, RecordedSource):
        bench.source.speed = 4.0  # at full speed it has ended before it is stopped
    bench.source.start()
    await bench.until(lambda: bool(bench.of_target()))
    async with asyncio.timeout(5):
        await bench.source.stop()
        await bench.source.stop()
    assert bench.source.state == "stopped"
    before = len(bench.of_target())
    await asyncio.sleep(1.2)
    assert len(bench.of_target()) == before


async def test_its_clock(bench: Bench) -> None:
    """Live, it is the present; else that of the last event that was played."""
    bench.source.start()
    await bench.until(lambda: bool(bench.of_target()))
    if bench.source.live:
        assert abs(bench.source.now() - time.time()) < 1
        return
    await bench.until(lambda: bench.source.state == "ended")
    assert bench.source.now() == max(event.at for event in bench.seen)
    assert time.time() - bench.source.now() > 3600


async def test_what_is_not_there_fails_with_a_sentence(bench: Bench) -> None:
    if bench.kind == "local":
        pytest.skip("this machine is always there")
    bench.missing.start()
    ended = ("failed", "ended") if bench.kind == "joined" else ("failed",)
    await bench.until(lambda: bench.missing.state in ended)
    await bench.stream.caught_up()
    sources = bench.missing.sources if isinstance(bench.missing, JoinedSource) else [bench.missing]
    for source in sources:
        assert source.state == "failed"
        assert " " in source.message and source.message.endswith(".")
    if key := bench.missing.key:
        states = [event for event in bench.seen if isinstance(event, ev.TargetState)]
        last = [state for state in states if state.target == key][-1]
        assert (last.phase in ("failed", "gone")) and last.message == bench.missing.message


async def test_a_consumer_that_stalls_holds_nobody_up(bench: Bench) -> None:
    """Unless it asks for that: it loses events, and that is counted."""
    stuck = bench.stream.subscribe(1, "stuck")
    bench.source.start()
    await bench.until(lambda: len(bench.of_target()) > 5)
    assert stuck.dropped > 0
    assert any(
        isinstance(event, ev.ConsumerDrop) and event.consumer == "stuck" for event in bench.seen
    )


async def test_what_was_recorded_is_not_lost_on_a_consumer_with_a_short_queue(
    bench: Bench,
) -> None:
    if bench.source.live:
        pytest.skip("what is live does not wait")
    slow = bench.stream.subscribe(3, "slow", paced=True)
    got: list[ev.Event] = []
    consuming = asyncio.create_task(consume(slow, got))
    bench.source.start()
    await bench.until(lambda: bench.source.state == "ended")
    await bench.stream.caught_up()
    consuming.cancel()
    assert slow.dropped == 0
    assert got == bench.seen


async def test_a_bug_in_a_source_is_not_silent(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken() -> None:
        raise KeyError("nobody foresaw this")

    monkeypatch.setattr(bench.source, "run", broken)
    task = bench.source.start()
    await bench.source.finished()
    assert bench.source.state == "failed" and bench.source.message
    assert isinstance(task.exception(), KeyError)


# --- what only recorded sources have


@pytest.fixture
def four_seconds(tmp_path: Path) -> Path:
    path = tmp_path / "four.jsonl"
    recorder = Recorder(path)
    recorder.write([ev.Mark(1_000.0 + second, "", "a", str(second)) for second in range(5)])
    recorder.close()
    return path


async def played(
    source: RecordedSource, meanwhile: Callable[[], Awaitable[None]] | None = None
) -> float:
    began = time.monotonic()
    source.start()
    if meanwhile is not None:
        await meanwhile()
    await source.finished()
    return time.monotonic() - began


class Marks(RecordingSource):
    """Without the recording's first event, which is of today: the clock begins with the first mark."""

    def events(self) -> Iterator[ev.Event]:
        return (event for event in super().events() if isinstance(event, ev.Mark))


def source_of_marks(path: Path, speed: float) -> tuple[Marks, Subscription]:
    stream = Stream()
    subscription = stream.subscribe(100, "test")
    return Marks(path, stream, speed=speed), subscription


async def test_a_recording_is_played_at_a_speed(four_seconds: Path) -> None:
    source, subscription = source_of_marks(four_seconds, 16.0)
    seconds = await played(source)
    assert 0.2 < seconds < 1.0
    assert len(subscription.pending()) == 5
    fast, _ = source_of_marks(four_seconds, 0.0)
    assert await played(fast) < 0.2


async def test_it_can_be_paused_and_its_speed_changed(four_seconds: Path) -> None:
    source, subscription = source_of_marks(four_seconds, 1.0)

    async def meanwhile() -> None:
        source.pause()
        await asyncio.sleep(0.2)
        assert source.paused and len(subscription.pending()) <= 1
        source.speed = 64.0
        source.resume()

    assert await played(source, meanwhile) < 1.0
    assert len(subscription.pending()) == 5


async def test_a_session_is_played_on_from_where_it_was_moved_to(tmp_path: Path) -> None:
    """Nothing of before, all of after; also from its end."""
    writer = SessionWriter(tmp_path)
    marks = [ev.Mark(1_000.0 + second, "", "a", str(second)) for second in range(5)]
    writer.write([*marks, ev.RecordingEnd(1_004.0, "")])
    writer.close()
    stream = Stream()
    source = ReplaySource(SessionArchive(SessionReader(tmp_path)), stream)
    await played(source)
    assert source.state == "ended"
    subscription = stream.subscribe(100, "test")
    store = await source.move(1_002.5)
    assert (source.state, source.now()) == ("new", 1_002.5) and subscription.pending() == []
    assert [entry.text for entry in store.timeline.entries] == ["0", "1", "2"]
    await played(source)
    assert subscription.pending() == [*marks[3:], ev.RecordingEnd(1_004.0, "")]
    assert source.now() == 1_004.0 and source.state == "ended"
