"""Thresholds as rules declare them: what is set lasts as long as the process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from diagnosis import thresholds


@contextmanager
def as_declared() -> Iterator[None]:
    """Whatever is set within is of that alone."""
    before = [(one, one.value, one.source) for one in thresholds.keys().values()]
    try:
        yield
    finally:
        for threshold, value, source in before:
            threshold.value, threshold.source = value, source
