"""A replay's controls: it plays, pauses, and goes to any time, finding or mark."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.session_hour import BEGAN, POD, write
from collectors import events as ev
from collectors.findings import Finding, Subject
from collectors.recording.session_log import SessionWriter
from collectors.recording.session_reader import SessionReader
from collectors.stream import Stream
from session.controller import Controller
from session.replay_player import ReplayPlayer
from session.replay_source import ReplaySource
from session.session_archive import SessionArchive
from session.store import Store
from tests.support.incident import BEGAN as INCIDENT, FULL_FROM, full_table, written

pytestmark = pytest.mark.slow

SECONDS = 260  # a finding from 120 to 240


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("session")
    write(directory, SECONDS)
    return directory


@dataclass
class Replay:
    control: Controller
    player: ReplayPlayer

    @property
    def at(self) -> float:
        return self.player.now() - self.player.began

    async def until(self, ready: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not ready():
                await asyncio.sleep(0.02)
        self.control.tasks.raise_crash()

    async def there(self) -> None:
        await self.until(lambda: not self.player._is_going)


def replay_of(directory: Path, with_rules: bool = False) -> Replay:
    control = Controller(Store(), Stream())
    archive = SessionArchive(SessionReader(directory), with_rules)
    control.start()
    source = ReplaySource(archive, control.stream)
    return Replay(control, ReplayPlayer(control, source, with_rules))


@pytest.fixture
async def replay(session: Path) -> AsyncIterator[Replay]:
    made = replay_of(session)
    await made.player.move(made.player.began + 100)
    yield made
    await made.control.close()


async def test_it_stands_still_until_it_is_played(replay: Replay) -> None:
    await asyncio.sleep(0.4)
    assert replay.at == 100 and not replay.player.clock.playing
    assert replay.control.now() == BEGAN + 100
    for _ in range(9):
        replay.player.change_speed(1)
    assert replay.player.clock.speed == 64
    replay.player.toggle()
    await replay.until(lambda: replay.at > 110)
    assert replay.player.clock.playing
    replay.player.toggle()
    stood = replay.at
    await asyncio.sleep(0.4)
    assert replay.at == stood < SECONDS
    seen = replay.control.store.target(POD).sample_at
    assert BEGAN + 100 < seen <= BEGAN + stood


async def test_it_plays_to_its_end_and_from_the_beginning_again(replay: Replay) -> None:
    replay.player.change_speed(6)
    replay.player.go(replay.player.ended - 5)
    await replay.there()
    replay.player.toggle()
    await replay.until(lambda: replay.player.clock.at_end)
    said = [line.text for line in replay.control.store.log]
    assert "the recording ends" in said[-2:], "what cleared by its end may be said after it"
    replay.player.change_speed(-6)
    replay.player.toggle()
    await replay.there()
    assert replay.player.clock.playing and replay.at < 5
    assert not replay.control.store.findings.spans


async def test_of_many_keys_the_last_counts(replay: Replay) -> None:
    for _ in range(8):
        replay.player.skip(10)
    replay.player.skip(-30)
    assert replay.at == 150
    await replay.there()
    assert replay.at == 150
    assert replay.control.store.target(POD).sample_at == BEGAN + 150
    replay.player.skip(-1000)
    await replay.there()
    assert replay.at == 0
    replay.player.skip(10_000)
    await replay.there()
    assert replay.player.clock.at_end and replay.at == SECONDS


async def test_to_findings_and_marks(replay: Replay) -> None:
    assert replay.player.go_to_finding(1)
    await replay.there()
    (span,) = replay.control.store.findings.spans
    assert span.since == BEGAN + 120 and replay.at == 120
    assert not replay.player.go_to_finding(1), "there is one"
    replay.player.skip(60)
    await replay.there()
    assert replay.player.go_to_finding(-1)
    await replay.there()
    assert replay.at == 120
    assert not replay.player.go_to_mark(1), "none was set"
    replay.control.mark("look here", POD)
    await replay.until(lambda: bool(replay.player.source.archive.mark_times))
    replay.player.skip(-60)
    await replay.there()
    assert not [one for one in replay.control.store.timeline.entries if one.kind == "mark"]
    assert replay.player.go_to_mark(1)
    await replay.there()
    marks = [one for one in replay.control.store.timeline.entries if one.kind == "mark"]
    assert [one.text for one in marks] == ["look here"]
    assert replay.player.now() == marks[0].at


async def test_to_when_a_finding_began_and_not_when_it_was_said(tmp_path: Path) -> None:
    """With what was found seconds later, and its line comes when it was said."""
    finding = Finding(
        rule="full", severity="critical", subject=Subject(kind="node", name="n1"), title="Full"
    )
    began, said = INCIDENT + FULL_FROM, INCIDENT + FULL_FROM + 4.25
    writer = SessionWriter(tmp_path)
    events = [*full_table(), ev.FindingEvent(said, "", "appeared", finding, began)]
    writer.write(sorted(events, key=lambda event: event.at))
    writer.close()
    replay = replay_of(tmp_path)
    await replay.player.move(INCIDENT)
    assert replay.player.go_to_finding(1)
    await replay.there()
    assert replay.at == FULL_FROM and findings_of(replay) == [finding]
    assert "appeared" not in replay.control.store.log[-1].text
    assert not replay.player.go_to_finding(1), "there is one"
    replay.player.change_speed(4)
    replay.player.toggle()
    await replay.until(lambda: replay.at > FULL_FROM + 5)
    replay.player.toggle()
    (line,) = [one for one in replay.control.store.log if "appeared" in one.text]
    assert line.at == said and findings_of(replay) == [finding]
    await replay.player.move(began)
    assert not findings_of(replay), "what was known at that time"
    await replay.control.close()


def findings_of(replay: Replay) -> list[Finding]:
    return replay.control.store.findings.current


async def test_figures_are_of_the_time_that_is_shown(replay: Replay) -> None:
    """And not late by the seconds that a key goes forward, until that has been read."""
    replay.player.skip(60)
    assert replay.at == 160 and replay.control.now() == BEGAN + 100
    await replay.there()
    assert replay.control.now() == BEGAN + 160


async def test_whoever_reads_the_store_reads_on(replay: Replay) -> None:
    store, names = replay.control.store, replay.control.store.book.short
    before = (store.timeline.revision, store.findings.revision, store.inventory_revision)
    store.target(POD).watched_sockets.add(("tcp", "a", 1, "b", 2))
    replay.player.go(BEGAN + 20)
    await replay.there()
    after = (store.timeline.revision, store.findings.revision, store.inventory_revision)
    assert all(new > old for new, old in zip(after, before, strict=True))
    assert store.generation == 2 and "10.1.0.7" in names
    assert store.target(POD).watched_sockets
    store.apply(ev.Mark(BEGAN + 21, "", "bob", "folded into the one that is read"))
    assert store.timeline.entries[-1].author == "bob"


async def test_todays_rules_look_at_what_is_played(tmp_path: Path) -> None:
    from collectors.recording.event_log import RecordingSource
    from session.opened_recording import converted

    source = RecordingSource(written(tmp_path / "r.jsonl", full_table()), Stream())
    (tmp_path / "s").mkdir()
    replay = replay_of(converted(source, tmp_path / "s"), with_rules=True)

    def found() -> list[str]:
        return [f.rule for f in replay.control.store.findings.current if f.severity != "info"]

    await replay.player.move(INCIDENT + FULL_FROM + 20)
    (finding,) = replay.control.store.findings.current

    def since() -> str:
        return replay.control.store.findings.since_text(finding)

    assert since() == "before 22:14:10", "nobody has looked at the time before"
    assert "appeared" not in replay.control.store.log[-1].text
    await replay.until(lambda: not replay.player.with_rules)
    await replay.there()
    assert since() == "22:13:52"
    assert replay.at == FULL_FROM + 20
    await replay.player.move(INCIDENT + FULL_FROM - 3)
    assert found() == []
    replay.player.change_speed(5)
    replay.player.toggle()
    await replay.until(lambda: found() == ["conntrack_full"])
    replay.player.toggle()
    await replay.player.move(INCIDENT + FULL_FROM + 20)
    assert found() == ["conntrack_full"], "it is seen at once where one goes to"
    await replay.player.move(INCIDENT + 10)
    assert found() == []
    await replay.control.close()


async def test_what_was_removed_meanwhile_is_said(session: Path, tmp_path: Path) -> None:
    shutil.copytree(session, tmp_path / "s")
    replay = replay_of(tmp_path / "s")
    await replay.player.move(BEGAN + 200)
    for path in (tmp_path / "s").glob("evidence-*"):
        path.unlink()
    replay.player.go(BEGAN + 20)
    await replay.there()
    await replay.control.stream.caught_up()
    said = [line.text for line in replay.control.store.log if line.kind == "notice"]
    assert said == ["The recording cannot be read any more: No such file or directory."]
    assert replay.at == 200 and not replay.player.clock.playing
    await replay.control.close()
