"""However the console ends, its node pods are removed; or they are named at the next start, and `clean` removes them."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from lab.supervisor import Lab
from tests.support.lab_client import Client, client_of
from tests.support.terminal import PROGRAM, ROOT, Tmux

pytestmark = pytest.mark.skipif(
    not shutil.which("tmux"), reason="NO TMUX: install tmux to drive the real console"
)


@pytest.fixture
def tmux(own_lab: Lab, tmp_path: Path) -> Iterator[Tmux]:
    terminal = Tmux()
    terminal.line(
        f"export XDG_STATE_HOME={tmp_path} KUBECONFIG={own_lab.kubeconfig} TMPDIR={tmp_path}; clear"
    )
    yield terminal
    terminal.close()


def podwire(lab: Lab, state: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "XDG_STATE_HOME": str(state), "KUBECONFIG": str(lab.kubeconfig)}
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        stdin=subprocess.DEVNULL,
        cwd=ROOT,
    )


@pytest.fixture(autouse=True)
async def _no_rule_stays(own_lab: Lab) -> AsyncIterator[None]:
    yield
    async with client_of(own_lab) as client:
        await client.hook(do="clear")


async def added(client: Client) -> list[str]:
    """podwire's pods in the cluster."""
    query = "?labelSelector=app.kubernetes.io%2Fmanaged-by%3Dpodwire"
    return [
        item["metadata"]["name"] for item in (await client.get(f"/api/v1/pods{query}"))["items"]
    ]


async def until_added(client: Client, wanted: bool) -> None:
    deadline = time.monotonic() + 15
    while bool(await added(client)) != wanted:
        assert time.monotonic() < deadline, await added(client)
        time.sleep(0.1)


def opened(tmux: Tmux, options: str = "--yes") -> None:
    tmux.line(f"{PROGRAM} {options}; echo EXIT=$?")
    tmux.until(r"● live", 20)


def console(tmux: Tmux) -> int:
    pid = tmux.program()
    assert pid is not None
    return pid


ENDS = {"SIGTERM": 143, "SIGHUP": 129, "SIGINT": 130, "SIGINT twice": 130, "q": 0, "a crash": 1}


@pytest.mark.parametrize("how", ENDS)
async def test_nothing_is_left_in_the_cluster(
    own_lab: Lab, tmux: Tmux, tmp_path: Path, how: str
) -> None:
    async with client_of(own_lab) as client:
        if how == "a crash":
            broken = tmp_path / "broken.py"
            broken.write_text(
                "import sys, time; sys.path.insert(0, '.'); from tui.screens import target; from cli.main import main\n"
                "old, began = target.TargetScreen.pull, time.time()\n"
                "def pull(self):\n"
                "    if self.data.phase == 'live' and time.time() - began > 4: raise RuntimeError('boom')\n"
                "    old(self)\n"
                "target.TargetScreen.pull = pull; sys.exit(main(['--yes', '--no-capture']))\n"
            )
            tmux.line(f"{sys.executable} {broken}; echo EXIT=$?")
            tmux.until(r"● live", 20)
            tmux.keys("Enter")
        else:
            opened(tmux)
            tmux.keys("Enter")
            tmux.until(r"Flags \[")
            await until_added(client, True)
        if how == "q":
            tmux.keys("C-c")
            tmux.until(r"Captures stopped")
            tmux.keys("q")
        elif how == "a crash":
            tmux.until(r"RuntimeError", 30)
        else:
            number = getattr(signal, how.split()[0])
            pid = console(tmux)
            os.kill(pid, number)
            if how.endswith("twice"):
                time.sleep(0.05)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
        tmux.until(rf"EXIT={ENDS[how]}", 15)
        assert "Traceback" not in tmux.screen()
        assert await added(client) == []
        assert podwire(own_lab, tmp_path, "clean").stdout == "nothing is left behind\n"


async def test_leaving_while_the_api_server_does_not_answer_names_what_is_left(
    own_lab: Lab, tmux: Tmux, tmp_path: Path
) -> None:
    async with client_of(own_lab) as client:
        opened(tmux)
        tmux.keys("Enter")
        tmux.until(r"Flags \[")
        await until_added(client, True)
        (name,) = await added(client)
        await client.hook(do="rule", method="DELETE", match="/pods/", delay_s=30, times=1)
        tmux.keys("C-c")
        tmux.until(r"Captures stopped")
        tmux.keys("q")
        tmux.until(r"EXIT=5", 20)
        shown = tmux.screen().replace("\n", "")
        assert f"These may be left: default/{name}. `podwire clean` removes them" in shown
        await client.hook(do="clear")
        done = podwire(own_lab, tmp_path, "clean")
        assert (done.returncode, done.stdout) == (
            0,
            f"lab: removed the pod default/{name} from node1\n",
        )
        assert await added(client) == []


WRITES = ("before the node pod", "during its creation", "after its creation", "during its deletion")


@pytest.mark.parametrize("when", WRITES)
async def test_a_killed_console_is_named_at_the_next_start_and_cleaned(
    own_lab: Lab, tmux: Tmux, tmp_path: Path, when: str
) -> None:
    async with client_of(own_lab) as client:
        opened(tmux, "")
        if when == "during its creation":
            await client.hook(
                do="rule", method="POST", match="/namespaces/default/pods$", delay_s=1.5, times=3
            )
        tmux.keys("Enter")
        tmux.until(r"y  both", 15)
        if when == "before the node pod":
            os.kill(console(tmux), signal.SIGKILL)
            tmux.until(r"EXIT=137", 10)
            assert await added(client) == []
            assert podwire(own_lab, tmp_path, "clean").stdout == "nothing is left behind\n"
            return
        tmux.keys("y")
        if when == "during its creation":
            journal = tmp_path / "podwire" / "journal.jsonl"
            deadline = time.monotonic() + 10
            while not (journal.exists() and '"create pods"' in journal.read_text()):
                assert time.monotonic() < deadline
                time.sleep(0.02)
            time.sleep(0.6)  # written down; now it is being sent
            assert await added(client) == []
        else:
            tmux.until(r"Flags \[")
            await until_added(client, True)
        if when == "during its deletion":
            await client.hook(do="rule", method="DELETE", match="/pods/", delay_s=3, times=1)
            os.kill(console(tmux), signal.SIGTERM)
            time.sleep(0.7)
        os.kill(console(tmux), signal.SIGKILL)
        tmux.until(r"EXIT=137", 10)
        if when == "during its deletion":
            await client.hook(do="clear")  # what was held is still carried out, and nothing is left
            await until_added(client, False)
            assert podwire(own_lab, tmp_path, "clean").returncode == 0
            return
        await until_added(client, True)
        (name,) = await added(client)

        tmux.type(
            "stty sane; tput rmcup; clear"
        )  # nobody restores the terminal of a killed program
        tmux.keys("C-j")
        tmux.gone(r"live")
        opened(tmux, "")
        tmux.until(rf"An earlier podwire left default/{name} on node1 behind: x deletes it")
        if when == "after its creation":
            tmux.keys("x")
            tmux.until(rf"removed the pod default/{name}")
            tmux.gone(r"An earlier podwire left")
            tmux.keys("q")
            tmux.until(r"EXIT=0")
        else:
            tmux.keys("q")
            tmux.until(r"EXIT=0")
            done = podwire(own_lab, tmp_path, "clean")
            assert (done.returncode, done.stdout) == (
                0,
                f"lab: removed the pod default/{name} from node1\n",
            )
        assert await added(client) == []
        assert podwire(own_lab, tmp_path, "clean").stdout == "nothing is left behind\n"


async def test_clean_without_a_journal_goes_by_the_label_and_leaves_others_alone(
    own_lab: Lab, tmp_path: Path
) -> None:
    """A journal that was lost, a console of a colleague's, one of our own that still runs."""
    from collectors.cluster.attach.container_specs import OWNER, SESSION, node_pod
    from collectors.recording.journal import this_session

    async with client_of(own_lab) as client:
        for name, owner, session in (
            ("lost", None, "0:1:1.0"),
            ("theirs", "alice@bastion", "0:1:1.0"),
            ("running", None, this_session()),
        ):
            item = node_pod("node1", "default", "nicolaka/netshoot")
            item["metadata"]["name"] = f"podwire-node-{name}"
            notes = item["metadata"]["annotations"]
            notes[OWNER], notes[SESSION] = owner or notes[OWNER], session
            status, body = await client.call("POST", "/api/v1/namespaces/default/pods", item)
            assert status == 201, body
        done = podwire(own_lab, tmp_path, "clean")
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        assert "lab: removed the pod default/podwire-node-lost from node1" in lines
        assert any(
            "left alone: default/podwire-node-theirs belongs to alice@bastion, ends by 20" in x
            for x in lines
        )
        assert any(
            "left alone: default/podwire-node-running is in use by a console of yours" in x
            for x in lines
        )
        assert sorted(await added(client)) == ["podwire-node-running", "podwire-node-theirs"]
        for name in await added(client):
            await client.call("DELETE", f"/api/v1/namespaces/default/pods/{name}")


async def test_clean_forgets_a_cluster_whose_kubeconfig_is_gone(
    own_lab: Lab, tmp_path: Path
) -> None:
    from collectors.recording.journal import CREATED, ClusterIdentity, Journal

    (tmp_path / "podwire").mkdir()
    journal = Journal(tmp_path / "podwire" / "journal.jsonl", session="0:1:1.0")
    where = ClusterIdentity("old", "/nonexistent/config", "https://old")
    journal.end(
        journal.begin(
            where, verb="create pods", namespace="default", name="podwire-node-x", node="n1"
        ),
        CREATED,
    )
    done = podwire(own_lab, tmp_path, "clean")
    assert (done.returncode, done.stdout.splitlines()) == (
        0,
        [
            "old: forgot default/podwire-node-x: the kubeconfig of its cluster is gone; it ends within 4 h"
        ],
    )
    assert podwire(own_lab, tmp_path, "clean").stdout == "nothing is left behind\n"


async def test_clean_looks_in_the_contexts_that_are_named(own_lab: Lab, tmp_path: Path) -> None:
    done = podwire(own_lab, tmp_path, "clean", "--context", "lab", "--context", "debugger")
    assert (done.returncode, done.stdout) == (0, "nothing is left behind\n")
    done = podwire(own_lab, tmp_path, "clean", "--context", "nope")
    assert done.returncode == 2 and "There is no context 'nope'" in done.stderr


async def test_a_full_disk_adds_nothing_that_could_be_forgotten(
    own_lab: Lab, tmux: Tmux, tmp_path: Path
) -> None:
    (tmp_path / "podwire").mkdir()
    (tmp_path / "podwire" / "journal.jsonl").mkdir()  # as a full disk: it cannot be written
    async with client_of(own_lab) as client:
        opened(tmux)
        tmux.keys("Enter")
        tmux.until(r"1 packets")
        tmux.keys("8")
        tmux.until(r"node/node1 +The journal")
        assert await added(client) == []
        tmux.keys("q")
        tmux.until(r"A capture is running\. Quit\?")
        tmux.keys("y")
        tmux.until(r"EXIT=0")


async def test_with_view_rights_the_cluster_screen_works_and_says_what_is_missing(
    own_lab: Lab, tmux: Tmux
) -> None:
    opened(tmux, "--context viewer")
    tmux.until(r"8 pods, namespace shop")
    tmux.until(
        r"Not permitted: debug containers, running commands in them, node pods, nodes\. p shows"
    )
    tmux.keys("p")
    tmux.until(r"✕ no +debug containers +needs patch pods/ephemeralcontainers")
    tmux.keys("r")
    tmux.until(r"kind: Role\b")
    tmux.escape()
    tmux.until(r"✕ no +node pods")
    tmux.escape()
    tmux.gone(r"✕ no +node pods")
    tmux.keys("3")
    tmux.until(r"backend +ClusterIP")
    tmux.keys("1")
    tmux.until(r"8 pods")
    tmux.keys("Enter")
    tmux.until(r"viewer may not get and create pods/exec in shop")
    tmux.escape()
    tmux.keys("q")
    tmux.until(r"EXIT=0")


async def test_what_would_be_sent_and_what_was_sent_can_be_read(own_lab: Lab, tmux: Tmux) -> None:
    opened(tmux, "")
    tmux.keys("Down", "Enter")
    tmux.until(r"y  both   p  pod only   o  node only   m  manifests")
    tmux.keys("m")
    tmux.until(r"ephemeralContainers:")
    tmux.escape()
    tmux.until(r"y  both")
    tmux.keys("y")
    tmux.until(r"Flags \[")
    tmux.keys("8")
    tmux.until(r"added, full")
    tmux.keys("Space", "g")
    tmux.until(r"create pods default/podwire-node-")
    for _ in range(12):
        tmux.keys("Enter")
        tmux.until(r"esc  back   j k  scroll")
        found = "hostNetwork: true" in tmux.screen() or "activeDeadlineSeconds" in tmux.screen()
        tmux.escape()
        tmux.gone(r"esc  back   j k  scroll")
        if found:
            break
        tmux.keys("j")
    else:
        pytest.fail("no event showed the manifest of the node pod")
    tmux.keys("C-c")
    tmux.until(r"Captures stopped")
    tmux.keys("q")
    tmux.until(r"EXIT=0", 10)


def test_a_terminal_that_goes_away_is_no_crash(own_lab: Lab, tmux: Tmux, tmp_path: Path) -> None:
    """Neither message can be written: the terminal is gone before podwire is."""
    opened(tmux)
    tmux.keys("Enter")
    tmux.until(r"Flags \[")
    pid = console(tmux)
    tmux.kill_server()
    deadline = time.monotonic() + 15
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline, "the console is still there"
        time.sleep(0.05)
    assert not list(tmp_path.rglob("crash.log"))
    assert list((tmp_path / "podwire" / "sessions").rglob("*.pcap.zst"))  # something to say
    done = podwire(own_lab, tmp_path, "clean")
    assert (done.returncode, done.stdout) == (0, "nothing is left behind\n")
