"""Answers that are asked for again over TCP."""

from __future__ import annotations

import pytest

from diagnosis.lookups import DnsSummary
from tests.support.snapshots import found, pod


def is_found(asked: int, answered: int, truncated: int) -> bool:
    return "dns_truncated" in found(
        pod(lookups=DnsSummary(15.0, asked, answered, truncated=truncated))
    )


def test_a_share_of_them_is_worth_a_line() -> None:
    finding = found(pod(lookups=DnsSummary(15.0, 100, 100, truncated=30)))["dns_truncated"]
    assert finding.severity == "info"
    assert finding.evidence[0].text == "30 of 100 answers have TC set"


@pytest.mark.alike
def test_a_few_large_answers() -> None:
    assert not is_found(100, 100, 2)
    assert not is_found(100, 100, 4)


def test_none_and_hardly_any_questions() -> None:
    assert not is_found(100, 100, 0)
    assert not is_found(7, 7, 7)
