"""The journal: pending deletes after any end, also a torn line; and that it stays private and short."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from collectors.errors import JournalError
from collectors.recording import journal as journals
from collectors.recording.journal import (
    CREATED,
    DELETED,
    GONE,
    REFUSED,
    ClusterIdentity,
    Journal,
    runs,
    this_session,
)

HERE = ClusterIdentity("ctx", "/k", "https://s")


def begun(journal: Journal, verb: str = "create pods", name: str = "p") -> str:
    return journal.begin(
        HERE, verb=verb, namespace="ns", name=name, node="node1", manifest={"kind": "Pod"}
    )


def names(journal: Journal) -> list[tuple[str, bool]]:
    return [(entry.name, entry.confirmed) for entry in journal.pending_deletes()]


@pytest.mark.parametrize("kept", [True, False])
def test_pending_deletes(tmp_path: Path, kept: bool) -> None:
    journal = Journal(tmp_path / "j" if kept else None)
    number = begun(journal)
    assert names(journal) == [("ns/p", False)], "before the answer"
    journal.end(number, CREATED)
    assert names(journal) == [("ns/p", True)]
    journal.end(begun(journal, name="q"), f"{REFUSED}: quota")
    journal.end(begun(journal, "patch pods/ephemeralcontainers", "p/c"), "added, full")
    assert names(journal) == [("ns/p", True)], "refused ones and containers are not pending"
    journal.end(begun(journal, "delete pods"), "failed: 500")
    assert names(journal) == [("ns/p", True)]
    journal.end(begun(journal, "delete pods"), DELETED)
    assert names(journal) == []
    journal.end(begun(journal), CREATED)
    journal.end(begun(journal, "delete pods"), GONE)
    assert names(journal) == []


def test_a_torn_line_and_a_private_file(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = Journal(path)
    journal.end(begun(journal), CREATED)
    with path.open("a") as file:
        file.write('{"kind": "begin", "id": "x", "ver')
    assert names(Journal(path)) == [("ns/p", True)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(
        JournalError, match=r"adds nothing to a cluster that it could forget\. Set "
    ):
        begun(journal)


def test_room_is_asked_for_where_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(JournalError, match=r"No space left on device.*Make room, or set XDG_STATE"):
        begun(Journal(tmp_path / "j"))


@given(st.lists(st.sampled_from(["create", "refuse", "delete", "fail", "cut"]), max_size=30))
def test_a_crash_anywhere_forgets_nothing(steps: list[str]) -> None:
    """Against a model: after any sequence, cut off anywhere, every pod that may exist is pending."""
    journal, alive = Journal(None), set()
    for number, step in enumerate(steps):
        if step in ("create", "refuse", "cut"):
            entry = begun(journal, name=f"p{number}")
            if step == "create":
                journal.end(entry, CREATED)
            if step == "refuse":
                journal.end(entry, f"{REFUSED}: no")
            else:
                alive.add(f"ns/p{number}")
        elif alive:
            name = sorted(alive)[0]
            entry = begun(journal, "delete pods", name.partition("/")[2])
            journal.end(entry, DELETED if step == "delete" else "no answer: it may have been done")
            if step == "delete":
                alive.discard(name)
    assert {entry.name for entry in journal.pending_deletes()} == alive


def test_a_long_journal_is_cut_and_keeps_pending_deletes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "LONGEST", 20_000)
    journal = Journal(tmp_path / "j")
    journal.end(begun(journal, name="left"), CREATED)
    for number in range(80):
        journal.end(begun(journal, name=f"p{number}"), f"{REFUSED}: no")
    size = (tmp_path / "j").stat().st_size
    journal.compact()
    assert (tmp_path / "j").stat().st_size < size / 2
    assert names(journal) == [("ns/left", True)]
    assert all(json.loads(line) for line in (tmp_path / "j").read_text().splitlines())


def test_where_its_directory_cannot_be_made_it_is_empty_and_says_why_nothing_is_kept() -> None:
    journal = Journal(Path(__file__) / "podwire" / "journal.jsonl")
    assert names(journal) == []
    journal.compact()
    with pytest.raises(
        JournalError, match=r"cannot be written \(Not a directory\).*XDG_STATE_HOME"
    ):
        begun(journal)


def test_sessions() -> None:
    assert runs(this_session())
    booted, pid, started = this_session().split(":")
    assert not runs(f"{booted}:{pid}:{float(started) - 60}"), "another process under the same id"
    assert not runs(f"other:{pid}:{started}") and not runs("") and not runs("a:b:c:d")
    assert not runs(f"{booted}:{2**22 + 1}:{started}") and os.getpid() == int(pid)
