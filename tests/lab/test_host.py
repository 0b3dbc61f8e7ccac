"""The host is the same before and after the lab, however it ends; an ordinary user can run it, too."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab.supervisor import (
    PREFIX,
    Lab,
    LabUnavailable,
    remove_leftovers,
    running_labs,
    runtime_directory,
)

ROOT = Path(__file__).parent.parent.parent
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


def output(*command: str) -> str:
    if not shutil.which(command[0]):
        return ""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def sysctls() -> dict[str, str]:
    found = {}
    for path in Path("/proc/sys/net").rglob("*"):
        name = str(path)
        if path.is_file() and not any(part in name for part in VOLATILE):
            try:
                found[name] = path.read_text()
            except OSError:
                continue
    return found


def namespaces() -> set[str]:
    """Every network namespace that a process holds (of those that we may look at)."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/ns/net"):
        try:
            found.add(os.readlink(path))
        except OSError:
            continue
    return found


def lab_processes() -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if PREFIX in text or "sandbox.py" in text or "workload.py" in text:
            found.append(text)
    return found


def host() -> dict[str, object]:
    return {
        "namespaces": namespaces(),
        "named": output("ip", "netns", "list"),
        "links": output("ip", "-o", "link"),
        "addresses": output("ip", "-o", "addr"),
        "routes": output("ip", "route", "show", "table", "all"),
        "rules": output("nft", "list", "ruleset"),
        "mounts": Path("/proc/self/mounts").read_text(),
        "sysctls": sysctls(),
        "processes": lab_processes(),
        "files": sorted(str(p) for p in runtime_directory().glob("podwire*")),
        "etc": sorted(str(p) for p in Path("/etc").glob("netns*")),
    }


def settled(before: dict[str, object], seconds: float = 6.0) -> dict[str, object]:
    """The host once it equals `before`, or as it is when the time is up. Namespaces are freed a moment late."""
    deadline = time.monotonic() + seconds
    while (now := host()) != before and time.monotonic() < deadline:
        time.sleep(0.1)
    return now


@pytest.fixture(autouse=True, scope="module")
def _lab_is_possible() -> None:
    before = host()
    try:
        Lab().start().stop()
    except LabUnavailable as reason:
        pytest.skip(f"NO LAB HERE: {reason}")
    settled(before)


def serve(*arguments: str) -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "lab", "serve", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_after(number: signal.Signals) -> None:
    before = host()
    process, kubeconfig = serve()
    assert kubeconfig.stat().st_mode & 0o777 == 0o600
    during = host()
    assert during["processes"] != before["processes"] and during["files"] != before["files"]
    for same in ("named", "links", "addresses", "routes", "rules", "mounts", "sysctls", "etc"):
        assert during[same] == before[same], f"{same} changed while the lab runs"
    process.send_signal(number)
    process.wait(10)
    after = settled(before)
    for name, value in before.items():
        assert after[name] == value, f"{name} differs after {number.name}"
    assert process.returncode == (-9 if number == signal.SIGKILL else 0)


def lab_pids(root: int) -> list[int]:
    """The process `root` and all its descendants, parents first."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(path.parent.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


@pytest.mark.parametrize(
    "order", ["parents first", "children first", "shuffled 1", "shuffled 2", "shuffled 3"]
)
def test_nothing_is_left_when_every_process_is_killed(order: str) -> None:
    """Namespaces, links, rules and mounts go with their processes. A directory can outlive them all, when nobody is
    left to remove it: the next lab to start does."""
    before = host()
    process, _ = serve()
    pids = lab_pids(process.pid)
    assert len(pids) > 25
    if order == "children first":
        pids.reverse()
    elif order.startswith("shuffled"):
        random.Random(order).shuffle(pids)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait(10)
    assert process.stdout is not None
    process.stdout.close()
    wanted = {**before, "files": None}
    deadline = time.monotonic() + 6
    while (after := {**host(), "files": None}) != wanted and time.monotonic() < deadline:
        time.sleep(0.1)
    assert after == wanted
    remove_leftovers()
    assert host()["files"] == before["files"]


def test_faults_from_the_start_and_while_it_runs() -> None:
    process, kubeconfig = serve("--fault", "policy-drops", "--fault", "wrong-target-port")
    try:

        def fault(*arguments: str) -> str:
            command = [sys.executable, "-m", "cli.main", "lab", "fault", *arguments]
            return subprocess.run(
                command, cwd=ROOT, capture_output=True, text=True, check=True
            ).stdout

        def on() -> set[str]:
            return {
                line.split()[1] for line in fault("list").splitlines() if line.startswith("on ")
            }

        assert running_labs()[-1] == kubeconfig
        assert on() == {"policy-drops", "wrong-target-port"}
        fault("on", "dns-servfail")
        fault("off", "policy-drops")
        assert on() == {"dns-servfail", "wrong-target-port"}
    finally:
        process.terminate()
        assert process.wait(10) == 0


def test_an_ordinary_user_runs_the_lab() -> None:
    """As another uid, with a Python that this uid may run: the whole check, in a user namespace."""
    if os.getuid() != 0:
        pytest.skip("already an ordinary user: the other tests are this test")
    python = shutil.which("python3", path="/usr/bin")
    packages = next((p for p in sys.path if p.endswith("site-packages")), "")
    probe = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "env",
        f"PYTHONPATH={packages}:{ROOT}",
        "HOME=/tmp",
    ]
    if (
        not python
        or subprocess.run(
            [*probe, python, "-c", "import textual, kubernetes, lab"], check=False
        ).returncode
    ):
        pytest.skip("NO ORDINARY USER: no Python here that uid 65534 may run with these packages")
    done = subprocess.run(
        [*probe, "PYTHONDONTWRITEBYTECODE=1", python, "-m", "cli.main", "lab", "--check"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd="/",
    )
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        "packets",
        "sockets",
        "conntrack",
        "retransmits",
    ]
