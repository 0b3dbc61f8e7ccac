"""A real terminal for the real program: tmux, with keys typed and the screen read."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import uuid
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PROGRAM = f"{sys.executable} -m cli.main"


class Tmux:
    """One tmux server with one pane that runs a shell. Everything is polled, nothing is slept for."""

    def __init__(self, columns: int = 120, rows: int = 40) -> None:
        self.socket = f"podwire-test-{uuid.uuid4().hex[:8]}"
        self._run(
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-s",
            "s",
            "-x",
            str(columns),
            "-y",
            str(rows),
            "exec sh",
        )
        self._run("set-option", "-g", "status", "off")
        # the shell clears by itself: a program that does would be seen as something that was left
        self.type(
            f"PS1='$ '; cd {ROOT}; export TERM=tmux-256color COLORTERM=truecolor;"
            r" printf '\033[H\033[2J'"
        )
        self.keys("Enter")

    def _run(self, *arguments: str) -> str:
        environment = {k: v for k, v in os.environ.items() if k not in ("TMUX", "SSH_CONNECTION")}
        environment["SHELL"] = "/bin/sh"  # nobody has none
        done = subprocess.run(
            ["tmux", "-L", self.socket, *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )
        return done.stdout

    def type(self, text: str) -> None:
        self._run("send-keys", "-l", "-t", "s", text)

    def keys(self, *names: str) -> None:
        self._run("send-keys", "-t", "s", *names)

    def escape(self) -> None:
        """Escape alone: what follows at once would make it Alt and that key."""
        self.keys("Escape")
        time.sleep(0.4)

    def line(self, text: str) -> None:
        self.type(text)
        self.keys("Enter")

    def screen(self) -> str:
        return self._run("capture-pane", "-p", "-t", "s")

    def flag(self, name: str) -> str:
        return self._run("display-message", "-p", "-t", "s", f"#{{{name}}}").strip()

    def until(self, pattern: str, seconds: float = 15.0) -> re.Match[str]:
        """Wait until the screen matches; fails with what it shows."""
        deadline = time.monotonic() + seconds
        while True:
            shown = self.screen()
            found = re.search(pattern, shown, re.MULTILINE)
            if found:
                return found
            assert time.monotonic() < deadline, (
                f"{pattern!r} did not come within {seconds:g} s:\n{shown}"
            )
            time.sleep(0.1)

    def gone(self, pattern: str, seconds: float = 15.0) -> None:
        """Wait until the screen no longer matches."""
        deadline = time.monotonic() + seconds
        while re.search(pattern, shown := self.screen(), re.MULTILINE):
            assert time.monotonic() < deadline, (
                f"{pattern!r} did not go within {seconds:g} s:\n{shown}"
            )
            time.sleep(0.1)

    def program(self) -> int | None:
        """Process id of the console, if it runs."""
        shell = self.flag("pane_pid")
        for path in Path("/proc").glob("[0-9]*"):
            try:
                command = (path / "cmdline").read_bytes()
                parent = (path / "stat").read_text().rpartition(")")[2].split()[1]
            except OSError:
                continue
            if parent == shell and b"cli.main" in command:
                return int(path.name)
        return None

    def kill_server(self) -> None:
        self._run("kill-server")

    def close(self) -> None:
        """End the terminal, and wait for the console to remove its lab."""
        console = self.program()
        self.kill_server()
        deadline = time.monotonic() + 10
        while console and Path(f"/proc/{console}").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
