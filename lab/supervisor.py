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
import stat
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
UNSHARE = (
    "unshare",
    "--net",
    "--mount",
    "--uts",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
)
AS_USER = ("--user", "--map-current-user", "--keep-caps")
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
    """The lab's: it finds this tree's packages, and its tools."""
    root = Path(__file__).parent.parent
    beside = [str(root.parent)] if (root.parent / "yaml").is_dir() else []  # a bundle's packages
    paths = [str(root), *beside, *filter(None, [os.environ.get("PYTHONPATH")])]
    own = {"PYTHONPATH": ":".join(paths), "PATH": search_path(), "LC_ALL": "C"}
    return {**os.environ, **own}


class LabUnavailable(Exception):
    """The lab cannot run here; the message says why and what to do."""


def missing_programs() -> list[str]:
    """Debian packages whose programs the lab needs and this machine lacks."""
    path = search_path()
    return sorted({NEEDED[name] for name in NEEDED if not shutil.which(name, path=path)})


def search_path() -> str:
    """With the tools in /usr/sbin and /sbin."""
    return os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def require_programs() -> None:
    """LabUnavailable where some are missing."""
    if missing := missing_programs():
        install = f"apt-get install {' '.join(missing)}"
        raise LabUnavailable(f"The lab needs programs that are not installed. Run: {install}")


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
    return [*UNSHARE, *([] if os.getuid() == 0 else AS_USER)]


class Lab:
    """A running lab. `kubeconfig` is the path of its configuration; `stop()` leaves nothing
    behind."""

    def __init__(
        self,
        faults: Sequence[str] = (),
        scale: Mapping[str, float] | None = None,
        *,
        dual_stack: bool = False,
        noise: str = "healthy",
    ) -> None:
        """`scale`: how many pods, services and nodes to add without namespaces behind them, and
        their churn (1/s). `dual_stack`: nodes and pods have IPv6, too. `noise` is one of
        lab.noise.LEVELS."""
        self.dual_stack = dual_stack
        self.faults = list(faults)
        self.noise = noise
        self.scale = {"pods": 0, "services": 0, "nodes": 0, "churn": 0.0, **(scale or {})}
        self.directory: Path
        self.kubeconfig: Path
        self._process: subprocess.Popen[str]
        self._lifeline = -1
        self._hold = -1

    def start(self, progress: Callable[[str], None] = lambda text: None) -> Lab:
        require_programs()
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
            descriptors = (listener.fileno(), lifeline)
            self._process = self._started(self._settings(tokens, *descriptors), descriptors)
            os.close(lifeline)

    def _settings(self, tokens: dict[str, str], listener: int, lifeline: int) -> dict[str, Any]:
        return {
            "directory": str(self.directory),
            "tokens": tokens,
            "listen_fd": listener,
            "lifeline_fd": lifeline,
            "faults": self.faults,
            "scale": self.scale,
            "dual_stack": self.dual_stack,
            "noise": self.noise,
        }

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
        late = threading.Timer(START_S, self._process.kill)
        late.start()
        try:
            ready, step = self._follow_start(progress)
        finally:
            late.cancel()
        if not ready:
            raise LabUnavailable(self._why_not_ready(step))

    def _follow_start(self, progress: Callable[[str], None]) -> tuple[bool, str]:
        """Whether it became ready, and the last step."""
        step = "starting"
        for message in self._messages():
            if message.get("ready"):
                return True, step
            if "error" in message:
                raise LabUnavailable(f"The lab could not be built: {message['error']}")
            step = message.get("step", "")
            progress(step)
        return False, step

    def _why_not_ready(self, step: str) -> str:
        if self._process.wait() == -signal.SIGKILL:
            return f"The lab was not ready after {START_S:g} s; it was {step}. Try again."
        hint = "" if os.getuid() == 0 else NOT_ROOT
        return f"The lab's namespaces could not be made: {self._last_line()}.{hint}"

    def _last_line(self) -> str:
        """Of its log."""
        last = (self.directory / LOG).read_text().strip().splitlines()[-1:]
        return last[0] if last else "no reason given"

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """End the lab and everything in it; waits until it is gone."""
        self._lifeline = _closed(self._lifeline)
        if hasattr(self, "_process"):
            self._await_end()
        shutil.rmtree(self.directory, ignore_errors=True)
        self._hold = _closed(self._hold)

    def _await_end(self) -> None:
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> Lab:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def _closed(descriptor: int) -> int:
    """What stands for the descriptor from now on."""
    if descriptor >= 0:
        os.close(descriptor)
    return -1


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
            if _is_own_directory(path):
                yield path


def _is_own_directory(path: Path) -> bool:
    status = path.lstat()
    return status.st_uid == os.getuid() and stat.S_ISDIR(status.st_mode)


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
                found.append(_with_time(path / "kubeconfig"))
    return [path for _, path in sorted(found)]


def _with_time(path: Path) -> tuple[float, Path]:
    return path.stat().st_mtime, path
