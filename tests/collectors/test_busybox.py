"""What runs in somebody's container runs in busybox's shell and tools as well: netshoot and most images have those."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from collectors import remote_commands
from collectors.conntrack import groups
from collectors.kernel import procfs, sampler, sampler_program
from tests.collectors.test_netlink_count import OWN

pytestmark = pytest.mark.slow

APPLETS = (
    "sh",
    "tail",
    "sleep",
    "printf",
    "readlink",
    "cat",
    "grep",
    "tr",
    "find",
    "kill",
    "touch",
    "rm",
    "awk",
    "sort",
    "head",
    "env",
    "echo",
)


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A PATH that has busybox's tools and no others."""
    program = shutil.which("busybox")
    if program is None:
        pytest.skip("NO BUSYBOX: install busybox-static")
    for name in APPLETS:
        (tmp_path / name).symlink_to(program)
    return str(tmp_path)


def run(path: str, argv: list[str], stdin: str = "") -> subprocess.CompletedProcess[str]:
    program = [str(Path(path) / argv[0]), *argv[1:]]
    return subprocess.run(
        program, env={"PATH": path}, input=stdin, capture_output=True, text=True, check=False
    )


def test_the_sampler(path: str) -> None:
    done = run(path, sampler_program.command(2))
    first, second = sampler.FrameReader().feed(done.stdout.encode())
    settings: procfs.Values = {}
    values = [sampler.sample(frame, "x", 0.0, settings).values for frame in (first, second)]
    assert "TcpRetransSegs" in values[0] and values[0].keys() == values[1].keys()
    assert values[1]["port_range_high"] > values[1]["port_range_low"] > 0
    assert sampler.process_id(first) and sampler.sockets(first, "x", 0.0) is not None
    assert second.size < first.size, "settings are not read every tick"


def test_ending_and_sweeping(path: str) -> None:
    token = "55ff66aa77bb"
    for script, arguments in (
        (remote_commands._END, ["{pid}", token, "TERM"]),
        (remote_commands._SWEEP, ["4"]),
    ):
        with subprocess.Popen(["env", f"PODWIRE_RUN={token}", "sleep", "60"]) as process:
            mark = Path(remote_commands.MARK + token)
            mark.touch()
            os.utime(mark, (1, 1))
            time.sleep(0.2)
            done = run(
                path, ["sh", "-c", script, "x", *(a.format(pid=process.pid) for a in arguments)]
            )
            assert process.wait(5) == -15 and done.stderr == ""
            mark.unlink(missing_ok=True)


@pytest.mark.parametrize("awk", ["busybox", "awk"])
def test_counting_a_conntrack_table(path: str, awk: str) -> None:
    text = run(path, ["awk", groups.AWK], OWN).stdout
    if awk == "awk":
        text = subprocess.run(
            ["awk", groups.AWK], input=OWN, capture_output=True, text=True, check=True
        ).stdout
    total, found = groups.parse(text)
    assert total == 3 and {
        (g.protocol, g.state, g.port, g.reply_port, g.assured, g.replied) for g in found
    } == {
        ("tcp", "ESTABLISHED", 80, 8080, True, True),
        ("udp", "", 53, 53, False, False),
        ("icmp", "", 0, 0, False, True),
    }
