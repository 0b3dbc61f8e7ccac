"""What a driver's store holds, as a viewer has it: the same, or a refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from collectors import events as ev
from collectors.findings import Finding, Subject
from session.share.frames import EVENT, MOST_OF_DRIVER, SAID, FrameError, MessageReader
from session.share.received_state import received_state
from session.share.share import _lines, _state_frames
from session.share.state import gathered_state
from session.store import Store

AT = 1_800_000_000.0
KEY = "pod/shop/web-1"
PACKETS = tuple(ev.Packet(int((AT + 60) * 1e9) + one, bytes(60), 60) for one in range(5))
FULL = Finding(
    rule="conntrack_full",
    severity="critical",
    subject=Subject(kind="node", name="n1"),
    title="The conntrack table is full",
)
Change = Callable[[dict[str, Any]], object]


def driver() -> Store:
    store = Store()
    events: list[ev.Event] = [
        ev.SessionStart(AT, "", "prod", "alice", "shop", "v1.36"),
        ev.TargetState(AT, KEY, "live"),
        ev.TargetState(AT + 1, "node/n1", "gap", "no route"),
        ev.Mark(AT + 2, KEY, "alice", "here"),
        ev.TargetState(AT + 3, KEY, "gap", "the stream broke off"),
        ev.TargetState(AT + 4, KEY, "live"),
        ev.FindingEvent(AT + 5, "node/n1", "appeared", FULL, AT + 5),
        ev.CommandRun(AT + 6, KEY, "guide", ("ss", "-ti"), 0, 0.5, "one\ttwo\nthree"),
        ev.ConsumerDrop(AT + 7, KEY, "the screens", 30, 2, AT + 6, "its queue was full"),
        ev.CaptureState(AT + 8, KEY, 1, "running", ""),
        ev.PacketBatch(AT + 60, KEY, 1, 1, PACKETS),
    ]
    store.apply_all(events)
    store.target(KEY).packets_seen = 9  # four more than are kept
    return store


def bodies(store: Store, change: Change | None = None) -> list[bytes]:
    state = gathered_state(store, ())
    data = b"".join(_state_frames(state)) + _lines(state)
    found = MessageReader(MOST_OF_DRIVER).feed(data)
    if change is not None:
        value = orjson.loads(found[-1][1:])
        change(value)
        found[-1] = SAID + orjson.dumps(value)
    return found


def test_lines_and_counts_are_those_of_the_driver() -> None:
    mine, made = driver(), received_state(bodies(driver()))
    assert made.timeline.entries == mine.timeline.entries and len(made.timeline.entries) >= 4
    assert made.timeline.open_gaps() == mine.timeline.open_gaps() != {}
    assert list(made.log) == list(mine.log) and made.log_count == len(mine.log)
    assert any(one.detail.endswith("one\ttwo\nthree") for one in made.log), "of several lines"
    assert any(one.finding == FULL for one in made.log)
    assert made.drops == mine.drops == {"the screens": 30}
    assert (made.began, made.latest) == (mine.began, mine.latest) == (AT, AT + 60)


def test_a_gap_that_goes_on_ends_with_what_comes_next() -> None:
    made = received_state(bodies(driver()))
    made.apply(ev.TargetState(AT + 90, "node/n1", "live"))
    (gap,) = [one for one in made.timeline.entries if one.where == "n1" and one.kind == "gap"]
    assert not gap.open and gap.until == AT + 90


def test_packets_that_were_not_sent_are_counted() -> None:
    data = received_state(bodies(driver())).target(KEY)
    assert data.packets_seen == 9 and len(data.packets) == 5
    assert data.packets_from == PACKETS[0].time, "from there on they are listed"


def test_what_comes_from_there_is_text() -> None:
    def change(value: dict[str, Any]) -> None:
        value["entries"][0][4] = value["log"][0][3] = "\x1b[2J\u202e"

    made = received_state(bodies(driver(), change))
    texts = [*(one.text for one in made.timeline.entries), *(one.text for one in made.log)]
    assert sum("␛[2J⟨202E⟩" in text for text in texts) == 2
    assert not any("\x1b" in text for text in texts)


def _put(place: str, index: int, value: object) -> Change:
    return lambda said: said[place][0].__setitem__(index, value)


def _set(name: str, value: object) -> Change:
    return lambda said: said.__setitem__(name, value)


@pytest.mark.parametrize(
    "change",
    [
        _put("entries", 1, "yesterday"),
        _put("entries", 1, 1e300),
        _put("entries", 8, -5.0),
        _put("entries", 4, ["a"]),
        _put("log", 0, None),
        _put("log", 6, {"_": "Mark", "at": AT, "target": "", "author": "a", "text": "b"}),
        _put("log", 6, {"_": "Finding"}),
        _set("entries", [["a", AT]]),
        _set("entries", [[]]),
        _set("entries", 7),
        _set("log", {"a": 1}),
        _set("drops", ["a"]),
        _set("drops", {"the screens": "many"}),
        _set("began", "1"),
        _set("latest", -1.0),
        _set("packets_seen", [KEY]),
        _set("packets_seen", {KEY: 1.5}),
        lambda said: said.pop("log"),
    ],
)
def test_what_no_driver_sends_is_refused(change: Change) -> None:
    with pytest.raises(FrameError):
        received_state(bodies(driver(), change))


def test_an_event_that_is_none_is_refused() -> None:
    with pytest.raises(FrameError):
        received_state([*bodies(driver()), EVENT + b'1 {"_":"Mark"}'])
