"""The real program on terminals of every kind and size, with what people and networks do to them: it draws, it says
what it cannot do, and no traceback reaches anybody."""

from __future__ import annotations

import random
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.pseudo_terminal import PODWIRE, ROOT, PseudoTerminal, podwire

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
    terminal.send(b"q")
    code = terminal.ended()
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


@pytest.mark.parametrize("locale", [{"LANG": "C"}, {"LC_ALL": "POSIX"}, {"LANG": "nonsense"}])
def test_a_locale_without_unicode(locale: dict[str, str], recording: Path, tmp_path: Path) -> None:
    with podwire(replayed(recording), tmp_path, **locale) as terminal:
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


@pytest.mark.parametrize("size", [(5, 20), (1, 1), (2, 80), (60, 3), (400, 1000)])
def test_every_size(size: tuple[int, int], recording: Path, tmp_path: Path) -> None:
    with podwire(replayed(recording), tmp_path, size=size) as terminal:
        terminal.read(4.0)
        walk(terminal)
        quit_well(terminal)


def test_sizes_that_change_all_the_time(recording: Path, tmp_path: Path) -> None:
    choose = random.Random(1)
    with podwire(replayed(recording), tmp_path) as terminal:
        terminal.until("podwire")
        terminal.read(1.0)
        for number in range(400):
            terminal.resize(choose.randint(1, 80), choose.randint(1, 250))
            if number % 8 == 0:
                terminal.send(choose.choice(SCREENS))
            terminal.read(0.01)
        terminal.resize(24, 80)
        terminal.read(2.0)
        quit_well(terminal)


def test_a_size_of_nothing(recording: Path, tmp_path: Path) -> None:
    """Serial lines and some containers say 0 x 0."""
    with podwire(replayed(recording), tmp_path, size=(0, 0)) as terminal:
        terminal.read(4.0)
        walk(terminal)
        quit_well(terminal)


def test_what_is_pasted_and_what_is_clicked(recording: Path, tmp_path: Path) -> None:
    pasted = b"\x1b[200~" + b"x y \x1b[2J" * 12_000 + b"\x1b[201~"
    with podwire(replayed(recording), tmp_path) as terminal:
        terminal.until("podwire")
        terminal.read(1.0)
        for keys in (b"/", b":", b"", b"?"):
            terminal.send(keys)
            terminal.read(0.4)
            terminal.send(pasted)
            terminal.read(0.6)
            terminal.send(b"\x1b")
            terminal.read(0.4)
        for line in range(1, 25, 2):
            for column in range(1, 81, 9):
                place = f"{column};{line}"
                terminal.send(f"\x1b[<0;{place}M\x1b[<0;{place}m\x1b[<64;{place}M".encode())
                terminal.read(0.02)
        terminal.read(0.5)
        terminal.send(b"n")  # where a click was on quit
        quit_well(terminal)


def test_bytes_that_are_no_keys(recording: Path, tmp_path: Path) -> None:
    """Broken UTF-8, sequences that do not end, replies that nobody asked for."""
    choose = random.Random(2)
    with podwire(replayed(recording), tmp_path) as terminal:
        terminal.until("podwire")
        terminal.read(1.0)
        for piece in (
            b"\xff\xfe\xc3",
            b"\x1b[",
            b"\x1b]0;x",
            b"\x1b[<999999;999999;999999M",
            b"\x9b1",
        ):
            terminal.send(piece)
            terminal.read(0.3)
        terminal.send(b"\x1b\\\x1b[?1;2c\x1b[5;5R\x1b[200~\x1b[201~\x1b[I\x1b[O")
        terminal.send(bytes(b for b in choose.randbytes(4000) if b not in (3, 17, 26, 28)))
        terminal.read(1.5)
        if terminal.is_running():
            quit_well(terminal)
        text = terminal.text()
        assert "Traceback" not in text and "error of its own" not in text, text[-2000:]


@pytest.mark.parametrize("command", [[], ["demo"], ["pod/x"], ["lab"], ["local"]])
def test_without_a_terminal_it_is_a_sentence(command: list[str], tmp_path: Path) -> None:
    begun = time.monotonic()
    done = subprocess.run(
        [*PODWIRE, *command],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"podwire: this is a console and needs a terminal: .+\.\n", done.stderr)
    assert time.monotonic() - begun < 20 and sys.executable


def test_output_alone_may_be_no_terminal(tmp_path: Path) -> None:
    """As in `podwire demo | tee log`."""
    line = f"{sys.executable} -m cli.main demo | cat"
    with PseudoTerminal(("/bin/sh", "-c", line), {"PATH": "/usr/bin:/bin", "TERM": "xterm"}) as it:
        it.ended()
        assert (
            "this is a console and needs a terminal: what it shows is shown there only" in it.text()
        )
