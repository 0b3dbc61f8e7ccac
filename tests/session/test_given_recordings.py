"""Each recording is looked at once; what was removed of one is said, and is no "nothing found"."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

from cli.main import main
from collectors import events as ev
from collectors.findings import Finding, Subject
from collectors.recording.session_lock import hold
from collectors.recording.session_log import EVIDENCE_FILES, FIGURES, SessionWriter
from tests.support.incident import BEGAN, NODE, full_table, written

FOUND = Finding(
    rule="x", severity="critical", subject=Subject(kind="node", name="n2"), title="earlier"
)

SAID = "still runs: this is what it recorded until now"


def pruned(path: Path) -> Path:
    """A session of which findings, marks and writes stay."""
    path.mkdir()
    writer = SessionWriter(path)
    found = ev.FindingEvent(BEGAN + 40, NODE, "appeared", FOUND, BEGAN + 40)
    writer.write([*full_table(), found, ev.RecordingEnd(BEGAN + 120, "")])
    writer.close()
    for file in [*path.glob(EVIDENCE_FILES), path / FIGURES]:
        file.unlink(missing_ok=True)
    return path


def test_a_session_without_its_evidence_is_unknown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = pruned(tmp_path / "s")
    assert main(["check", "--from", str(path)]) == 4
    printed = capsys.readouterr()
    assert "what today's rules would find is unknown" in printed.err
    assert "nothing found" not in printed.out
    whole = written(tmp_path / "whole.jsonl", full_table())
    assert main(["check", "--from", str(path), "--from", str(whole), "-o", "json"]) == 1
    assert "is unknown" in str(json.loads(capsys.readouterr().out)["notes"])


def test_damaged_evidence_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = pruned(tmp_path / "s")
    (path / "evidence-0001.zst").write_bytes(b"garbage" * 100)
    assert main(["check", "--from", str(path)]) == 4


def test_its_report_has_what_was_found_while_it_ran(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for rules in ("recorded", "today"):
        path = pruned(tmp_path / rules)
        assert main(["report", str(path), "--rules", rules, "-o", "json"]) == 0
        body = json.loads(capsys.readouterr().out)
        assert [one["title"] for one in body["findings"]] == ["earlier"]
        assert ("is unknown" in str(body["notes"])) is (rules == "today")


def test_a_copy_counts_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path / "one.jsonl", full_table())
    copy = tmp_path / "copy.jsonl.gz"
    copy.write_bytes(gzip.compress(path.read_bytes()))
    for twice in ([path, path], [path, copy]):
        files = [text for one in twice for text in ("--from", str(one))]
        assert main(["check", *files, "-o", "json"]) == 1
        body = json.loads(capsys.readouterr().out)
        assert "conntrack_full" in [one["rule"] for one in body["findings"]]
        assert "looked at once" in str(body["notes"])
    assert main(["report", str(path), str(copy), "--rules", "today", "-o", "json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert "conntrack_full" in [one["rule"] for one in body["findings"]]


def test_an_early_recording_beside_a_new_one_keeps_what_is_found_in_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    early = tmp_path / "early.jsonl"
    lines = written(tmp_path / "whole.jsonl", full_table()).read_text().splitlines(keepends=True)
    early.write_text("".join(lines[1:]))  # without the first event, that says the format
    later = [
        ev.TargetState(BEGAN + 200, "node/n2", "live"),
        ev.FindingEvent(BEGAN + 201, "node/n2", "appeared", FOUND, BEGAN + 201),
    ]
    new = written(tmp_path / "new.jsonl", later)
    assert main(["report", str(early), str(new), "-o", "json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert "conntrack_full" in [one["rule"] for one in body["findings"]]
    assert "today's rules, in all of them" in str(body["notes"])


@pytest.mark.parametrize("private", [False, True])
def test_of_a_session_that_runs_it_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], private: bool
) -> None:
    """And that nothing of it is cut: its writer has it open."""
    (path := tmp_path / "running").mkdir()
    writer = SessionWriter(path)
    packets = tuple(ev.Packet(number, bytes(60), 60) for number in range(9))
    writer.write([*full_table(), ev.PacketBatch(BEGAN + 120, NODE, 1, 1, packets)])
    lock = hold(path)
    output = tmp_path / "report.json"
    given = ["report", str(path), "-o", "json", "--output", str(output)]
    if private:
        given.append("--private")
    try:
        assert main(["check", "--from", str(path), "-o", "json"]) == 1
        assert SAID in str(json.loads(capsys.readouterr().out)["notes"])
        assert main(given) == 0
    finally:
        os.close(lock)
    body = json.loads(output.read_text())
    (capture,) = body["captures"]
    assert SAID in str(body["notes"]) and "damaged" not in str(body["notes"])
    assert "still written" in capture["note"] and capture["packets"] == 9
    assert bool(capture["sha256"]) is private, "a masked copy is whole"
    writer.write([ev.RecordingEnd(BEGAN + 121, "")])
    writer.close()
    assert main([*given, "--rules", "today"]) == 0
    body = json.loads(output.read_text())
    assert SAID not in str(body["notes"]) and not body["captures"][0]["note"]
    assert body["captures"][0]["sha256"]
