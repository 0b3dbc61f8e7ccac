"""Replay equals live: the events of a session, recorded and played again, give the same screens.

Live, events come on the stream, rules look at them, and a recorder writes all of it; the recording is
played into a second console. Both have the recording's last moment as the present, so that graphs and
ages can be compared.
"""

from __future__ import annotations

import pkgutil
import re
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen

from collectors import events as ev
from collectors.recording.event_log import Recorder, RecordingSource, read
from collectors.recording.session_reader import SessionReader
from collectors.stream import Stream, Subscription
from session.controller import Controller
from session.opened_recording import converted
from session.replay import play
from session.replay_player import ReplayPlayer
from session.replay_source import ReplaySource
from session.session_archive import SessionArchive
from session.store import Store
from tests.support.replay import opened
from tests.tui.test_snapshots import SCREENS
from tui import screens
from tui.panels.conntrack import NOT_COUNTED

MORE_SCREENS: dict[str, tuple[str, tuple[str, ...]]] = {
    "findings": ("pod", ("d",)),
    "finding": ("pod", ("d", "enter")),
    "matrix": ("", ("M",)),
    "compare": ("pod", ("o",)),
    "conntrack": ("pod", ("6",)),
    "event": ("pod", ("8", "end", "enter")),
    "timeline": ("pod", ("t",)),
    "lookup": ("pod", ("3", "end", "enter")),
    "node events": ("node", ("8",)),
}
AS_OTHERS = {"filter", "peer", "pinned"}  # drawn as cluster, counter and counters are
ALL = {
    name: screen for name, screen in {**SCREENS, **MORE_SCREENS}.items() if name not in AS_OTHERS
}
SHOWN_BY = {  # by the module of a screen, one of ALL
    "cluster": "cluster",
    "compare": "compare",
    "connectivity_matrix": "matrix",
    "findings": "findings",
    "flow": "flow",
    "help": "help",
    "series_detail": "counter",
    "target": "packets",
    "text_view": "lookup",
    "timeline": "timeline",
}
BASES = {
    "base",
    "capture_keys",
    "dialog",
    "leaving",
    "target_opener",
    "time_keys",
}  # what screens inherit
OF_THE_PRESENT = {
    "access",  # asks the API server
    "attach",
    "command_line",  # of what is typed, as are the next three
    "confirm",
    "go_to_time",
    "mark_note",
    "faults",  # asks the lab
    "guide",  # probes; a recording has them in its events
    "people",  # who is connected
}
OFFERS_LESS = "help"  # in a recording
SIZE = (120, 40)
STATE = re.compile(r"(● (live|ready|running)|◐ listing|○ recorded)\s*$")
# a capture of a recording runs no more, no key counts there, and its list of events is not live
STATUS = re.compile(", r counts again|(?<=^ )live · (?=this pod|whole node)")
MEANWHILE = (
    ("· recorded ·", "· running ·"),
    (NOT_COUNTED, "counting"),
    ("counting the entries", "counting"),
)
READ_AGAIN = (
    "cluster",
    "packets",
    "flows",
    "dns",
    "sockets",
    "peers",
    "counters",
    "events",
    "finding",
)
Line = tuple[str, tuple[str, ...]]
Shown = dict[str, tuple[list[Line], bytes]]


class AtTheEnd(Controller):
    """Its present is the last event's time, live as well, and there is its cluster."""

    @property
    def lists_cluster(self) -> bool:
        return self.store.start is not None

    def now(self) -> float:
        return self.store.latest


def probes(at: float, key: str) -> list[ev.Event]:
    """What a session publishes beside its evidence."""
    return [
        ev.CommandRun(at, key, "guide", ("nslookup", "backend"), 0, 0.2, "Name: backend"),
        ev.GuideStep(at, key, "it is slow", "backend:80", "ask the DNS", "good", "answered"),
        ev.GuideConclusion(at, key, "it is slow", "backend:80", False, "nothing was found"),
        ev.Notice(at, key, "packets saved to /tmp/x.pcap"),
        ev.ConsumerDrop(at, key, "the recorder", 3, 0, at - 1, "its queue was full"),
        ev.Mark(at, key, "alice", "restarted the backend"),
    ]


@cache
def evidence(recording: Path) -> tuple[ev.Event, ...]:
    events = list(read(recording))
    key = next(event.target for event in events if event.target.startswith("pod/"))
    at = events[-1].at
    return (*events, *other_pod(events, key), broken_service(at), *probes(at, key))


def other_pod(events: list[ev.Event], key: str) -> list[ev.Event]:
    """A second pod to compare with; its clock is another's."""
    samples = (event for event in events if isinstance(event, ev.CounterSample))
    return [
        replace(sample, target=f"{key}-other", values={**sample.values, "TcpRetransSegs": 7})
        for sample in samples
        if sample.target == key
    ]


def broken_service(at: float) -> ev.Event:
    """Its selector matches no pod."""
    row = ev.ServiceRow(
        namespace="shop",
        name="ledger",
        ips=("10.96.9.9",),
        ports=("80/TCP",),
        type="ClusterIP",
        selector=(("app", "no-such"),),
        targets=(ev.ServicePort("", 80, "TCP", "8080"),),
    )
    return ev.InventoryChange(at, "cluster", "ADDED", row)


async def live(recording: Path, written: Path) -> Controller:
    """A session as it was, with rules and a recorder."""
    stream = Stream()
    control = AtTheEnd(Store(), stream)
    control.diagnosis.time_passes = False
    control.diagnosis.enabled = False  # looks once, when all is there
    recorder = Recorder(written)
    subscription = stream.subscribe(100_000, "the recorder")
    control.start()
    for event in evidence(recording):
        stream.publish(event)
    await stream.caught_up()
    assert await control.diagnosis.look(control.now())
    await stream.caught_up()
    recorder.write(_all(subscription))
    recorder.close()
    return control


def _all(subscription: Subscription) -> list[ev.Event]:
    events = subscription.pending()
    assert subscription.dropped == 0
    return events


async def replayed(written: Path) -> Controller:
    stream = Stream()
    control = AtTheEnd(Store(), stream)
    source = RecordingSource(written, stream)
    assert source.has_findings()
    await play(control, source, with_rules=False)
    assert source.state == "ended"
    return control


async def gone_to(written: Path, directory: Path) -> Controller:
    """The end of the recording, gone to instead of played to."""
    control = AtTheEnd(Store(), Stream())
    directory.mkdir()
    archive = SessionArchive(
        SessionReader(converted(RecordingSource(written, Stream()), directory))
    )
    control.start()
    source = ReplaySource(archive, control.stream)
    await ReplayPlayer(control, source, with_rules=False).move(archive.ended)
    return control


def drawn(app: App[int]) -> list[Line]:
    """Each line of the screen, its text and the styles; of the first, not whether it is live."""
    header, *strips = app.screen._compositor.render_strips()
    words = " ".join(STATE.sub("", header.text).split())
    lines = [
        (_status_of_any(strip.text), tuple(str(segment.style) for segment in strip))
        for strip in strips
    ]
    return [(words, ()), *lines]


def _status_of_any(text: str) -> str:
    for recorded, live in MEANWHILE:
        text = text.replace(recorded, live)
    return STATUS.sub("", text).rstrip()


@pytest.fixture(scope="module")
def shown_live() -> Shown:
    """By screen: what was drawn live, and the recording that was made meanwhile. Each is made once."""
    return {}


async def drawn_live(known: Shown, recording: Path, written: Path, name: str) -> list[Line]:
    if name not in known:
        drawn_first = await screen_of(await live(recording, written), *ALL[name])
        known[name] = drawn_first, written.read_bytes()
    found, data = known[name]
    written.write_bytes(data)
    return found


async def screen_of(control: Controller, first: str, keys: tuple[str, ...]) -> list[Line]:
    key = next((key for key in control.store.targets if first and key.startswith(first)), "")
    app = opened(control, key)
    async with app.run_test(size=SIZE) as pilot:
        lines = await drawn_after(pilot, keys)
        modules = [m for m, name in SHOWN_BY.items() if ALL[name] == (first, keys)]
        shown = type(app.screen).__module__
        assert all(shown == f"tui.screens.{module}" for module in modules), shown
        return lines


def screen_modules() -> set[str]:
    """Modules of tui/screens that define a screen, or what screens inherit."""
    names = [found.name for found in pkgutil.iter_modules(screens.__path__)]
    return {name for name in names if _defines_a_screen(import_module(f"tui.screens.{name}"))}


def _defines_a_screen(module: ModuleType) -> bool:
    own = (
        one for one in vars(module).values() if getattr(one, "__module__", "") == module.__name__
    )
    return any(isinstance(one, type) and issubclass(one, Screen) for one in own)


def test_every_screen_is_compared_or_is_of_the_present() -> None:
    strangers = screen_modules() ^ {*BASES, *SHOWN_BY, *OF_THE_PRESENT}
    assert not strangers, f"which screen shows {strangers}? SHOWN_BY, OF_THE_PRESENT or BASES"
    assert set(SHOWN_BY.values()) <= set(ALL)


async def drawn_after(pilot: Pilot[int], keys: tuple[str, ...]) -> list[Line]:
    """What is drawn when it does not change any more."""
    await pilot.pause(0.6)
    for key in keys:
        await pilot.press(key)
        await pilot.pause(0.3)
    before: list[Line] = []
    while (now := drawn(pilot.app)) != before:
        before = now
        await pilot.pause(0.7)
    return now


@pytest.mark.parametrize("name", [name for name in ALL if name != OFFERS_LESS])
async def test_a_screen_is_the_same_live_and_replayed(
    recording: Path, tmp_path: Path, shown_live: Shown, name: str
) -> None:
    before = await drawn_live(shown_live, recording, tmp_path / "r.jsonl", name)
    after = await screen_of(await replayed(tmp_path / "r.jsonl"), *ALL[name])
    assert [text for text, _ in before[:-1]] == [text for text, _ in after[:-1]]
    assert before[:-1] == after[:-1]
    assert sum(bool(text) for text, _ in before) > 5
    offered, live_keys = _keys(after[-1]), _keys(before[-1])
    assert offered == [key for key in live_keys if key in offered], "a recording refuses some keys"


def _keys(footer: Line) -> list[str]:
    """Each with its word; of a recording those are left out that it would refuse."""
    return re.split(r" {2,}", footer[0].strip())


async def test_help_offers_less_in_a_replay(recording: Path, tmp_path: Path) -> None:
    """The same keys mean the same; those that a recording cannot follow are left out."""
    first, keys = ALL[OFFERS_LESS]
    before = await screen_of(await live(recording, tmp_path / "r.jsonl"), first, keys)
    after = await screen_of(await replayed(tmp_path / "r.jsonl"), first, keys)
    words, offered = (set(" ".join(text for text, _ in of).split()) for of in (before, after))
    assert {"capture", "next", "everywhere"} & {word.lower() for word in words}
    assert "Everywhere" in offered and offered != words


@pytest.mark.parametrize("name", READ_AGAIN)
async def test_a_screen_is_the_same_where_its_time_was_gone_to(
    recording: Path, tmp_path: Path, shown_live: Shown, name: str
) -> None:
    before = await drawn_live(shown_live, recording, tmp_path / "r.jsonl", name)
    control = await gone_to(tmp_path / "r.jsonl", tmp_path / "session")
    # what the recording says of its end is said of a session alone
    ends = [line for line in control.store.log if line.kind == "end"]
    assert [line.text for line in ends] == ["the recording ends"]
    control.store.log.remove(ends[0])
    control.store.log_count -= 1
    after = await screen_of(control, *ALL[name])
    assert _without_replay(before) == _without_replay(after)


def _without_replay(lines: list[Line]) -> list[Line]:
    """Without the header, which has its clock, and the footer, which has its keys."""
    return lines[1:-1]


async def test_findings_and_the_log_are_the_same(recording: Path, tmp_path: Path) -> None:
    before = (await live(recording, tmp_path / "r.jsonl")).store
    after = (await replayed(tmp_path / "r.jsonl")).store
    assert before.findings.current == after.findings.current != []
    assert before.findings.spans == after.findings.spans
    assert list(before.log) == list(after.log)
    assert before.drops == after.drops == {"the recorder": 3}
