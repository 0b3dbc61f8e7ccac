"""The console as a user runs it: in tmux, on the lab, by keys."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.supervisor import LabUnavailable, missing_programs, runtime_directory
from tests.support import machine
from tests.support.terminal import PROGRAM, ROOT, Tmux

pytestmark = pytest.mark.skipif(
    not shutil.which("tmux"), reason="NO TMUX: install tmux to drive the real console"
)


@pytest.fixture
def tmux(lab: object) -> Iterator[Tmux]:  # the lab fixture skips where there is none
    if missing_programs():
        raise LabUnavailable
    terminal = Tmux()
    yield terminal
    terminal.close()


@pytest.fixture
def own_tmux(own_machine: None) -> Iterator[Tmux]:
    """A terminal on a machine that nobody else changes."""
    terminal = Tmux()
    yield terminal
    terminal.close()


def opened(tmux: Tmux, command: str = "lab") -> None:
    tmux.line(f"{PROGRAM} {command}; echo EXIT=$?")
    tmux.until(r"● live", 20)


def running(tmux: Tmux) -> int:
    console = tmux.program()
    assert console is not None, "the console does not run"
    return console


def number(text: str) -> float:
    return float(text.replace(",", ""))


def test_list_attach_packets_sockets_counters_faults_and_leave(tmux: Tmux, tmp_path: Path) -> None:
    tmux.line(f"export XDG_STATE_HOME={tmp_path}")
    opened(tmux)
    tmux.until(r"8 pods, namespace shop")
    tmux.type("/frontend")
    tmux.until(r"2 pods, namespace shop, matching “frontend”")
    tmux.keys("Enter")

    # packets within 3 s of Enter, with names
    tmux.keys("Enter")
    began = time.monotonic()
    tmux.until(r"frontend….*svc/backend\.80: Flags \[S\]", 3.0)
    assert time.monotonic() - began < 3.0

    # four moving graphs, each with its scope
    tmux.until(r"conntrack [\d,]+ entries .* whole node")
    tmux.until(r"retransmits 0 seg/s .* this pod")
    tmux.until(r"connections \d+ opened/s · 0 failed/s .* this pod")
    tmux.until(r"drops 0 pkt/s .* whole node")
    first = number(tmux.until(r"conntrack ([\d,]+) entries")[1])
    deadline = time.monotonic() + 10
    while number(tmux.until(r"conntrack ([\d,]+) entries")[1]) == first:
        assert time.monotonic() < deadline, "the graph does not move"

    # a wrong filter: tcpdump's message, the old capture goes on; a right one
    tmux.keys("/")
    tmux.type("tcp porto 80")
    tmux.keys("Enter")
    tmux.until(r"Filter refused, nothing changed: .*syntax error")
    before = number(tmux.until(r"1 packets ([\d,]+)")[1])
    time.sleep(1.5)
    assert number(tmux.until(r"1 packets ([\d,]+)")[1]) > before
    tmux.keys("/")
    tmux.type("udp port 53")
    tmux.keys("Enter")
    tmux.until(r"filter: udp port 53 · running")
    tmux.until(r"DNS \d+\+ A\? backend\.shop")

    # hold, scroll back, save a private pcap that tcpdump opens
    tmux.keys("Space")
    tmux.until(r"running, list paused")
    tmux.keys("g")
    tmux.keys("w")
    tmux.until(r"Saved")
    (saved,) = (tmp_path / "podwire" / "captures").glob("*.pcap")
    assert saved.stat().st_mode & 0o777 == 0o600
    shown = subprocess.run(
        ["tcpdump", "-nr", str(saved)], capture_output=True, text=True, check=True
    ).stdout
    assert ".53: " in shown
    tmux.keys("Space")

    # sockets, counters, events
    tmux.keys("4")
    tmux.until(r"TIME-WAIT .*svc/backend:80")
    tmux.keys("5")
    tmux.keys("/")
    tmux.type("connections")
    tmux.keys("Enter")
    tmux.until(r"TcpActiveOpens +[\d.]+ .*connections opened from here")
    tmux.keys("v")
    tmux.until(r"whole node · \d+ counters? · .*moved since")
    tmux.keys("v")
    tmux.keys("8")
    tmux.until(r"create pods default/podwire-node-\w+: created \(as lab-adm(in\)|…)")
    tmux.until(r"patch pods/ephemeralcontainers podwire-\w+: added, full")

    # a fault from the console moves its graph, and is switched off again
    for shown in (r"ON +Packet loss", r"· +Packet loss"):
        tmux.keys("f")
        tmux.until(r"Faults of the lab · \d+")
        tmux.type("packet loss")
        tmux.gone(r"Listening on loopback")
        tmux.keys("Enter")
        tmux.until(shown)
        tmux.escape()
        tmux.until(r"Listening on loopback")  # the words are cleared first
        tmux.escape()
        tmux.gone(r"Faults of the lab")
        if shown.startswith("ON"):
            tmux.until(r"retransmits [\d.]*[1-9][\d.]* seg/s", 30)

    # help, back, quit
    tmux.keys("?")
    tmux.until(r"next theme")
    tmux.escape()
    tmux.until(r"^ 1 packets .* 8 events")
    tmux.escape()
    tmux.until(r"matching “frontend”")
    tmux.keys("q")
    tmux.until(r"A capture is running. Quit\?")  # what is open goes on behind the cluster's screen
    tmux.keys("y")
    tmux.until(r"EXIT=0")
    assert tmux.flag("alternate_on") == "0"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_restores_the_terminal_and_leaves_nothing(
    own_tmux: Tmux, number: signal.Signals, code: int
) -> None:
    before = machine.state()
    opened(own_tmux)
    own_tmux.keys("Enter")
    own_tmux.until(r"Flags \[")
    os.kill(running(own_tmux), number)
    own_tmux.until(rf"EXIT={code}", 10)
    assert own_tmux.flag("alternate_on") == "0"
    assert own_tmux.flag("mouse_any_flag") == "0"
    assert own_tmux.flag("cursor_flag") == "1"
    own_tmux.line("stty -a | grep -o ' .\\?icanon\\| .\\?echo '")
    own_tmux.until(r"^ icanon$")
    assert machine.changes(before, machine.state_like(before, 10)) == []


def test_quitting_leaves_nothing(own_tmux: Tmux) -> None:
    before = machine.state()
    opened(own_tmux)
    own_tmux.keys("Enter")
    own_tmux.until(r"Flags \[")
    own_tmux.keys("C-c")
    own_tmux.until(r"Captures stopped")
    own_tmux.keys("q")
    own_tmux.until(r"EXIT=0", 10)
    assert machine.changes(before, machine.state_like(before, 10)) == []


def test_a_killed_console_leaves_nothing(own_tmux: Tmux) -> None:
    before = machine.state()
    opened(own_tmux)
    own_tmux.keys("Enter")
    own_tmux.until(r"Flags \[")
    os.kill(running(own_tmux), signal.SIGKILL)
    own_tmux.until(r"EXIT=137", 10)
    assert machine.changes(before, machine.state_like(before, 10)) == []


def test_a_target_that_vanishes_is_a_sentence_and_keeps_its_figures(tmux: Tmux) -> None:
    opened(tmux)
    tmux.type("/search")
    tmux.until("matching “search”")
    tmux.keys("Enter")
    time.sleep(0.5)  # a person's pace between two keys
    tmux.keys("Enter")
    tmux.until(r"DNS \d+")
    script = (
        "import glob, json, urllib.request as u, sys; "
        f"c = max(glob.glob('{runtime_directory()}/podwire-lab-*/kubeconfig'), key=__import__('os').path.getmtime); "
        "s = json.load(open(c))['clusters'][0]['cluster']['server']; "
        "ps = json.load(u.urlopen(s + '/api/v1/namespaces/shop/pods'))['items']; "
        "n = [p['metadata']['name'] for p in ps if p['metadata']['name'].startswith('search')][0]; "
        "u.urlopen(u.Request(s + '/api/v1/namespaces/shop/pods/' + n, method='DELETE'))"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    tmux.until(r"✕ gone", 15)
    tmux.keys("8")
    tmux.until(r"is gone\. What was gathered stays")
    assert "Traceback" not in tmux.screen()
    tmux.escape()
    tmux.until(
        r"1 pods?, namespace shop, matching “search”"
    )  # the one that its Deployment made instead


def test_a_cluster_that_is_not_the_lab_is_asked_before_anything_is_added(tmux: Tmux, lab) -> None:  # type: ignore[no-untyped-def]
    tmux.line(f"KUBECONFIG={lab.kubeconfig} {PROGRAM}; echo EXIT=$?")
    tmux.until(r"● live", 20)
    assert "f faults" not in tmux.screen()
    tmux.keys("Enter")
    tmux.until(r"It stays in the pod's|Reuses the debug container")
    tmux.keys("n")
    tmux.gone(r"o  node only")
    tmux.keys("Enter")
    tmux.until(r"p +pod only")
    tmux.keys("p")
    tmux.until(r"Flags \[")
    assert "whole node" not in tmux.screen().splitlines()[1]
    tmux.keys("C-c")
    tmux.until(r"Captures stopped")
    tmux.keys("q")
    tmux.until(r"EXIT=0")


def test_faults_from_the_command_line(lab: object) -> None:
    assert "packet-loss" in cli("lab", "fault", "list").stdout
    assert re.search(r"^on +dns-dead", cli("lab", "fault", "on", "dns-dead").stdout, re.MULTILINE)
    assert re.search(r"^off +dns-dead", cli("lab", "fault", "off", "dns-dead").stdout, re.MULTILINE)
    refused = cli("lab", "fault", "on", "nope")
    assert refused.returncode == 2 and "no fault named 'nope'" in refused.stderr


def test_small_and_large_terminals(lab: object) -> None:
    for columns, rows in ((80, 24), (200, 50)):
        terminal = Tmux(columns, rows)
        try:
            opened(terminal)
            terminal.keys("Enter")
            terminal.until(r"1 ?packets [\d,.k]{3,}")
            shown = terminal.screen()
            assert max(len(line) for line in shown.splitlines()) <= columns
            for word in (
                "conntrack",
                "conn",
                "drops",
                "whole node",
                "this pod",
                "? help",
                "q quit",
            ):
                assert word in shown, f"{word} at {columns}x{rows}:\n{shown}"
            terminal.keys("q")
            terminal.until(r"Quit\?")
            terminal.keys("y")
            terminal.until(r"EXIT=0")
        finally:
            terminal.close()


def cli(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )


def test_without_a_terminal_it_says_so_in_one_line() -> None:
    for command in ((), ("lab",), ("local",)):
        done = cli(*command)
        assert done.returncode == 2
        assert done.stdout == ""
        assert len(done.stderr.splitlines()) == 1 and "terminal" in done.stderr


def test_check_prints_a_line_a_stream(lab: object) -> None:
    done = cli("lab", "--check")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["packets", "sockets", "conntrack", "retransmits"]
    assert all(re.search(r"[1-9]", line) for line in lines)


def test_check_fails_with_a_reason() -> None:
    done = cli("lab", "--check", PATH="/nonexistent")
    assert done.returncode == 1
    assert "apt-get install" in done.stderr or "could not" in done.stderr
    done = cli("lab", "--check", "--fault", "nope")
    assert done.returncode == 2
    assert "no fault named 'nope'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "expected", "code"),
    [
        ("--kubeconfig /nonexistent", "There is no kubeconfig at /nonexistent", 2),
        (
            "--context nope",
            "There is no context 'nope' in the kubeconfig. Known: debugger, lab, viewer",
            2,
        ),
        ("-n nope", "There is no namespace 'nope'", 2),
        ("--theme nope", "There is no theme 'nope'", 2),
        ("replay /nonexistent", "There is no recording at /nonexistent", 2),
    ],
)
def test_bad_input_is_a_sentence(tmux: Tmux, lab, arguments: str, expected: str, code: int) -> None:  # type: ignore[no-untyped-def]
    tmux.line(f"KUBECONFIG={lab.kubeconfig} {PROGRAM} {arguments}; echo EXIT=$?")
    tmux.until(rf"EXIT={code}", 15)
    shown = tmux.screen().replace("\n", "")
    assert expected in shown
    assert "Traceback" not in shown


def test_no_cluster_is_a_sentence(tmux: Tmux, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(
        '{"current-context":"a","clusters":[{"name":"a","cluster":{"server":"http://127.0.0.1:1"}}],'
        '"contexts":[{"name":"a","context":{"cluster":"a"}}],"users":[]}'
    )
    tmux.line(f"KUBECONFIG={path} {PROGRAM}; echo EXIT=$?")
    tmux.until(r"EXIT=3", 20)
    assert "cannot be reached" in tmux.screen().replace("\n", "")


def test_local_shows_this_machine(tmux: Tmux) -> None:
    opened(tmux, "local")
    tmux.until(r"this host")
    tmux.keys("5")
    tmux.until(r"IpInReceives|TcpInSegs|cpu_total")
    tmux.keys("8")
    tmux.until(r"link |default route|live")
    tmux.keys("q")
    tmux.until(r"EXIT=0")
