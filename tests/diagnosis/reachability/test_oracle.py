"""The product's verdicts beside an independent oracle's: `make oracle` compares 100,000."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.oracles.compare import compared

pytestmark = pytest.mark.slow

FEW = 10_000


def test_podwire_and_the_oracle_agree() -> None:
    counts = Counter[tuple[str, str]]()
    wrong = [found.text() for found in compared(FEW, 0, counts)]
    assert not wrong, wrong[0]
    assert all(counts[one, one] for one in ("allowed", "denied", "partly")), counts
    unknown = sum(n for (known, said), n in counts.items() if said == "unknown" != known)
    assert unknown <= FEW / 500, "these clusters are known in full"
