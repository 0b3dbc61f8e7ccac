"""Leaving is clean whatever standard output and standard error are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from collectors import capture, dumps

ROOT = Path(__file__).parent.parent.parent
PODWIRE = f"{sys.executable} -m cli.main"


def shell(line: str, state: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": "/usr/bin:/bin", "XDG_STATE_HOME": str(state), "PYTHONPATH": str(ROOT)},
    )


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("--version > /dev/full", 1, "standard output cannot be written: No space left on device"),
        ("check --help > /dev/full", 1, "No space left on device"),
        ("pcap -o jsonl tests/data/lab.pcap > /dev/full", 1, "No space left on device"),
        ("pcap -o jsonl tests/data/lab.pcap | head -n 1 > /dev/null", 141, ""),
        ("local >&- <&-", 2, "needs a terminal: what it shows is shown there only."),
        ("shop/web < /dev/null", 2, "needs a terminal: without one, try `podwire check`."),
        ("web", 2, "there is no command `web`; a pod is opened as NAMESPACE/web. `podwire --help`"),
        ("chekc", 2, "there is no command `chekc`; did you mean `check`? `podwire --help`"),
        ("lab serv", 2, "there is no command `serv`; did you mean `serve`? `podwire lab --help`"),
        ("replay x >&- <&-", 2, "`podwire report`"),
        ("join >&- <&-", 2, "is shown there only"),
        ("local 2>&- >&- <&-", 2, ""),
        ("local 2> /dev/full < /dev/null", 2, ""),
        ("pcap -o jsonl nowhere 2> /dev/full", 2, ""),
    ],
)
def test_output_that_cannot_be_written_is_no_crash(
    line: str, code: int, message: str, tmp_path: Path
) -> None:
    done = shell(f"{PODWIRE} {line}", tmp_path)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 1
    assert not list(tmp_path.rglob("crash.log"))


def test_version_names_podwire_python_and_the_core(tmp_path: Path) -> None:
    done = shell(f"{PODWIRE} --version", tmp_path)
    assert done.returncode == 0
    name, python, core = done.stdout.strip().split(", ")
    assert name.startswith("podwire ")
    assert python == f"Python {sys.version.split()[0]}"
    why, why_of_dumps = capture.WHY_PURE, dumps.WHY_PURE
    if not why and why_of_dumps:
        assert core == f"compiled core (pure Python for sockets and conntrack: {why_of_dumps})"
    else:
        assert core == (f"pure Python ({why})" if why else "compiled core")
