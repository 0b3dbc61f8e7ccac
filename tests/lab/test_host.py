"""The host is the same before and after the lab, however it ends; an ordinary user can run it, too."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lab.supervisor import remove_leftovers, running_labs
from tests.support import machine

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.usefixtures("own_machine")


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
    before = machine.state()
    process, kubeconfig = serve()
    assert kubeconfig.stat().st_mode & 0o777 == 0o600
    during = machine.state()
    changed = {name for name, value in before.items() if during[name] != value}
    assert changed == {"processes", "namespaces", "files"}
    process.send_signal(number)
    process.wait(10)
    assert machine.changes(before, machine.state_like(before)) == []
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
    before = machine.state()
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
    del before["files"]
    assert machine.changes(before, machine.state_like(before)) == []
    remove_leftovers()
    assert machine.files() == []


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
        "--unset=XDG_RUNTIME_DIR",
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
