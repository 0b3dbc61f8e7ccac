"""atheris on what tests.fuzz.targets has: python -m tests.fuzz.packets -max_total_time=600 (needs
`pip install atheris`; `make fuzz` runs it on a core that is built with the sanitizers).

Any exception but the ones that are promised is a crash; libFuzzer itself reports a hang (over 10 s).
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["collectors"]):
    from collectors import capture
    from tests.fuzz.targets import one, seeds

HANG_S = int(os.environ.get("PODWIRE_FUZZ_HANG_S", "10"))  # for one input; more where others work


def require_core(tree: Path) -> None:
    """That the core is there, and the one that the sanitizers were built into."""
    if capture.WHY_PURE:
        sys.exit(f"the compiled core is not there: {capture.WHY_PURE}")
    if not Path(capture.__file__).is_relative_to(tree):
        sys.exit(f"{capture.__file__} is fuzzed, and not the core in {tree}")


def main() -> None:
    if wanted := os.environ.get("PODWIRE_FUZZ_CORE"):
        require_core(Path(wanted))
    with tempfile.TemporaryDirectory() as folder:
        seeds(Path(folder))
        atheris.Setup([sys.argv[0], f"-timeout={HANG_S}", *sys.argv[1:], folder], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
