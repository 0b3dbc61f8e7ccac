"""Where connections are lost: what captures on two nodes saw of SYNs and of their answers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collectors.events import (
    ServicePort,
    ServiceRow,
    SettingsRow,
    SliceRow,
)
from collectors.objects import Endpoint
from diagnosis.reachability.observed_connections import proof
from diagnosis.rules import findings
from diagnosis.snapshot import Conversation, Snapshot
from tests.support.loss_snapshots import ANSWERED, CLIENT, SERVER, SILENT, seen
from tests.support.rules import finder

evaluate = finder("refused", "resets", "unanswered", "dead_address")


def found(snapshot: Snapshot) -> list[str]:
    return [finding.title for finding in evaluate(snapshot)]


CASES = [
    (replace(SILENT, passed=9), replace(SILENT, stopped=9), "SYNs are dropped on n2"),
    (replace(SILENT, stopped=9), None, "SYNs are dropped on n1"),
    (
        replace(SILENT, passed=9),
        replace(SILENT, unanswered=0, answered=9, answers_stopped=9),
        "The server answers, and its answers are dropped on n2",
    ),
    (
        replace(SILENT, answers_stopped=9),
        None,
        "The server answers, and its answers are dropped on n1",
    ),
    (replace(SILENT, passed=9), replace(SILENT, passed=9), "n2 hands SYNs to the pod"),
    (replace(SILENT, passed=9), None, "SYNs leave n1 and never come to n2"),
    (replace(SILENT, passed=9), replace(SILENT, stopped=5, passed=4), "SYNs are not answered"),
    (SILENT, None, "SYNs are not answered"),
]


@pytest.mark.parametrize(("first", "second", "title"), CASES)
def test_the_place_is_named(first: Conversation, second: Conversation | None, title: str) -> None:
    (text,) = found(seen(first, second))
    assert text.startswith(title)


def test_where_ebpf_hands_packets_on_no_place_is_named() -> None:
    (text,) = found(
        seen(replace(SILENT, stopped=9), None, settings=(SettingsRow("cilium", "configmap", ()),))
    )
    assert text.startswith("SYNs are not answered")


def test_a_service_is_no_finding_beside_its_endpoint() -> None:
    service = ServiceRow(
        "shop",
        "db",
        ("10.96.0.9",),
        ("5432/TCP",),
        "ClusterIP",
        targets=(ServicePort("", 5432, "TCP", "5432"),),
    )
    asked = replace(SILENT, server="10.96.0.9", stopped=9)
    row = SliceRow("shop", "db-1", "db", (SERVER.ip,), (), (), (Endpoint(SERVER.ip, True),))
    views = seen(replace(SILENT, stopped=9), None, services=(service,), slices=(row,))
    both = replace(views.targets[0], conversations=(*views.targets[0].conversations, asked))
    snapshot = replace(views, targets=(both, views.targets[1]))
    said = [one for one in findings(snapshot) if one.rule == "unanswered"]
    assert [(one.where, len(one.consequences)) for one in said] == [("shop/db:5432", 1)]
    alone = replace(
        snapshot, targets=(replace(both, conversations=(ANSWERED, asked)), views.targets[1])
    )
    assert [finding.where for finding in evaluate(alone)] == ["svc/shop/db:5432"]


def test_the_live_proof_names_the_node() -> None:
    views = seen(replace(SILENT, passed=9), replace(SILENT, stopped=9))
    assert proof(views, CLIENT, SERVER, "5432", "TCP") == [
        "SYNs are dropped on n2: they come into it and do not leave it"
    ]
