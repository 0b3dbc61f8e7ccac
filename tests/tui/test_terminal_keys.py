"""What the terminal gets besides screens: copies, the mouse, the title, a sign for what is critical and new."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.drivers.headless_driver import HeadlessDriver

from collectors.events import FindingEvent
from collectors.findings import Finding, Severity, Subject
from tests.support.drawn import looking, ready
from tui.look import TerminalLook

POINTER = "\x1b]22;"  # Textual sets the shape of the mouse's pointer


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is written to the terminal."""
    found: list[str] = []

    def write(self: HeadlessDriver, data: str) -> None:
        if not data.startswith(POINTER):
            found.append(data)

    monkeypatch.setattr(HeadlessDriver, "write", write)
    monkeypatch.setenv("TERM", "xterm-256color")
    return found


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("TMUX", raising=False)
    return tmp_path / "podwire" / "copied.txt"


def clipboard(written: list[str]) -> str:
    """What the terminal's clipboard has."""
    (sequence,) = (one for one in written if one.startswith("\x1b]52;c;"))
    return base64.b64decode(sequence.removeprefix("\x1b]52;c;").removesuffix("\a")).decode()


async def test_a_row_is_copied_to_the_clipboard_and_a_file(
    recording: Path, written: list[str], state: Path
) -> None:
    app = looking(recording, TerminalLook(), "")
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("Y")
        await pilot.pause(0.5)
        said = [one.message for one in app._notifications]
    text = clipboard(written)
    assert "\t" in text and "Running" in text
    assert state.read_text() == text
    assert len(said) == 1 and "characters copied to the terminal's clipboard" in said[0]
    assert said[0].endswith(f" and {state}.")


async def test_a_page_is_copied(recording: Path, written: list[str], state: Path) -> None:
    app = looking(recording, TerminalLook(), "pod")
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("y")  # a policy
        await pilot.pause(0.5)
        await pilot.press("Y")
        await pilot.pause(0.5)
    assert "kind: NetworkPolicy" in clipboard(written) == state.read_text()


async def test_a_terminal_without_a_clipboard_gets_nothing_and_the_file_is_there(
    recording: Path, written: list[str], state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "linux")
    app = looking(recording, TerminalLook(), "")
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("Y")
        await pilot.pause(0.5)
        (said,) = (one.message for one in app._notifications)
    assert written == [] and said.endswith(f"copied to {state}.") and state.exists()


async def test_where_no_file_can_be_written_that_is_said(
    recording: Path, written: list[str], state: Path
) -> None:
    state.mkdir(parents=True)
    app = looking(recording, TerminalLook(), "")
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("Y")
        await pilot.pause(0.5)
        (said,) = (one.message for one in app._notifications)
    assert said.endswith("and no file (Is a directory).") and clipboard(written)


async def test_where_there_is_nothing_that_is_said(recording: Path, written: list[str]) -> None:
    app = looking(recording, TerminalLook(), "")
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("question_mark", "Y")
        await pilot.pause(0.5)
        (said,) = (one.message for one in app._notifications)
    assert said == "There is nothing here to copy."


async def test_the_mouse_goes_and_comes_by_a_key_and_goes_on_leaving(
    recording: Path, written: list[str]
) -> None:
    app = looking(recording, TerminalLook(mouse=False, title=False), "")
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("X", "X", "X")
        await pilot.pause(0.3)
    on, off = "\x1b[?1000h\x1b[?1003h\x1b[?1006h", "\x1b[?1000l\x1b[?1003l\x1b[?1006l"
    assert written == [on, off, on, off]


async def test_the_title_says_what_is_open_and_is_as_it_was_on_leaving(
    recording: Path, written: list[str]
) -> None:
    app = looking(recording, TerminalLook(), "pod")
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.pause(1.5)
        await pilot.press("escape")
        await pilot.pause(1.5)
    assert written[0] == "\x1b[22;2t" and written[-1] == "\x1b[23;2t"
    first, *_ = titles = written[1:-1]
    assert first.startswith("\x1b]2;podwire - ") and first.endswith("\x1b\\")
    assert len(titles) == len(set(titles))


@pytest.mark.parametrize(
    ("look", "terminal"), [(TerminalLook(title=False), "xterm"), (TerminalLook(), "linux")]
)
async def test_no_title_where_none_is_wanted_or_shown(
    recording: Path,
    written: list[str],
    monkeypatch: pytest.MonkeyPatch,
    look: TerminalLook,
    terminal: str,
) -> None:
    monkeypatch.setenv("TERM", terminal)
    app = looking(recording, look, "pod")
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.pause(1.5)
    assert written == []


def finding(name: str, severity: Severity) -> FindingEvent:
    subject = Subject(kind="service", name=name, namespace="shop")
    title = "no\x1b[2J endpoints"
    one = Finding(rule="endpoints", severity=severity, subject=subject, title=title)
    return FindingEvent(1.0, "", change="appeared", finding=one)


@pytest.mark.parametrize(
    ("bell", "expected"),
    [("off", []), ("bell", ["\a"]), ("notification", ["\x1b]9;podwire: "])],
)
async def test_a_critical_finding_that_is_new_rings_once(
    recording: Path, written: list[str], bell: str, expected: list[str]
) -> None:
    app = looking(recording, TerminalLook(bell=bell, title=False), "")
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.pause(1.5)
        app.control.store.apply(finding("a", "warning"))
        await pilot.pause(1.2)
        assert written == []
        app.control.store.apply(finding("b", "critical"))
        await pilot.pause(2.5)
    assert len(written) == len(expected)
    assert all(text.startswith(begin) for text, begin in zip(written, expected, strict=True))
    assert not any("\x1b[2J" in text for text in written)


@pytest.fixture
def tmux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A tmux server of this test alone."""
    if shutil.which("tmux") is None:
        pytest.skip("no tmux here")
    command = ["tmux", "-S", str(tmp_path / "tmux")]
    subprocess.run([*command, "-f", "/dev/null", "new-session", "-d", "sleep 60"], check=True)
    monkeypatch.setenv("TMUX", f"{tmp_path / 'tmux'},{os.getpid()},0")
    yield command
    subprocess.run([*command, "kill-server"], check=False)


async def test_in_tmux_its_buffer_has_it_as_well(
    recording: Path, written: list[str], state: Path, tmux: list[str]
) -> None:
    app = looking(recording, TerminalLook(), "")
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("Y")
        await pilot.pause(1.0)
        (said,) = (one.message for one in app._notifications)
    shown = subprocess.run([*tmux, "show-buffer"], capture_output=True, text=True, check=True)
    assert shown.stdout == state.read_text() and "tmux's buffer" in said


async def test_a_tmux_that_is_gone_does_not_matter(
    recording: Path, written: list[str], state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMUX", "/nonexistent/tmux,1,0")
    app = looking(recording, TerminalLook(), "")
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("Y")
        await pilot.pause(1.0)
        (said,) = (one.message for one in app._notifications)
    assert "tmux's buffer" not in said and state.exists()


async def test_a_terminal_that_is_too_small_is_said_once(
    recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No screen fails there; and again where it became so again."""
    app, said = looking(recording, TerminalLook(), "pod"), list[str]()
    monkeypatch.setattr(app, "notify", lambda text, **_: said.append(text))
    async with app.run_test(size=(30, 10)) as pilot:
        await ready(pilot)
        for key in ("d", "escape", "t", "escape", "question_mark", "escape"):
            await pilot.press(key)
            await pilot.pause(0.1)
        for size, times in (((30, 10), 1), ((80, 24), 1), ((30, 10), 2)):
            await pilot.resize_terminal(*size)
            await pilot.pause(0.1)
            app._turn()
            assert said.count("30 x 10 is too small: podwire needs 40 x 12.") == times
