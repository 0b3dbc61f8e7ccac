"""A program on a terminal of its own, of any kind and size: every byte that it writes is kept."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).parent.parent.parent
QUITS, QUIT_AGAIN_S = 6, 5.0
PODWIRE = (sys.executable, "-m", "cli.main")
QUERIES = {  # what a terminal is asked, and what xterm answers
    b"\x1b[c": b"\x1b[?64;1;2;6;9;15;18;21;22c",
    b"\x1b[6n": b"\x1b[1;1R",
}


class PseudoTerminal:
    """`size` is lines and columns. The environment replaces that of this process."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        size: tuple[int, int] = (24, 80),
    ) -> None:
        self.got = b""
        self.exit_code: int | None = None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(ROOT)
            ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
            os.execve(command[0], list(command), dict(environment))

    def resize(self, lines: int, columns: int) -> None:
        ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def send(self, data: bytes) -> None:
        """Also what is longer than the terminal's buffer: it is read meanwhile."""
        while data:
            _, writable, _ = select.select([], [self.fd], [], 0.05)
            if writable:
                data = data[os.write(self.fd, data[:1024]) :]
            self.read(0.0)

    def read(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while True:
            left = max(0.0, deadline - time.monotonic())
            if not select.select([self.fd], [], [], left)[0]:
                return
            try:
                data = os.read(self.fd, 1 << 16)
            except OSError:  # it ended
                return
            self.got += data
            for query, answer in QUERIES.items():
                if query in data:
                    os.write(self.fd, answer)

    def text(self) -> str:
        """All that was written, without what moves the cursor or colours it."""
        plain = re.sub(
            rb"\x1b\[[0-9;?<=>]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)", b"", self.got
        )
        return plain.decode("utf-8", "replace")

    def until(self, pattern: str, seconds: float = 30.0) -> None:
        deadline = time.monotonic() + seconds
        while not re.search(pattern, self.text()):
            assert time.monotonic() < deadline, f"{pattern!r} did not come: {self.text()[-900:]}"
            assert self.is_running(), f"it ended before {pattern!r}: {self.text()[-900:]}"
            self.read(0.1)
        self.read(0.05)

    def is_running(self) -> bool:
        if self.exit_code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.exit_code = os.waitstatus_to_exitcode(status)
        return self.exit_code is None

    def ended(self, seconds: float = 30.0) -> int:
        """The exit code, once it has ended by itself."""
        self._wait(seconds)
        assert not self.is_running(), f"it did not end: {self.text()[-900:]}"
        self.read(0.1)
        assert self.exit_code is not None
        return self.exit_code

    def quit(self) -> int:
        """The exit code, after q. It is pressed again where the program goes on: a machine that is busy
        reads an esc before it together with it, which is alt and q."""
        for _ in range(QUITS):
            if self.is_running():
                self.send(b"q")
                self._wait(QUIT_AGAIN_S)
        return self.ended(0)

    def _wait(self, seconds: float) -> None:
        """Until it has ended, at most so long."""
        deadline = time.monotonic() + seconds
        while self.is_running() and time.monotonic() < deadline:
            self.read(0.1)

    def __enter__(self) -> PseudoTerminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        if self.is_running():
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)


@contextmanager
def podwire(
    arguments: Sequence[str],
    state: Path,
    size: tuple[int, int] = (24, 80),
    **environment: str,
) -> Iterator[PseudoTerminal]:
    """The real program. Its own files go into `state`; variables that are '' are not set."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "PODWIRE_"))}
    for name in ("COLUMNS", "LINES", "NO_COLOR", "COLORTERM", "SSH_CONNECTION"):
        kept.pop(name, None)
    own = {"TERM": "xterm-256color", "LANG": "C.UTF-8", "TZ": "UTC", "XDG_STATE_HOME": str(state)}
    chosen = {**kept, **own, "XDG_CONFIG_HOME": str(state / "config"), **environment}
    chosen = {name: value for name, value in chosen.items() if value}
    with PseudoTerminal((*PODWIRE, *arguments), chosen, size) as terminal:
        yield terminal
