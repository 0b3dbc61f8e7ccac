"""What ends a command other than an answer has a code of its own: 1 of `policy` and `check` is an
answer."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from cli import exit_codes, main as command_line
from cli.exit_codes import BROKEN_PIPE, CRASHED, FAILED, INTERRUPTED, MEANINGS
from collectors.errors import JournalError
from tests.cli.test_messages import PODWIRE, shell

BASE = Path(__file__).parent.parent / "data" / "policy" / "base.yaml"
QUESTION = f"policy -f {BASE} --from shop/web --to shop/db --port 5432"


def failing_with(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: argparse.Namespace) -> int:
        raise error

    monkeypatch.setattr(command_line, "run", fail)


@pytest.mark.parametrize("error", [ValueError("x"), RecursionError(), MemoryError(), KeyError("k")])
@pytest.mark.parametrize("command", [QUESTION, "check", "doctor", "local"])
def test_a_crash_is_no_answer(
    error: Exception, command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    failing_with(error, monkeypatch)
    assert command_line.main(command.split()) == CRASHED


def test_a_crash_says_where_its_details_are_or_why_nowhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    failing_with(ValueError("x"), monkeypatch)
    for state, said in ((tmp_path, "The details are in"), (__file__, "could not be kept")):
        monkeypatch.setenv("XDG_STATE_HOME", str(state))
        assert command_line.main(["doctor"]) == CRASHED
        assert f"had to stop: ValueError. {said}" in capsys.readouterr().err.replace(
            "Its details ", ""
        )


def test_what_failed_is_no_answer_of_check(monkeypatch: pytest.MonkeyPatch) -> None:
    failing_with(JournalError("It cannot be written."), monkeypatch)
    assert command_line.main(["check"]) == CRASHED
    assert command_line.main(["clean"]) == FAILED


def test_an_answer_that_cannot_be_written_is_none(tmp_path: Path) -> None:
    done = shell(f"{PODWIRE} {QUESTION} > /dev/full", tmp_path)
    assert done.returncode == CRASHED and "cannot be written" in done.stderr
    assert shell(f"{PODWIRE} {QUESTION}", tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("report x", "ended by Ctrl-C: no report was written"),
        ("sessions export x", "ended by Ctrl-C: of what it had begun to write nothing is left"),
        ("check", "ended by Ctrl-C: that is not an answer"),
        ("doctor", "ended by Ctrl-C"),
    ],
)
def test_ctrl_c_is_a_sentence(
    command: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(command_line, "run", interrupted)
    assert command_line.main(command.split()) == INTERRUPTED == 130
    assert capsys.readouterr().err == f"podwire: {said}\n"


def test_the_documents_have_the_one_table_of_exit_codes() -> None:
    text = (Path(__file__).parent.parent.parent / "docs" / "check.md").read_text()
    table = text.partition("## Exit codes\n")[2]
    rows = dict(re.findall(r"^\| (\d[\d+n]*) \| (.+) \|$", table, re.M))
    assert rows == MEANINGS
    known = {code for name, code in vars(exit_codes).items() if name.isupper() and code != MEANINGS}
    signals = {BROKEN_PIPE, INTERRUPTED}  # 128+n
    assert {str(code) for code in known - signals} | {"0", "3", "128+n"} == set(MEANINGS)
