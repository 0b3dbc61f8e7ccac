"""What the lab or a console could leave on a machine, as opposed to what others do there.

The network's state is compared in a namespace that only the test uses, without counters, which
move by themselves; processes and files by the runtime directory, which only the test uses.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from lab import syscalls
from lab.supervisor import runtime_directory
from lab.topology import DEFAULT

VOLATILE = (
    "kernel/random",
    "fs/dentry-state",
    "fs/inode",
    "fs/file-nr",
    "kernel/ns_last_pid",
    "nf_conntrack_count",
    "kernel/pty/nr",
    "fs/aio-nr",
    "route/",
    "kernel/sched",
    "fs/quota",
    "kernel/tainted",
    "user/",
    "sunrpc",
)
State = dict[str, object]


@contextlib.contextmanager
def own_network() -> Iterator[None]:
    """This thread and what it starts in a new network namespace, where it may be made (root); else
    on this machine as it is. The lab is to be started inside: it listens on loopback."""
    if os.getuid() != 0:
        yield
        return
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    syscalls.unshare(syscalls.CLONE_NEWNET)
    try:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        yield
    finally:
        syscalls.setns(before, syscalls.CLONE_NEWNET)
        os.close(before)


def output(*command: str) -> str:
    if not shutil.which(command[0]):
        return ""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def rules() -> str:
    """The packet filter without counters, quotas and timeouts (-s), nor the elements of sets, which
    packets may add (-t)."""
    return output("nft", "--stateless", "--terse", "list", "ruleset")


def sysctls() -> dict[str, str]:
    found = {}
    for path in Path("/proc/sys/net").rglob("*"):
        name = str(path)
        if path.is_file() and not any(part in name for part in VOLATILE):
            with contextlib.suppress(OSError):
                found[name] = path.read_text()
    return found


def processes() -> dict[str, str]:
    """Command lines of the processes that have this runtime directory, by process id: the test's
    own terminal, the console, the lab. Those of other tests and labs here have another."""
    directory = str(runtime_directory()).encode()
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (path / "cmdline").read_bytes()
            if directory in command + (path / "environ").read_bytes():
                found[path.name] = command.replace(b"\0", b" ").decode(errors="replace")
    return found


def namespaces(of: dict[str, str]) -> set[str]:
    """The network namespaces of processes."""
    found = set()
    for pid in of:
        with contextlib.suppress(OSError):
            found.add(os.readlink(f"/proc/{pid}/ns/net"))
    return found


def files() -> list[str]:
    return sorted(str(path) for path in runtime_directory().glob("podwire*"))


def named_namespaces() -> list[str]:
    """Those that are called as the lab's nodes are; others' come and go."""
    nodes = {node.name for node in DEFAULT.nodes}
    return [line for line in output("ip", "netns", "list").splitlines() if line.split()[0] in nodes]


def mounts() -> list[str]:
    lines = Path("/proc/thread-self/mounts").read_text().splitlines()
    return [line for line in lines if "podwire" in line or str(runtime_directory()) in line]


def state() -> State:
    """Everything that the lab could leave; equal before and after it."""
    running = processes()
    return {
        "processes": running,
        "namespaces": namespaces(running),
        "named namespaces": named_namespaces(),
        "links": output("ip", "-o", "link"),
        "addresses": output("ip", "-o", "addr"),
        "routes": output("ip", "route", "show", "table", "all"),
        "rules": rules(),
        "mounts": mounts(),
        "sysctls": sysctls(),
        "files": files(),
    }


def state_like(before: State, seconds: float = 6.0) -> State:
    """The machine once it equals `before`, or as it is when the time is up. Namespaces are freed a
    moment late."""
    deadline = time.monotonic() + seconds
    while changes(before, now := state()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return now


def changes(before: State, after: State) -> list[str]:
    """What differs, named."""
    return [
        f"{name}: {value!r} is {after[name]!r} now"
        for name, value in before.items()
        if after[name] != value
    ]
