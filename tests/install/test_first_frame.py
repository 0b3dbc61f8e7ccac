"""The seconds until a console's first frame, with small programs in the console's place."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tools import first_frame

TABS = "import time; time.sleep({}); print('overview  conntrack', flush=True); time.sleep(60)"


def test_it_waits_for_the_tabs_and_ends_the_program() -> None:
    start = first_frame.started([sys.executable, "-c", TABS.format(0.3)])
    assert 0.3 <= start.wall < 30
    assert 0 <= start.cpu <= start.wall + 0.1


def test_a_program_that_ends_without_a_frame_is_an_error_with_what_it_said() -> None:
    with pytest.raises(SystemExit, match=r"no frame came: .it has nowhere to unpack"):
        first_frame.started([sys.executable, "-c", "print('it has nowhere to unpack')"])


def test_the_first_command_is_what_the_others_are_compared_with(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    waits = {"slow": 0.9, "quick": 0.3}

    def start(command: list[str]) -> first_frame.Start:
        waits[command[1]] -= 0.1  # the least of both counts
        return first_frame.Start(2 * waits[command[1]], waits[command[1]])

    monkeypatch.setattr(first_frame, "started", start)
    monkeypatch.setattr(sys, "argv", ["", "2", "sh", "quick", "--", "sh", "slow"])
    assert first_frame.main() == 0
    assert [line.split("  ") for line in capsys.readouterr().out.splitlines()] == [
        ["0.20 s, 0.10 s of CPU", "sh quick", ""],
        ["1.40 s, 0.70 s of CPU", "sh slow", "7.00 times"],
    ]


def test_a_program_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["", "1", str(Path("/nowhere/podwire"))])
    with pytest.raises(SystemExit, match="/nowhere/podwire: there is no such program"):
        first_frame.main()
