"""Starts and stops the lab from outside: what `podwire lab`, `podwire lab serve` and the tests use.

The lab lives in a process, network, mount and host-name namespace of its own (and, for an ordinary
user, a user namespace). Its API listens on a loopback socket that is opened here, before the
namespaces are entered.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

PREFIX = "podwire-lab-"
LOG = "log"  # in the lab's directory: what went wrong in it
NOT_ROOT = " Allow user namespaces for your account, or run as root."
START_S = 45.0
STOP_TIMEOUT_S = 5.0
CONTEXTS = ("lab", "viewer", "debugger")  # of the kubeconfig; lab/users.py says who they are
NEEDED = {
    "ip": "iproute2",
    "ss": "iproute2",
    "nft": "nftables",
    "tcpdump": "tcpdump",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
}


def _environment() -> dict[str, str]:
    """The lab's: it finds this tree's packages, and the tools in /usr/sbin and /sbin."""
    root = str(Path(__file__).parent.parent)
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        "PYTHONPATH": ":".join(paths),
        "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin",
        "LC_ALL": "C",
    }


class LabUnavailable(Exception):
    """The lab cannot run here; the message says why and what to do."""


def missing_programs() -> list[str]:
    """Debian packages whose programs the lab needs and this machine lacks."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return sorted(
        {package for program, package in NEEDED.items() if not shutil.which(program, path=path)}
    )


def runtime_directory() -> Path:
    return Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())


def kubeconfig(port: int, tokens: dict[str, str]) -> str:
    """A kubeconfig (YAML, which JSON is) with a context for each of the lab's users. The token is
    in the server's path, too: kubectl sends none over plain HTTP."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "lab",
        "clusters": [
            {"name": name, "cluster": {"server": f"http://127.0.0.1:{port}/{token}"}}
            for name, token in tokens.items()
        ],
        "users": [
            {"name": f"lab-{name}", "user": {"token": token}} for name, token in tokens.items()
        ],
        "contexts": [
            {"name": name, "context": {"cluster": name, "user": f"lab-{name}", "namespace": "shop"}}
            for name in tokens
        ],
    }
    return json.dumps(config, indent=1)


def listen() -> socket.socket:
    """A listening socket on a free loopback port, bound to it by number: only so it keeps the port
    when it is shut down, which is how the lab plays an API server that restarts."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as free:
            address = free.getsockname()
        with contextlib.suppress(OSError):  # someone else was quicker
            return socket.create_server(address)


def namespace_command() -> list[str]:
    """How to enter namespaces of our own. An ordinary user keeps their own id there (only one is
    mapped), with every capability: as uid 0 tcpdump would try, and fail, to become another user."""
    command = [
        "unshare",
        "--net",
        "--mount",
        "--uts",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
    ]
    if os.getuid() != 0:
        command += ["--user", "--map-current-user", "--keep-caps"]
    return command


class Lab:
    """A running lab. `kubeconfig` is the path of its configuration; `stop()` leaves nothing
    behind."""

    def __init__(
        self, faults: Sequence[str] = (), scale: Mapping[str, float] | None = None
    ) -> None:
        """`scale`: how many pods, services and nodes to add without namespaces behind them, and
        their churn (1/s)."""
        self.faults = list(faults)
        self.scale = {"pods": 0, "services": 0, "nodes": 0, "churn": 0.0, **(scale or {})}
        self.directory: Path
        self.kubeconfig: Path
        self._process: subprocess.Popen[str]
        self._lifeline = -1
        self._hold = -1

    def start(self, progress: Callable[[str], None] = lambda text: None) -> Lab:
        missing = missing_programs()
        if missing:
            install = f"apt-get install {' '.join(missing)}"
            raise LabUnavailable(f"The lab needs programs that are not installed. Run: {install}")
        remove_leftovers()
        self.directory, self._hold = held_directory()
        try:
            self._launch()
            self._await_ready(progress)
        except BaseException:
            self.stop()
            raise
        return self

    def _launch(self) -> None:
        (self.directory / "ns").mkdir()
        tokens = {name: secrets.token_urlsafe(24) for name in CONTEXTS}
        with listen() as listener:
            self._write_kubeconfig(listener.getsockname()[1], tokens)
            lifeline, self._lifeline = os.pipe()
            settings = {
                "directory": str(self.directory),
                "tokens": tokens,
                "listen_fd": listener.fileno(),
                "lifeline_fd": lifeline,
                "faults": self.faults,
                "scale": self.scale,
            }
            self._process = self._started(settings, (listener.fileno(), lifeline))
            os.close(lifeline)

    def _write_kubeconfig(self, port: int, tokens: dict[str, str]) -> None:
        self.kubeconfig = self.directory / "kubeconfig"
        with open(self.kubeconfig, "x", opener=lambda p, f: os.open(p, f, 0o600)) as file:
            file.write(kubeconfig(port, tokens))

    def _started(
        self, settings: dict[str, Any], descriptors: tuple[int, ...]
    ) -> subprocess.Popen[str]:
        # a file, not a pipe for the log: a pipe that nobody reads would stop the lab
        with (self.directory / LOG).open("x") as log:
            return subprocess.Popen(
                [*namespace_command(), "--", sys.executable, "-m", "lab", json.dumps(settings)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=_environment(),
                pass_fds=descriptors,
                start_new_session=True,
            )

    def _messages(self) -> Iterator[dict[str, Any]]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with contextlib.suppress(ValueError):
                yield json.loads(line)

    def _await_ready(self, progress: Callable[[str], None]) -> None:
        step = "starting"
        late = threading.Timer(START_S, self._process.kill)
        late.start()
        try:
            for message in self._messages():
                if message.get("ready"):
                    return
                if "error" in message:
                    raise LabUnavailable(f"The lab could not be built: {message['error']}")
                step = message.get("step", "")
                progress(step)
        finally:
            late.cancel()
        if self._process.wait() == -signal.SIGKILL:
            raise LabUnavailable(
                f"The lab was not ready after {START_S:g} s; it was {step}. Try again."
            )
        last = (self.directory / LOG).read_text().strip().splitlines()[-1:]
        reason = last[0] if last else "no reason given"
        hint = "" if os.getuid() == 0 else NOT_ROOT
        raise LabUnavailable(f"The lab's namespaces could not be made: {reason}.{hint}")

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """End the lab and everything in it; waits until it is gone."""
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1
        if hasattr(self, "_process"):
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            if self._process.stdout is not None:
                self._process.stdout.close()
        shutil.rmtree(self.directory, ignore_errors=True)
        if self._hold >= 0:
            os.close(self._hold)
            self._hold = -1

    def __enter__(self) -> Lab:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


# A directory of a lab that runs is locked (shared) by the supervisor and by the lab itself. When
# every process was killed at once nobody was left to remove it: by now the lock is gone, and the
# next start removes it away.


def held_directory() -> tuple[Path, int]:
    """A new directory and the descriptor that holds it."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=runtime_directory()))
        with contextlib.suppress(OSError):  # another start may have mistaken it for a leftover
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            if path.exists():
                return path, descriptor
            os.close(descriptor)


def _is_held(path: Path) -> bool:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _own_directories() -> Iterator[Path]:
    for path in runtime_directory().glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if path.lstat().st_uid == os.getuid() and path.is_dir() and not path.is_symlink():
                yield path


def remove_leftovers() -> None:
    """Remove directories of this user's labs of which nothing runs any more."""
    for path in list(_own_directories()):
        with contextlib.suppress(OSError):
            if not _is_held(path):
                shutil.rmtree(path, ignore_errors=True)


def running_labs() -> list[Path]:
    """kubeconfig files of labs of this user that are running now, the newest last."""
    found = []
    for path in _own_directories():
        with contextlib.suppress(OSError):
            if _is_held(path):
                found.append(((path / "kubeconfig").stat().st_mtime, path / "kubeconfig"))
    return [path for _, path in sorted(found)]
