"""Addresses that nobody answers for; questions of which nothing depends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collectors.findings import Finding
from diagnosis.paths import Segments
from diagnosis.rules import findings
from diagnosis.snapshot import Conversation, Snapshot, TargetView
from diagnosis.wire_neighbours import WireNeighbour
from tests.support.path_snapshots import (
    CLIENT,
    LOST,
    PODS,
    SECOND,
    SERVICE,
    WELL,
    direction,
    node,
)
from tests.support.rules import finder

evaluate = finder("address_unresolved")
GATEWAY = "10.0.0.12"
ASKED = WireNeighbour(GATEWAY, asked=9, asked_by="10.0.0.11", seconds=8.0)
ICMP = "ICMP 10.96.0.7 tcp port 80 host unreachable"
REJECTED = replace(LOST, rejected=40, unanswered=0, icmp=ICMP, icmp_from=SERVICE)
TALK = Conversation(
    "TCP", CLIENT, SERVICE, 80, flows=60, refused=40, rejected=40, unreachable=ICMP, rejected_by="x"
)


def said(*asked: WireNeighbour, view: TargetView) -> list[Finding]:
    return evaluate(Snapshot(0.0, (replace(view, wire=asked),)))


def test_what_a_node_cannot_hand_on() -> None:
    (finding,) = said(ASKED, view=node(REJECTED))
    assert finding.where.endswith(f"→ {GATEWAY}")
    assert f"n1 cannot resolve {GATEWAY}: nobody answers" in finding.title
    assert f"ip neigh show {GATEWAY}" in finding.fix
    assert "asked 9 times" in finding.evidence[0].text


def test_what_is_rejected_follows_from_it() -> None:
    view = replace(node(WELL, REJECTED), conversations=(TALK,), wire=(ASKED,))
    (finding,) = findings(Snapshot(0.0, (view,)))
    assert finding.rule == "address_unresolved" and finding.consequences


@pytest.mark.alike
def test_an_endpoint_that_nobody_has_is_said_as_an_endpoint() -> None:
    """SYNs that were sent before the node knew it left for it."""
    sent = direction(Segments(syn=60), Segments(syn=60))
    gone = replace(LOST, endpoint=SECOND, endpoint_port=8080, to_server=sent)
    for address, count in ((SECOND, 0), (GATEWAY, 1)):
        asked = replace(ASKED, address=address)
        seen = Snapshot(0.0, (replace(node(WELL, gone, REJECTED), wire=(asked,)),))
        assert len(evaluate(seen)) == count
        assert finder("endpoint_failing")(seen)


def test_a_pod_that_sends_nothing_else() -> None:
    view = TargetView("pcap/a.pcap", "pcap", "", 0.0, "capture")
    (finding,) = said(replace(ASKED, address="10.244.1.1", asked_by=CLIENT), view=view)
    assert finding.title.startswith(f"{CLIENT} asks for 10.244.1.1, nobody answers")


LEFT = replace(WELL, rejected=40, icmp=ICMP)  # another machine on the path rejects it


@pytest.mark.alike
@pytest.mark.parametrize(
    ("asked", "view"),
    [
        (ASKED, node(WELL)),  # an address that nothing needs
        (ASKED, node(LEFT)),
        (ASKED, node(replace(REJECTED, icmp="ICMP x admin prohibited"))),
        (replace(ASKED, is_answered=True), node(REJECTED)),
        (replace(ASKED, asked=2), node(REJECTED)),
        (replace(ASKED, seconds=1.0), node(REJECTED)),
    ],
)
def test_questions_of_which_nothing_depends(asked: WireNeighbour, view: TargetView) -> None:
    assert not said(asked, view=view)


def test_where_the_cluster_is_known_its_tables_say_it() -> None:
    view = replace(node(REJECTED), wire=(ASKED,))
    assert not evaluate(Snapshot(0.0, (view,), pods=PODS))
