"""A replay's timeline: what went wrong, from when to when, with its evidence."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from collectors import events as ev
from collectors.cluster.api.connection import connect
from collectors.errors import ConfigError
from collectors.recording.event_log import Recorder, RecordingSource
from collectors.stream import Stream
from lab.supervisor import Lab
from session.controller import Controller
from session.replay import play
from session.session_files import located
from session.store import Store
from tests.support.incident import BEGAN, FULL_FROM, FULL_TO, full_table, written

EARLIER = Path(__file__).parent.parent / "data" / "recordings" / "0.1.0.jsonl.gz"


async def replayed(path: Path, with_rules: bool) -> Store:
    control = Controller(Store(), Stream())
    source = RecordingSource(path, control.stream, findings_again=with_rules)
    await play(control, source, with_rules=with_rules)
    await control.close()
    assert source.state == "ended"
    return control.store


def finding_lines(store: Store) -> list[str]:
    return [line.text for line in store.log if line.finding is not None]


async def test_rules_over_a_recording_keep_to_its_time(tmp_path: Path) -> None:
    store = await replayed(written(tmp_path / "r.jsonl", full_table()), with_rules=True)
    (span,) = (span for span in store.findings.spans if span.finding.severity != "info")
    assert FULL_FROM <= span.since - BEGAN <= FULL_FROM + 4
    assert span.until is not None and FULL_TO <= span.until - BEGAN <= FULL_TO + 12
    assert span.finding.evidence and span.finding.fix
    assert not [one for one in store.findings.current if one.severity != "info"]
    assert any("appeared: n1: The conntrack table" in line for line in finding_lines(store))
    assert any("gone: n1: The conntrack table" in line for line in finding_lines(store))


async def test_what_was_found_when_recorded_is_what_is_replayed(tmp_path: Path) -> None:
    """No rule looks again: the findings of a recording are in it, in full."""
    control, recorder = Controller(Store(), Stream()), Recorder(tmp_path / "found.jsonl")
    subscription = control.stream.subscribe(10_000, "the recorder")
    source = RecordingSource(written(tmp_path / "r.jsonl", full_table()), control.stream)
    await play(control, source, with_rules=True)
    recorder.write([e for e in subscription.pending() if not isinstance(e, ev.RecordingStart)])
    recorder.close()
    await control.close()
    store = await replayed(tmp_path / "found.jsonl", with_rules=False)
    assert store.findings.spans == control.store.findings.spans != []
    assert list(store.log) == list(control.store.log)


async def test_findings_of_an_earlier_version_are_notices_where_rules_look_again() -> None:
    store = await replayed(EARLIER, with_rules=True)
    texts = [line.text for line in store.log if line.kind == "notice"]
    assert any(text.startswith("found when recorded: ") for text in texts)
    assert all(span.finding.evidence for span in store.findings.spans)


@pytest.fixture
def recorded_fault(own_lab: Lab, tmp_path: Path) -> Path:
    """A session of the lab in which a fault was switched on, found, switched off and gone."""
    path = tmp_path / "lab.jsonl"
    asyncio.run(record(own_lab, path))
    return path


async def record(lab: Lab, path: Path) -> None:
    control, recorder = Controller(Store(), Stream()), Recorder(path)
    subscription = control.stream.subscribe(100_000, "the recorder")
    control.start()
    control.open(await connect(str(lab.kubeconfig)), is_lab=True)
    findings = control.store.findings
    try:
        await until(lambda: "endpointslices" in control.store.inventory)
        await control.require_cluster().turn_fault("service-no-endpoints", True)
        await until(lambda: bool(findings.current))
        await asyncio.sleep(3)  # rules that look again may look at other seconds
        await control.require_cluster().turn_fault("service-no-endpoints", False)
        await until(lambda: not findings.current)
    finally:
        await control.close()
    recorder.write(subscription.pending())
    recorder.close()


async def until(ready: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not ready():
            await asyncio.sleep(0.1)


def test_a_fault_that_was_switched_on_and_off_is_in_the_timeline(recorded_fault: Path) -> None:
    store = asyncio.run(replayed(recorded_fault, with_rules=False))
    (span,) = store.findings.spans
    assert span.finding.rule == "endpoints" and span.finding.evidence
    switched = {
        line.text: line.at
        for line in store.log
        if line.text.startswith("lab: fault service-no-endpoints")
    }
    on, off = (switched[f"lab: fault service-no-endpoints {state}"] for state in ("on", "off"))
    assert span.until is not None and on <= span.since < off < span.until < time.time()
    again = asyncio.run(replayed(recorded_fault, with_rules=True))
    assert [one.finding.key for one in again.findings.spans] == [span.finding.key]
    times = [line.at for line in again.log if line.kind != "live"]
    assert times == sorted(times), "findings stand where they were made"


NEWER = b'{"_":"RecordingStart","at":1.0,"target":"","version":99,"podwire":"9.0","extra":{}}\n'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds nothing that podwire recorded."),
        (bytes(range(256)) * 8, "unreadable lines"),
        (NEWER, "format 99 by podwire 9.0"),
    ],
    ids=["empty", "noise", "newer"],
)
async def test_what_is_no_recording_is_a_sentence(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "file.jsonl"
    path.write_bytes(content)
    control = Controller(Store(), Stream())
    source = RecordingSource(path, control.stream)
    await play(control, source, with_rules=False)
    await control.close()
    assert source.state == "failed"
    assert said in source.message and "file.jsonl" in source.message


def test_a_pipe_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="is a pipe or a device"):
        located(tmp_path / "pipe")
