"""How many examples a test of made input has: a multiple of the profile's."""

from __future__ import annotations

from hypothesis import settings


def examples(usual: int) -> int:
    """`usual` with the usual profile, which has 100; in `make unit` fewer, in proportion."""
    return max(1, usual * settings().max_examples // 100)
