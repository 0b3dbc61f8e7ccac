"""Who refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from diagnosis.snapshot import Conversation, Snapshot
from tests.support.loss_snapshots import SILENT, seen
from tests.support.rules import finder

evaluate = finder("refused", "resets", "unanswered", "dead_address")


def found(snapshot: Snapshot) -> list[str]:
    return [finding.title for finding in evaluate(snapshot)]


@pytest.mark.parametrize(
    ("talk", "title"),
    [
        (replace(SILENT, unanswered=0, refused=9), "Connections are refused by the pod itself"),
        (
            replace(
                SILENT,
                unanswered=0,
                refused=9,
                rejected=9,
                rejected_by="10.0.0.2",
                unreachable="ICMP …",
            ),
            "Connections are rejected on the path, by 10.0.0.2",
        ),
        (
            replace(SILENT, unanswered=0, refused=9, server="192.0.2.1"),
            "Connections are refused by 192.0.2.1",
        ),
    ],
)
def test_who_refuses(talk: Conversation, title: str) -> None:
    (text,) = found(seen(talk, None))
    assert text.startswith(title)
