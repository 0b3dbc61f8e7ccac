"""The real program on terminals of every kind and size, with what people and networks do to them: it draws, it says
what it cannot do, and no traceback reaches anybody."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.pseudo_terminal import PseudoTerminal, podwire

pytestmark = pytest.mark.slow

SCREENS = (
    b"1",
    b"2",
    b"\r",
    b"\x1b",
    b"3",
    b"4",
    b"p",
    b"5",
    b"6",
    b"7",
    b"8",
    b"z",
    b"z",
    b"z",
    b"d",
)
KINDS = ("xterm-256color", "xterm", "linux", "screen-256color", "tmux", "vt100", "vt220", "ansi")
COLOUR = re.compile(rb"\x1b\[[0-9;]*\b(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])\b[0-9;]*m")


def replayed(recording: Path) -> tuple[str, ...]:
    return ("replay", str(recording))


def walk(terminal: PseudoTerminal) -> None:
    """Through the lists of a target, and to what is over them."""
    for key in SCREENS:
        terminal.send(key)
        terminal.read(0.15)
    for key in (b"?", b"\x1b", b":", b"\x1b", b"\x1b"):
        terminal.send(key)
        terminal.read(0.4)


def quit_well(terminal: PseudoTerminal) -> None:
    """It is left by q, from whatever screen, and nothing went wrong."""
    for _ in range(6):
        terminal.send(b"\x1b")
        terminal.read(0.4)
    code = terminal.quit()
    text = terminal.text()
    assert "Traceback" not in text and "error of its own" not in text, text[-2000:]
    assert code == 0, (code, text[-2000:])


@pytest.mark.parametrize("kind", [*KINDS, "", "nobody-knows-it"])
def test_every_kind_of_terminal(kind: str, recording: Path, tmp_path: Path) -> None:
    with podwire(replayed(recording), tmp_path, TERM=kind) as terminal:
        terminal.until("podwire")
        terminal.read(1.5)
        walk(terminal)
        quit_well(terminal)
        if kind in ("linux", "vt100", "vt220", "ansi"):
            assert terminal.text().isascii(), "those have no other characters"


def test_a_dumb_terminal_cannot_be_drawn_on(recording: Path, tmp_path: Path) -> None:
    with podwire(replayed(recording), tmp_path, TERM="dumb") as terminal:
        assert terminal.ended() == 2
        assert (
            "podwire: this is a console and needs a terminal that can be drawn on"
            in terminal.text()
        )
        assert b"\x1b" not in terminal.got


@pytest.mark.parametrize("locale", [{"LANG": "C"}, {"LC_ALL": "POSIX"}])
def test_a_locale_without_unicode(locale: dict[str, str], recording: Path, tmp_path: Path) -> None:
    with podwire(replayed(recording), tmp_path, size=(24, 80), **locale) as terminal:
        terminal.until("podwire")
        terminal.read(1.5)
        walk(terminal)
        quit_well(terminal)
        assert terminal.text().isascii()


def test_no_color(recording: Path, tmp_path: Path) -> None:
    with podwire(replayed(recording), tmp_path, NO_COLOR="1", COLORTERM="truecolor") as terminal:
        terminal.until("podwire")
        terminal.read(1.5)
        walk(terminal)
        quit_well(terminal)
        assert not COLOUR.search(terminal.got), COLOUR.findall(terminal.got)[:5]
        assert b"\x1b[1" in terminal.got, "bold stays"


@pytest.mark.parametrize("size", [(5, 20), (1, 1), (2, 80), (60, 3)])
def test_every_size(size: tuple[int, int], recording: Path, tmp_path: Path) -> None:
    with podwire(replayed(recording), tmp_path, size=size) as terminal:
        terminal.read(4.0)
        walk(terminal)
        quit_well(terminal)
