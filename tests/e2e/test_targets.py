"""Several targets at once: a tab each; one that stalls never slows another; a clock that jumps."""

from __future__ import annotations

import re
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.supervisor import Lab
from tests.support.key_latency import KeyLatency
from tests.support.lab_client import client_of
from tests.support.terminal import PROGRAM, Tmux

AXIS_START = re.compile(r"-\d+ (?:s|min)─")
"""A graph's first age: the only negative figure that belongs on the screen."""
pytestmark = pytest.mark.skipif(
    not shutil.which("tmux"), reason="NO TMUX: install tmux to drive the real console"
)


@pytest.fixture
def tmux(own_lab: Lab, tmp_path: Path) -> Iterator[Tmux]:
    terminal = Tmux()
    terminal.line(f"export XDG_STATE_HOME={tmp_path} KUBECONFIG={own_lab.kubeconfig}; clear")
    yield terminal
    terminal.close()


def packets(tmux: Tmux) -> int:
    return int(tmux.until(r"1 packets ([\d,]+)")[1].replace(",", ""))


def grows(tmux: Tmux, seconds: float = 10) -> None:
    before, deadline = packets(tmux), time.monotonic() + seconds
    while packets(tmux) <= before:
        assert time.monotonic() < deadline, tmux.screen()
        time.sleep(0.1)


async def test_a_tab_each_and_none_slows_another(own_lab: Lab, tmux: Tmux) -> None:
    tmux.line(f"{PROGRAM} --yes -n shop; echo EXIT=$?")
    tmux.until(r"8 pods, namespace shop", 20)
    for app in ("backend", "frontend"):
        tmux.type(f"/{app}")
        tmux.until(r"2 pods, namespace shop, matching")
        tmux.keys("Enter")
        tmux.keys("Enter")
        tmux.until(rf"pod {app}.*● live", 20)
        tmux.until(r"IP .* > ", 10)
        tmux.escape()
        tmux.until(r"pods, namespace shop")
        tmux.escape()
    tmux.keys("L")
    tmux.until(r"this host", 15)
    tmux.until(r"cluster +● backend\S+ ◉ +● frontend\S+ ◉ +● \S+")

    keys = KeyLatency(tmux)
    # the first stalls; the second goes on, and keys answer
    first = tmux.until(r"● (backend)…(\S+)")
    tmux.keys("]", "]")
    tmux.until(r"pod backend")
    async with client_of(own_lab) as client:
        await client.hook(do="freeze", match=rf"{first[1]}[^/]*{first[2]}/exec$")
        tmux.until(r"no data for \d+ s", 12)
        tmux.keys("]")
        tmux.until(r"pod frontend")
        grows(tmux)
        keys.check("while another target stalls")
        await client.hook(do="thaw", match="")
    tmux.keys("[")
    tmux.until(r"pod backend.*● live", 20)
    grows(tmux)

    # closing ends what ran for it, and its node's pod goes with the last that needs it
    tmux.keys("C-w")
    tmux.until(r"cluster +● frontend")
    tmux.gone(r"backend\S+ ◉")
    tmux.keys("]")
    tmux.until(r"pod frontend")
    tmux.keys("C-w")
    tmux.gone(r"● frontend")
    async with client_of(own_lab) as client:
        query = "?labelSelector=app.kubernetes.io%2Fmanaged-by%3Dpodwire"
        deadline = time.monotonic() + 10
        while left := (await client.get(f"/api/v1/pods{query}"))["items"]:
            assert time.monotonic() < deadline, [item["metadata"]["name"] for item in left]
            time.sleep(0.2)
    tmux.keys("q")
    tmux.until(r"EXIT=0", 15)


WRAPPER = """
import sys, time
real, path = time.time, sys.argv.pop(1)
def jumped():
    try:
        return real() + float(open(path).read() or 0)
    except (OSError, ValueError):
        return real()
time.time = jumped
from cli.main import main
raise SystemExit(main())
"""


def test_a_clock_that_jumps(tmux: Tmux, tmp_path: Path) -> None:
    """The wall clock of this machine goes an hour ahead and back: rates come from the sampled machine's own clock."""
    script, offset = tmp_path / "jump.py", tmp_path / "offset"
    script.write_text(WRAPPER)
    tmux.line(f"PYTHONPATH=. {sys.executable} {script} {offset} --yes -n shop; echo EXIT=$?")
    tmux.until(r"8 pods, namespace shop", 20)
    tmux.keys("Enter")
    tmux.until(r"pod \S+ @ node.*● live", 20)
    tmux.until(r"retransmits 0 seg/s")
    keys = KeyLatency(tmux)
    for jump in ("3600", "-3600", "0"):
        offset.write_text(jump)
        time.sleep(3.0)
        figures = AXIS_START.sub("", tmux.screen())
        assert "-0" not in figures and " -1" not in figures, figures
        tmux.until(r"● live", 10)
        grows(tmux)
        keys.check(f"after the clock jumped by {jump} s")
    tmux.keys("q")
    tmux.until(r"Quit\?")
    tmux.keys("y")
    tmux.until(r"EXIT=0", 15)
