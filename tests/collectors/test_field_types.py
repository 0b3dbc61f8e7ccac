"""What a field of a recorded event may not hold makes its line a damaged one, counted."""

from __future__ import annotations

import json
import re
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings, strategies as st

from collectors.events import CounterSample, Event, Mark, SocketSnapshot
from collectors.recording import log_lines
from collectors.recording.event_codec import Malformed, decode, encode
from collectors.recording.event_log import Recording
from collectors.recording.figure_rows import FigureRows
from collectors.sockets.rows import SocketRow
from tests.collectors.test_event_codec import every_event, values_of
from tests.support.damage import HOSTILE, damaged
from tests.support.examples import examples

MARK = {"_": "Mark", "at": 5.0, "target": "", "author": "a", "text": "b"}
NO_FIELD: tuple[object, ...] = (None, [{}], 1e300)
SOCKET = SocketRow("tcp", "ESTAB", "10.0.0.1", 80, "10.0.0.2", 81)
EVERY_SECOND: tuple[Event, ...] = (
    CounterSample(5.0, "node/n1", 1.0, "n", {"a": 1}),
    SocketSnapshot(5.0, "node/n1", (SOCKET, SOCKET)),
    FigureRows(5.0, "n", False, (4.0, 5.0), {"rtt": (None, 2.0)}, gaps=(1,), moved={"a": 1}),
)


@pytest.mark.parametrize("at", ["x", None, True, 1e300, -1e18, -1.0, 1e11, float("nan"), "NaN", []])
def test_a_time_is_one_that_a_calendar_has(at: object) -> None:
    line = json.dumps({**MARK, "at": at})
    with pytest.raises(Malformed):
        decode(line)
    with pytest.raises(Malformed):
        log_lines.parsed(b"7 " + line.encode())


def test_a_damaged_line_is_counted_and_the_others_are_read(tmp_path: Path) -> None:
    bad = [{**MARK, "author": None}, {**MARK, "text": []}, {**MARK, "target": 5}, MARK]
    path = tmp_path / "r.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in bad))
    recording = Recording(path)
    assert list(recording.events()) == [Mark(5.0, "", "a", "b")]
    assert recording.skipped == {"damaged lines": 3}


def test_text_is_safe_to_show_and_manifests_keep_their_lines() -> None:
    mark = decode(json.dumps({**MARK, "text": "\x1b[2J\ud800\u202e\nx"}))
    assert mark == Mark(5.0, "", "a", "␛[2J⟨D800⟩⟨202E⟩␊x")
    command = decode(
        json.dumps(
            {
                "_": "Command",
                "at": 1,
                "target": "",
                "user": "u",
                "verb": "v",
                "what": "w",
                "result": "r",
                "manifest": "a:\n\tb\x1b",
            }
        )
    )
    assert command.manifest == "a:\n\tb␛"  # type: ignore[attr-defined]


@pytest.mark.parametrize("event", EVERY_SECOND, ids=lambda event: type(event).__name__)
def test_what_comes_every_second_is_checked_as_well(event: Event) -> None:
    line = log_lines.line(3, event)
    assert log_lines.parsed(line) == (3, event)
    value = json.loads(line.partition(b" ")[2])
    for name in set(value) - {"_"}:
        for hostile in NO_FIELD:
            text = json.dumps({**value, name: hostile}).encode()
            with pytest.raises(Malformed):
                log_lines.parsed(b"3 " + text)


@pytest.mark.parametrize("change", [{"times": []}, {"gaps": [2]}, {"columns": {"rtt": [1.0]}}])
def test_figures_are_a_table(change: dict[str, object]) -> None:
    value = json.loads(log_lines.line(3, EVERY_SECOND[2]).partition(b" ")[2])
    with pytest.raises(Malformed):
        log_lines.parsed(b"3 " + json.dumps({**value, **change}).encode())


@settings(max_examples=examples(200), deadline=None)
@given(st.one_of([values_of(kind) for kind in every_event()]), st.randoms(use_true_random=False))
def test_whatever_is_read_can_be_written_and_read_again(event: Event, random: Random) -> None:
    """An event of which any value is another one is a damaged line, or as good as any."""
    line = damaged(encode(event), random)
    try:
        made = decode(line)
    except Malformed:
        return
    assert decode(encode(made)) == made
    assert not any(raw in encode(made) for raw in ("\\u001b", "\\u202e", "1e+300"))
    assert not re.search(r"\\ud800(?!\\ud[c-f])", encode(made)), "a surrogate alone; U+10000 is two"


def test_nothing_hostile_is_a_time() -> None:
    for value in HOSTILE:
        if type(value) in (int, float) and value == 0:
            continue
        with pytest.raises(Malformed):
            decode(json.dumps({**MARK, "at": value}))
