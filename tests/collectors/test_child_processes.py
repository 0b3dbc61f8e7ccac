"""Ending what was started."""

from __future__ import annotations

import signal
import subprocess
import sys

PROGRAM = """
import subprocess
from collectors.child_processes import kill_children
child = subprocess.Popen(["sleep", "60"])
kill_children()
kill_children()
print(child.wait(10))
"""


def test_children_are_ended_and_nothing_else() -> None:
    beside = subprocess.Popen(["sleep", "60"])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=30, check=True
    )
    assert int(done.stdout) == -signal.SIGKILL
    assert beside.poll() is None
    beside.kill()
    beside.wait()
