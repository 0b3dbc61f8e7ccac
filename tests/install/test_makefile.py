"""make reads the Makefile, and every target that it has is named in .PHONY."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_make_reads_every_target() -> None:
    text = (ROOT / "Makefile").read_text()
    named = re.findall(r"^\.PHONY: (.+)$", text, re.M)[0].split()
    assert sorted(named) == sorted(re.findall(r"^([a-z-]+):", text, re.M))
    subprocess.run(["make", "-n", *named], cwd=ROOT, capture_output=True, check=True)
