"""`podwire report`: a recording in three forms, privately to a file, without any secret."""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import threading
from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, get_args

import pytest
from hypothesis import given, settings, strategies as st

from cli.exit_codes import INTERRUPTED
from cli.main import main
from cli.report import FORMS
from collectors import events as ev
from collectors.errors import ConfigError
from collectors.findings import CONFIDENCES, SEVERITY_ORDER, SubjectKind
from collectors.recording.event_codec import encode
from collectors.recording.session_log import SessionWriter
from diagnosis.incident.as_json import as_json
from session.opened_recording import open_recording
from tests.collectors.test_event_codec import every_event, values_of
from tests.support.damage import damaged
from tests.support.incident import BEGAN, FULL_FROM, NODE, full_table, written
from tests.support.json_schema import violations
from tests.support.reports import hostile_report
from tests.support.secrets import planted

pytestmark = pytest.mark.slow

POD = ev.PodRow("shop", "web-1", "u", "n1", "10.0.0.5", "Running", "1/1", 0, 0.0)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """The table of a node is full; secrets stand where people and programs write."""
    secrets: list[ev.Event] = []
    for number, (text, _) in enumerate(planted()):
        at = BEGAN + 1 + number
        secrets += [
            ev.Mark(at, NODE, "alice", text),
            ev.Command(at, NODE, "alice", "create pods", "default/x", f"refused: {text}"),
            ev.TargetState(at, "pod/shop/web-1", "gap", text),
            ev.TargetState(at, "pod/shop/web-1", "live", ""),
        ]
    listed: list[ev.Event] = [ev.InventoryList(BEGAN, "", "pods", (POD,))]
    restart = ev.InventoryChange(BEGAN + 20, "", "MODIFIED", replace(POD, restarts=1))
    everything = [*listed, *full_table(), *secrets, restart]
    return written(tmp_path / "r.jsonl", sorted(everything, key=lambda event: event.at))


def made(recording: Path, form: str, output: Path) -> str:
    assert (
        main(["report", str(recording), "-o", form, "--output", str(output), "--rules", "today"])
        == 0
    )
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    return output.read_text()


@pytest.mark.parametrize("form", ["markdown", "html", "json"])
def test_no_secret_leaves_in_any_form(recording: Path, tmp_path: Path, form: str) -> None:
    text = made(recording, form, tmp_path / "report")
    assert not [secret for _, secret in planted() if secret in text]
    assert "alice" in text and "web-1" in text, "names are there unless they are to be masked"


def test_what_was_found_when_and_what_came_before(recording: Path, tmp_path: Path) -> None:
    body = json.loads(made(recording, "json", tmp_path / "report.json"))
    (finding,) = (one for one in body["findings"] if one["severity"] != "info")
    assert finding["rule"] == "conntrack_full" and finding["evidence"] and finding["fix"]
    assert finding["from"][:18] == "2023-11-14T22:13:50"[:18]
    (graph,) = (one for one in finding["graphs"] if one["title"] == "conntrack_count")
    assert max(value for _, value in graph["points"] if value is not None) == 10_000
    (before,) = (one for one in body["before_first_finding"] if one["kind"] == "restart")
    assert before["where"] == "shop/web-1" and before["from"] < finding["from"]
    assert FULL_FROM == 30 and body["to"] > finding["from"]


def test_jobs_that_ended_well_are_not_what_came_before(tmp_path: Path) -> None:
    """One that still runs may be, and one that failed."""

    def job(name: str) -> ev.PodRow:
        return replace(POD, name=name, uid=name, workload=f"Job/{name}")

    def change(at: float, verb: str, row: ev.PodRow) -> ev.InventoryChange:
        return ev.InventoryChange(BEGAN + at, "", verb, row)  # type: ignore[arg-type]

    done = replace(job("done"), ended=True, phase="Succeeded")
    failed = replace(job("failed"), ended=True, phase="Error")
    changes = [
        *(change(5, "ADDED", job(name)) for name in ("done", "failed", "running")),
        *(change(9, "MODIFIED", row) for row in (done, failed)),
        change(12, "DELETED", done),
    ]
    listed = ev.InventoryList(BEGAN, "", "pods", (POD,))
    run = ev.CommandRun(BEGAN + 15, NODE, "compare", ("sysctl", "-a"), 0, 0.5, "x")
    everything = sorted([listed, *full_table(), *changes, run], key=lambda event: event.at)
    recorded = written(tmp_path / "r.jsonl", everything)
    body = json.loads(made(recorded, "json", tmp_path / "report"))
    before = {(one["where"], one["text"]) for one in body["before_first_finding"]}
    assert {where for where, _ in before} == {"shop/failed", "shop/running"}
    assert any(one["where"] == "shop/done" for one in body["timeline"]), "it is on the timeline"
    (row,) = (one for one in body["timeline"] if one["kind"] == "run")
    assert row["text"] == "compare: sysctl -a: exit code 0, 0.5 s" and row["where"] == "n1"


def test_a_report_goes_to_standard_output_as_well(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(recording)]) == 0
    assert capsys.readouterr().out.startswith("# Incident report: prod, 2023-11-14")


def test_what_cannot_be_read_or_written_is_said(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(tmp_path / "none.jsonl")]) == 2
    assert main(["report", str(recording), "--output", str(tmp_path / "no" / "r")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_a_device_or_a_pipe_is_written_into(recording: Path, tmp_path: Path) -> None:
    """And not replaced by a file; captures have no place beside it."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    assert main(["report", str(recording), "--private", "--output", str(pipe)]) == 0
    reader.join(30)
    assert read and read[0].startswith("# Incident report: ")
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert {one.name for one in tmp_path.iterdir()} == {"pipe", "r.jsonl"}
    directory = tmp_path / "directory"
    directory.mkdir()
    assert main(["report", str(recording), "--output", str(directory)]) == 2


@pytest.mark.parametrize("form", ["markdown", "html", "json"])
def test_ctrl_c_leaves_the_report_that_was_there(
    form: str, recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while what it is about is gone through, and while it is written."""

    class Interrupted(str):
        def encode(self, *_: object) -> bytes:
            raise KeyboardInterrupt

    def interrupted(_: object) -> str:
        raise KeyboardInterrupt

    (tmp_path / "out").mkdir()
    output = tmp_path / "out" / "report"
    output.write_text("earlier")
    for made_of in (interrupted, lambda _: Interrupted("x")):
        monkeypatch.setitem(FORMS, form, made_of)
        command = ["report", str(recording), "-o", form, "--output", str(output)]
        assert main(command) == INTERRUPTED
        assert list((tmp_path / "out").iterdir()) == [output] and output.read_text() == "earlier"


LONE = "web \ud83d \udc80"  # surrogates without their other one


@pytest.mark.parametrize("form", ["markdown", "html", "json"])
@pytest.mark.parametrize("is_directory", [False, True], ids=["file", "session"])
def test_a_lone_surrogate_is_shown_as_its_number(
    form: str, is_directory: bool, tmp_path: Path
) -> None:
    """In texts of every kind, and nothing of the recording is left out for it."""
    pod = replace(POD, name=LONE, message=LONE)
    everything = [
        ev.InventoryList(BEGAN, "", "pods", (POD,)),
        *full_table(),
        ev.Mark(BEGAN + 119, NODE, LONE, LONE),
        ev.Command(BEGAN + 119, NODE, LONE, "create pods", LONE, LONE),
        ev.SocketSnapshot(BEGAN + 119, NODE, (), "ss", LONE),
        ev.InventoryChange(BEGAN + 119, "", "ADDED", pod),
    ]
    path = tmp_path / "recorded"
    if is_directory:
        path.mkdir()
        writer = SessionWriter(path)
        writer.write([*everything, ev.RecordingEnd(BEGAN + 119, "")])  # else it is not whole
        writer.close()
    else:
        written(path, everything)
    text = made(path, form, tmp_path / "report")
    shown = as_shown(form, "web ⟨D83D⟩ ⟨DC80⟩")
    assert text.count(shown) >= 5 and "left out" not in text and "damaged" not in text


def as_shown(form: str, text: str) -> str:
    return json.dumps(text)[1:-1] if form == "json" else text


SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "report.schema.json").read_text())


def broken(body: dict[str, Any]) -> list[str]:
    return list(violations(body, SCHEMA, SCHEMA, "report"))


def test_the_json_is_as_its_schema_says(recording: Path, tmp_path: Path) -> None:
    body = json.loads(made(recording, "json", tmp_path / "report.json"))
    assert body["findings"] and body["timeline"] and body["writes"], "they are looked at, too"
    assert broken(body) == []
    assert broken(json.loads(as_json(hostile_report()))) == []


def test_the_schema_names_each_kind_that_the_code_has() -> None:
    finding = SCHEMA["$defs"]["finding"]["properties"]
    assert finding["severity"]["enum"] == list(SEVERITY_ORDER)
    assert finding["subject"]["properties"]["kind"]["enum"] == list(get_args(SubjectKind))
    assert finding["confidence"]["enum"] == list(CONFIDENCES)


@pytest.mark.parametrize(
    "change", [{"schema": 2}, {"more": 1}, {"targets": "x"}, {"from": "yesterday"}, {"private": 1}]
)
def test_what_is_not_as_the_schema_says_is_found(change: dict[str, Any]) -> None:
    assert broken(json.loads(as_json(hostile_report())) | change)


def test_each_field_of_the_json_is_documented(recording: Path, tmp_path: Path) -> None:
    body = json.loads(made(recording, "json", tmp_path / "report.json"))
    page = (Path(__file__).parents[2] / "docs" / "report.md").read_text()
    parts = [body, body["timeline"][0], body["writes"][0], body["findings"][0]["graphs"][0]]
    assert not [name for part in parts for name in part if f"`{name}" not in page]


@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    st.lists(st.one_of([values_of(kind) for kind in every_event()]), min_size=1, max_size=8),
    st.randoms(use_true_random=False),
)
def test_nothing_that_a_recording_holds_ends_a_command(
    events: list[ev.Event], random: Random
) -> None:
    """Values of any field replaced by hostile ones: each form is written, or why not is said; the
    recording opens as a replay."""
    lines = [line for one in events for line in (encode(one), damaged(encode(one), random))]
    with TemporaryDirectory() as folder, contextlib.ExitStack() as places:
        path, output = Path(folder) / "r.jsonl", Path(folder) / "report"
        path.write_text("".join(f"{line}\n" for line in lines))
        for form in ("markdown", "html", "json"):
            asked = ["report", str(path), "-o", form, "--output", str(output)]
            for more in ([], ["--rules", "today"], ["--private"]):
                assert main([*asked, *more]) in (0, 3)
                written_text = output.read_text() if output.exists() else ""
                assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", written_text)
        with contextlib.suppress(ConfigError):
            archive = open_recording(path, again=False, places=places).archive
            archive.state_at(archive.began)
