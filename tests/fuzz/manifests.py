"""Structure-aware fuzzing of manifests and of the questions that are asked of them.

    python -m tests.fuzz.manifests [EXAMPLES]

Prints how many were accepted and refused; a failure is shown by hypothesis, as small as it can be.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, given, settings, strategies as st

from tests.support.fuzzed_manifests import QUESTIONS, check, texts

EXAMPLES = 20_000


def main() -> None:
    examples = int(sys.argv[1]) if len(sys.argv) > 1 else EXAMPLES
    counts: Counter[bool] = Counter()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:

        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(texts(), st.lists(QUESTIONS, min_size=1, max_size=4))
        def one(made: tuple[str, str], questions: list[tuple[str, str, tuple[str, str]]]) -> None:
            path = Path(folder) / f"m.{made[0]}"
            path.write_text(made[1], errors="surrogatepass")
            counts[check(path, questions)] += 1

        one()
    seconds = time.monotonic() - began
    sys.stdout.write(
        f"{counts.total():,} manifests: {counts[True]:,} accepted and asked, "
        f"{counts[False]:,} refused with a sentence, {seconds:.0f} s\n"
    )


if __name__ == "__main__":
    main()
