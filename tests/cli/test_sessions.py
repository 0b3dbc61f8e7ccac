"""`podwire sessions`: what was recorded, and how it ended."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.main import main
from collectors import events as ev
from collectors.recording.blocks import BlockWriter
from collectors.recording.session_log import TIMELINE, SessionWriter
from session import recorded_sessions, session_files
from session.opened_recording import open_recording
from session.recorded_sessions import RecordedSession
from session.running_session import RunningSession, new_session
from tests.support.incident import full_table


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def recorded(clean: bool) -> RunningSession:
    """A session of an incident, as its console leaves it while it runs."""
    running, events = new_session(), full_table()
    writer = SessionWriter(running.directory)
    writer.write([*events, *([ev.RecordingEnd(events[-1].at, "")] if clean else [])])
    writer.close()
    return running


def killed() -> Path:
    running = recorded(clean=False)
    os.close(running._fd)  # as the kernel does
    return running.directory


def listed(capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["sessions"]) == 0
    return capsys.readouterr().out


def test_how_each_ended(capsys: pytest.CaptureFixture[str]) -> None:
    ended = recorded(clean=True)
    assert "(running)" in listed(capsys) and "abruptly" not in listed(capsys)
    ended.close()
    assert "1m59s " in listed(capsys) and "abruptly" not in listed(capsys)
    killed()
    first, *_ = (line for line in listed(capsys).splitlines() if "ended abruptly" in line)
    assert "1m59s (ended abruptly)" in first
    assert main(["sessions", "-o", "json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert [one["complete"] for one in body] == [False, True]


def test_it_is_known_of_an_exported_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, name = str(tmp_path / "one.podwire"), killed().name
    assert main(["sessions", "export", name, file]) == 0
    assert main(["sessions", "import", file]) == 0
    assert f"here already, and not added again: podwire replay {name}" in capsys.readouterr().err
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another machine's"))
    assert main(["sessions", "import", file]) == 0
    capsys.readouterr()
    assert listed(capsys).count("(ended abruptly)") == 1


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_what_cannot_be_written_is_one_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """1, as where standard output cannot be; 2 where a name that was given is wrong."""
    name, there = killed().name, tmp_path / "there"
    there.write_text("mine")
    file = str(tmp_path / "one.podwire")
    assert main(["sessions", "export", name, file]) == 0
    assert main(["report", name, "--output", "/dev/full"]) == 1
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another machine's"))
    with monkeypatch.context() as patch:
        patch.setattr(session_files, "_write", full)
        assert main(["sessions", "import", file]) == 1
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(session_files, "_pack", full)
        assert main(["sessions", "export", name, str(tmp_path / "other")]) == 1
    assert main(["sessions", "export", name, str(there)]) == 2
    assert capsys.readouterr().err.count("No space left on device") == 3


@pytest.mark.parametrize("form", ["markdown", "json", "html"])
def test_its_report_says_it(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    name = killed().name
    assert main(["report", name, "-o", form]) == 0
    assert "the recording ends abruptly here: its console was killed" in capsys.readouterr().out


def test_a_report_of_an_exported_one_imports_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / "one.podwire")
    assert main(["sessions", "export", killed().name, file]) == 0
    assert main(["report", file]) == 0 and main(["check", "--from", file]) == 1
    capsys.readouterr()
    assert listed(capsys).count("1m59s") == 1


def hostile_session() -> Path:
    """Made with podwire's own writer: its blocks are whole, and its lines are not events."""
    running = new_session()
    writer = BlockWriter(running.directory / TIMELINE)
    writer.begin(float("inf"), 0)
    for number, at in enumerate(("x", 1e300, -1e18, None)):
        line: dict[str, object] = {"_": "Mark", "at": at, "target": 5, "author": None, "text": []}
        writer.write(b"%d %s\n" % (number, json.dumps(line).encode()))
    writer.write(b'9 {"_":"Mark","at":1000.0,"target":"","author":"a","text":"\\u001b[2J"}\n')
    writer.close()
    running.close()
    return running.directory


def test_a_hostile_session_costs_no_other_one(capsys: pytest.CaptureFixture[str]) -> None:
    recorded(clean=True).close()
    name = hostile_session().name
    text = listed(capsys)
    assert text.count("MiB") == 2 and max(map(len, text.splitlines())) < 300
    assert main(["report", name]) == 0
    text = capsys.readouterr().out
    assert "␛" in text and "\x1b" not in text
    assert "damaged lines that are left out: 4" in text


def test_one_that_was_killed_before_its_first_line_holds_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    running = new_session()
    SessionWriter(running.directory).close()
    os.close(running._fd)
    assert "(nothing was recorded)" in listed(capsys)


@pytest.mark.parametrize("part", [0.4, 0.95])
def test_an_export_that_is_cut_is_called_incomplete(
    part: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "one.podwire"
    assert main(["sessions", "export", killed().name, str(file)]) == 0
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data.rstrip(b"\0")) * part)])
    capsys.readouterr()
    assert main(["sessions", "import", str(file)]) == 2
    assert "incomplete copy of an exported session" in capsys.readouterr().err
    file.write_text("x" * 5_000)
    assert main(["sessions", "import", str(file)]) == 2
    assert "it is not a session that podwire exported" in capsys.readouterr().err


def with_packets() -> Path:
    """A session that ended well."""
    running, events = new_session(), full_table()
    writer = SessionWriter(running.directory)
    kept = ev.CaptureState(
        events[-1].at, "node/n1", 3, "running", "", received=9, kept=str(running.directory)
    )
    packets = tuple(ev.Packet(number, bytes(60), 60) for number in range(9))
    batch = ev.PacketBatch(events[-1].at, "node/n1", 3, 1, packets)
    writer.write([*events, kept, batch, ev.RecordingEnd(events[-1].at, "")])
    writer.close()
    running.close()
    return running.directory


def pruned(days: float = 20.0) -> Path:
    """One of so many days before, of which `prune` removed the packets."""
    directory = with_packets()
    for path in directory.iterdir():
        os.utime(path, (time.time() - days * 86_400,) * 2)
    assert main(["sessions", "prune"]) == 0
    return directory


WHY = "UTC: packets and samples stay 14 days"


def test_what_was_pruned_is_said_by_its_bound(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the list, in each form of a report, in its replay; of an exported one as well."""
    name, file = pruned().name, str(tmp_path / "one.podwire")
    assert main(["sessions", "export", name, file]) == 0
    capsys.readouterr()
    assert f"(findings only: the rest removed on {time.strftime('%Y-%m-%d')}" in listed(capsys)
    assert main(["sessions", "-o", "json"]) == 0
    ((removal,),) = [one["removed"] for one in json.loads(capsys.readouterr().out)]
    assert (removal["by"], removal["limit"]) == ("age", 14 * 86_400)
    assert any(name.endswith(".pcap.zst") for name in removal["files"])
    for source in (name, file):
        for form in ("markdown", "html", "json"):
            assert main(["report", source, "-o", form]) == 0
            text = capsys.readouterr().out
            assert text.count(WHY) == 2 and "not on this machine" not in text, "capture and note"
        with contextlib.ExitStack() as places:
            for again in (False, True):
                archive = open_recording(Path(source), again, places).archive
                events = archive.events_from(0)
                (said,) = (e for e in events if isinstance(e, ev.Notice) and WHY in e.text)
                assert ("what today's rules would find is unknown" in said.text) == again


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def spoil(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2 :] = b"\xff" * (len(data) - len(data) // 2)
    path.write_bytes(data)


def replace_by_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("name", "harm", "said"),
    [
        ("timeline.zst", cut, "timeline.zst: its end is missing"),
        ("timeline.zst", spoil, "timeline.zst: 1 part damaged"),
        ("evidence-0001.zst", cut, "evidence-0001.zst: its end is missing"),
        ("evidence-0001.zst", spoil, "evidence-0001.zst: 1 part damaged"),
        ("evidence-0001.zst", replace_by_directory, "evidence-0001.zst: it cannot be read"),
        ("evidence-0001.zst", Path.unlink, "evidence-0001.zst is missing"),
        ("*.pcap.zst", Path.unlink, "node-n1-3-001.pcap.zst is missing"),
        ("*.pcap.zst", cut, "node-n1-3-001.pcap.zst: its end is missing"),
        ("*.pcap.zst", lambda path: path.write_text("x"), "pcap.zst: it cannot be read"),
    ],
)
@pytest.mark.parametrize("is_known", [True, False], ids=["here", "from elsewhere"])
def test_a_damaged_one_is_called_so(
    name: str,
    harm: Callable[[Path], None],
    said: str,
    is_known: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    directory, other = with_packets(), recorded(clean=True)
    other.close()
    assert "damaged" not in listed(capsys)
    (path,) = directory.glob(name)
    if not is_known:
        (directory / "summary.json").unlink()
    harm(path)
    text = listed(capsys)
    if is_known or said != "evidence-0001.zst is missing":  # nothing else says that there was one
        assert f"{directory.name} is damaged: {said}" in text or said in text
        assert text.count("(damaged)") == 1 and "abruptly" not in text
    assert listed(capsys) == text, "as it is known now"
    assert other.directory.name in text
    assert main(["sessions", "-o", "json"]) == 0
    shown = {one["session"]: one for one in json.loads(capsys.readouterr().out)}
    about = shown[directory.name]
    assert about["complete"] == (not about["damage"]) and shown[other.directory.name]["complete"]


def test_one_that_was_pruned_is_not_damaged(capsys: pytest.CaptureFixture[str]) -> None:
    directory = pruned()
    capsys.readouterr()
    assert "damaged" not in listed(capsys)
    (directory / "summary.json").unlink()
    assert "damaged" not in listed(capsys)


def test_the_torn_end_of_a_killed_one_is_no_damage(capsys: pytest.CaptureFixture[str]) -> None:
    running = new_session()
    SessionWriter(running.directory).write(full_table())
    os.close(running._fd)
    text = listed(capsys)
    assert "(ended abruptly)" in text and "damaged" not in text


def test_a_damaged_import_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, file = with_packets(), str(tmp_path / "one.podwire")
    cut(directory / "evidence-0001.zst")
    assert main(["sessions", "export", directory.name, file]) == 0
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another machine's"))
    assert main(["sessions", "import", file]) == 0
    said = capsys.readouterr().err
    assert "what was imported is damaged: evidence-0001.zst: its end is missing" in said
    assert listed(capsys).count("(damaged)") == 1


def test_a_list_waits_for_no_look_at_all_of_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many that are new here: each is listed with its worst finding; what is looked at for damage
    is said, and is more each time."""
    looks: list[Path] = []

    def look(directory: Path, *_: object) -> list[str]:
        looks.append(directory)
        return []

    monkeypatch.setattr(recorded_sessions, "damage_of", look)
    monkeypatch.setattr("cli.sessions.PATIENCE_S", 0.0)
    for name in ("a", "b", "c"):
        one = killed()
        one.rename(one.with_name(name))
    for left in (2, 1):
        text = listed(capsys)
        assert text.count("(ended abruptly)") == 3 and len(looks) == 3 - left
        assert f"\n{left} session{'s'[: left - 1]} not looked at for damage yet" in text
    assert "not looked at" not in listed(capsys) and len(looks) == 3
    assert "not looked at" not in listed(capsys) and len(looks) == 3
    (one, *_) = looks
    (one / "summary.json").unlink()
    assert main(["sessions", "-o", "json"]) == 0
    assert len(looks) == 4, "a program gets all"


def test_each_row_is_out_before_the_next_session_is_read(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[int] = []

    def read(directory: Path, examine: bool = True) -> RecordedSession:
        shown.append(capsys.readouterr().out.count("ended abruptly"))
        return described(directory, examine)

    monkeypatch.setattr("cli.sessions.PATIENCE_S", 0.0)
    for _ in range(4):
        killed()
    described = recorded_sessions.described
    monkeypatch.setattr("cli.sessions.described", read)
    assert main(["sessions"]) == 0
    assert shown == [0, 0, 1, 1, 1], "the first is looked at for damage"


@pytest.mark.parametrize(
    "wrong",
    [
        {"targets": 7},
        {"targets": [7]},
        {"damage": "x"},
        {"files": []},
        {"files": {"timeline.zst": 5}},
        {"began": "x"},
        {"worst_title": None},
        {"marks": "many"},
        {"other": 1},
        [],
    ],
)
def test_a_summary_that_says_what_none_does_is_made_again(
    wrong: object, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded(clean=True).close()
    (path,) = Path(os.environ["XDG_STATE_HOME"]).glob("podwire/sessions/*/summary.json")
    right = listed(capsys)
    about = json.loads(path.read_text())
    path.write_text(json.dumps(about | wrong if isinstance(wrong, dict) else wrong))
    assert listed(capsys) == right and json.loads(path.read_text()) == about


def test_an_import_of_which_nothing_can_be_read_says_that(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x.podwire"
    with tarfile.open(file, "w") as archive:
        info = tarfile.TarInfo("timeline.zst")
        info.size = 9_000
        archive.addfile(info, io.BytesIO(os.urandom(9_000)))
    assert main(["sessions", "import", str(file)]) == 0
    assert "damaged: its findings and marks cannot be read" in capsys.readouterr().err


def test_a_pipe_is_not_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "x")
    assert main(["sessions", "import", str(tmp_path / "x")]) == 2
    assert "is a pipe or a device" in capsys.readouterr().err
