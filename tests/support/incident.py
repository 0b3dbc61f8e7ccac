"""A recorded incident: a node whose conntrack table is full for 40 of 120 seconds."""

from __future__ import annotations

from pathlib import Path

from collectors import events as ev
from collectors.recording.event_log import Recorder

BEGAN = 1_700_000_000.0  # 2023-11-14T22:13:20Z
LIMIT = 10_000  # entries of the table
FULL_FROM, FULL_TO, END = 30, 70, 120  # seconds
NODE = "node/n1"


def sample(second: int, entries: int) -> ev.CounterSample:
    values = {"conntrack_count": entries, "conntrack_max": LIMIT, "conntrack_drop": 0}
    return ev.CounterSample(BEGAN + second, NODE, 100.0 + second, "1", values)


def full_table() -> list[ev.Event]:
    events: list[ev.Event] = [
        ev.SessionStart(BEGAN, "", "prod", "alice", "shop", "v1.36"),
        ev.TargetState(BEGAN, NODE, "live"),
    ]
    for second in range(END):
        events.append(sample(second, LIMIT if FULL_FROM <= second < FULL_TO else 100))
    return events


def written(path: Path, events: list[ev.Event]) -> Path:
    recorder = Recorder(path)
    recorder.write(events)
    recorder.close()
    return path
