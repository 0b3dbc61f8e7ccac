"""One definition of when a finding held: a replay says it, at any time of it, as a report does."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from collectors.recording.event_log import RecordingSource
from collectors.recording.session_reader import SessionReader
from collectors.stream import Stream
from session.controller import Controller
from session.finding_history import FindingHistory
from session.findings_again import findings_again
from session.opened_recording import converted
from session.replay import play
from session.session_archive import SessionArchive
from session.store import Store
from tests.support.incident import BEGAN, END, FULL_FROM, FULL_TO, full_table, written

Period = tuple[object, float, float | None]


def periods(findings: FindingHistory) -> list[Period]:
    return [(span.finding.key, span.since, span.until) for span in findings.spans]


async def reported(path: Path) -> list[Period]:
    control = Controller(Store(), Stream())
    source = RecordingSource(path, control.stream, findings_again=True)
    await play(control, source, with_rules=True)
    await control.close()
    return periods(control.store.findings)


@pytest.mark.parametrize("is_cut", [False, True], ids=["over", "holds at the end"])
async def test_the_same_as_a_report_at_any_time(tmp_path: Path, is_cut: bool) -> None:
    events = full_table()[: FULL_TO - 20] if is_cut else full_table()
    path = written(tmp_path / "r.jsonl", events)
    (tmp_path / "s").mkdir()
    archive = SessionArchive(
        SessionReader(converted(RecordingSource(path, Stream()), tmp_path / "s")), again=True
    )
    archive.put_findings(await findings_again(archive))
    wanted = await reported(path)
    assert wanted and (wanted[-1][2] is None or not is_cut)
    store = archive.state_at(archive.ended).store
    assert periods(store.findings) == wanted
    if is_cut:
        assert "the recording ends" in store.log[-1].text, "nothing appears after that"
    (key, since, _), *_ = [one for one in wanted if one[1] > BEGAN + FULL_FROM - 1]
    middle = archive.state_at(BEGAN + FULL_FROM + 13).store.findings
    assert (key, since, None) in periods(middle)
    assert archive.finding_times[0] >= since
    played = [event.at for event in archive.events_from(0)]
    assert played == sorted(played) and played[-1] <= BEGAN + END


async def test_it_ends_when_the_console_does(tmp_path: Path) -> None:
    path = written(tmp_path / "r.jsonl", full_table())
    (tmp_path / "s").mkdir()
    archive = SessionArchive(
        SessionReader(converted(RecordingSource(path, Stream()), tmp_path / "s")), again=True
    )
    task = asyncio.create_task(findings_again(archive))
    await asyncio.sleep(0)  # it has begun, and cannot be done
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
