"""What others do on the machine is not the lab's: counters that move, namespaces and processes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import machine

ROOT = Path(__file__).parent.parent.parent
# what Docker's iptables-nft leaves: rules with counters, and a set that packets add to
LIKE_DOCKER = """
table ip nat {
    chain DOCKER { counter return; }
    chain OUTPUT {
        type nat hook output priority -100;
        fib daddr type local counter jump DOCKER
    }
}
table ip filter {
    set seen { type ipv4_addr; flags dynamic, timeout; timeout 1m; }
    chain DOCKER-USER { counter return; }
    chain FORWARD { type filter hook forward priority 0; policy drop; counter jump DOCKER-USER; }
    chain OUTPUT {
        type filter hook output priority 0;
        add @seen { ip daddr } counter
        quota over 100 mbytes drop
    }
}
"""


@pytest.fixture
def like_docker(own_machine: None) -> None:
    if os.getuid() != 0:
        pytest.skip("NO RULES: only root can make them on this machine")
    subprocess.run(["nft", "-f", "-"], input=LIKE_DOCKER, text=True, check=True)


@contextlib.contextmanager
def stranger() -> Iterator[None]:
    """Another's process with a namespace of its own, in another runtime directory."""
    command = ["unshare", "--net", sys.executable, "-c", "import time; time.sleep(60)", "podwire"]
    process = subprocess.Popen(command, env={**os.environ, "XDG_RUNTIME_DIR": "/nonexistent"})
    try:
        yield
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def served_lab() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "lab", "serve"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)
        process.stdout.close()


def test_moving_counters_and_others_processes_are_not_the_labs(like_docker: None) -> None:
    before, counted = machine.state(), machine.output("nft", "list", "ruleset")
    with stranger(), served_lab():
        subprocess.run(["ping", "-c", "1", "127.0.0.1"], check=True, stdout=subprocess.DEVNULL)
        assert machine.state()["processes"] != before["processes"]
    assert machine.output("nft", "list", "ruleset") != counted  # they did move
    assert machine.changes(before, machine.state_like(before)) == []


def test_a_rule_a_link_and_a_process_that_stay_are_seen(like_docker: None) -> None:
    before = machine.state()
    subprocess.run(["nft", "add", "rule", "ip", "nat", "DOCKER", "accept"], check=True)
    subprocess.run(["ip", "link", "add", "left0", "type", "bridge"], check=True)
    process = subprocess.Popen(["sleep", "60"])
    try:
        seen = {change.partition(":")[0] for change in machine.changes(before, machine.state())}
        assert {"rules", "links", "processes"} <= seen
    finally:
        process.kill()
        process.wait()
