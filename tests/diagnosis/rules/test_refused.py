"""Who refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collectors.events import ServiceRow, SliceRow
from collectors.sockets.rows import SocketRow
from diagnosis.paths import PathDirection, PathRow, Segments
from diagnosis.rules import findings
from diagnosis.snapshot import Conversation, Snapshot, TargetView
from tests.support.loss_snapshots import SILENT, seen
from tests.support.rules import finder
from tests.support.snapshots import API, NEAR, POD, node, pod

SERVICE = ServiceRow("shop", "api", ("10.96.0.7",), ("80/TCP",), "ClusterIP")
SYNS = PathDirection(Segments(syn=9), Segments(syn=9))
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
        (  # with the address that was asked, as a node that translates for it
            replace(
                SILENT,
                unanswered=0,
                refused=9,
                rejected=8,
                rejected_by="192.0.2.1",
                unreachable="ICMP host unreachable",
                server="192.0.2.1",
            ),
            "Connections to 192.0.2.1:5432 are rejected by ICMP errors (ICMP host unreachable: "
            "nobody has that address there, or a route forbids it)",
        ),
    ],
)
def test_who_refuses(talk: Conversation, title: str) -> None:
    (text,) = found(seen(talk, None))
    assert text.startswith(title)


def refusals(*views: TargetView) -> list[str]:
    return found(Snapshot(100.0, views, (POD, API, NEAR)))


def test_the_pod_listens_and_connections_are_refused() -> None:
    """A filter that answers with RSTs, or a program that restarts: not nothing."""
    lost = Conversation("TCP", POD.ip, API.ip, 8080, flows=9, refused=9)
    own = SocketRow("tcp", "LISTEN", "0.0.0.0", 8080, "", 0)
    server = replace(pod(sockets=(own,)), key="pod/shop/api-1", pod=API, node="n2")
    (title,) = refusals(pod(conversations=(lost,)), server)
    assert "though the pod listens there" in title
    local = replace(server, sockets=(own._replace(local="127.0.0.1"),))
    assert "nothing listens" in refusals(pod(conversations=(lost,)), local)[0]
    other = Conversation("TCP", NEAR.ip, API.ip, 8080, flows=9, answered=9, opened=98.0)
    assert "though" in refusals(pod(conversations=(lost, other)))[0]
    before = replace(other, opened=88.0)
    assert "nothing listens" in refusals(pod(conversations=(lost, before)))[0]


def test_one_prober_of_a_closed_port_is_a_note_in_a_capture_alone() -> None:
    probe = Conversation("TCP", POD.ip, API.ip, 7777, flows=15, refused=15)

    def severity(*talks: Conversation, paths: tuple[PathRow, ...] = ()) -> str:
        view = node({}, {}, conversations=talks, paths=paths)
        (finding,) = findings(Snapshot(100.0, (view,)))
        return finding.severity

    assert severity(probe) == "info"
    assert severity(replace(probe, flows=30, refused=30)) == "warning", "more than probes are"
    assert severity(probe, replace(probe, client=NEAR.ip)) == "warning", "two ask it"
    served = replace(probe, client=NEAR.ip, refused=0, answered=1)
    assert severity(probe, served) == "warning", "somebody is answered"
    row = PathRow("TCP", POD.ip, "10.96.0.7", 80, API.ip, 7777, POD.ip, refused=9, to_server=SYNS)
    assert severity(probe, paths=(row,)) == "warning", "a Service leads there"


def test_a_service_that_a_capture_alone_shows_is_no_second_finding() -> None:
    """What a node translates it to refuses, and is said."""
    end = Conversation("TCP", POD.ip, API.ip, 8080, flows=9, refused=9)
    asked = replace(end, server="10.96.0.7", port=80)
    row = PathRow("TCP", POD.ip, "10.96.0.7", 80, API.ip, 8080, POD.ip, refused=9, to_server=SYNS)
    view = node({}, {}, conversations=(end, asked), paths=(row,))
    (finding,) = findings(Snapshot(100.0, (view,)))
    assert finding.where == f"{API.ip}:8080" and len(finding.consequences) == 1
    other = replace(row, endpoint=NEAR.ip)
    assert len(findings(Snapshot(100.0, (replace(view, paths=(other,)),)))) == 2
    assert len(findings(Snapshot(100.0, (replace(view, paths=()),)))) == 2


def test_where_several_endpoints_refuse_it_is_said_of_what_is_asked() -> None:
    """A wrong targetPort."""
    ends = [Conversation("TCP", POD.ip, one.ip, 8080, flows=9, refused=9) for one in (API, NEAR)]
    asked = Conversation("TCP", POD.ip, "10.96.0.7", 80, flows=18, refused=18)
    rows = tuple(
        PathRow("TCP", POD.ip, "10.96.0.7", 80, end.server, 8080, POD.ip, refused=9, to_server=SYNS)
        for end in ends
    )
    view = node({}, {}, conversations=(*ends, asked), paths=rows)
    (finding,) = findings(Snapshot(100.0, (view,)))
    assert finding.where == "10.96.0.7:80" and len(finding.consequences) == 2
    assert "by 2 endpoints, 10.1.0.6:8080, 10.2.0.5:8080: nothing listens" in finding.title


REFUSING = Conversation("TCP", POD.ip, "10.96.0.7", 80, flows=9, refused=9)
OLD = SliceRow("shop", "api-a", "api", (API.ip,), (), changed=1.0)


def by_service(*slices: SliceRow, talk: Conversation = REFUSING) -> list[str]:
    """As a client's pod alone sees it."""
    view = pod(conversations=(talk,))
    pods = POD, API, NEAR
    return found(Snapshot(100.0, (view,), pods, services=(SERVICE,), slices=slices))


def test_a_service_of_which_everything_refuses() -> None:
    (title,) = by_service(OLD)
    assert title.startswith("Connections are refused by every endpoint of svc/shop/api")


@pytest.mark.alike
def test_services_without_endpoints_and_those_that_restart_are_other_things() -> None:
    assert not by_service(replace(OLD, ready=()))
    assert not by_service(replace(OLD, changed=95.0))
    assert not by_service(OLD, talk=replace(REFUSING, flows=30, answered=21))


def test_rsts_that_the_node_itself_sends() -> None:
    """A rule with `reject with tcp reset`: they leave it, and never came into it."""
    made = PathDirection(left=Segments(rst=9))
    row = PathRow(
        "TCP", POD.ip, "10.96.0.7", 80, "", 0, POD.ip, refused=9, one_sided=True, to_client=made
    )
    view = replace(node(conversations=(REFUSING,), paths=(row,)), kind="pcap", values={})
    (title,) = found(Snapshot(100.0, (view,)))
    assert "refused by the captured node itself, with RSTs that no server sent" in title
    passed = replace(row, to_client=PathDirection(Segments(rst=9), Segments(rst=9)))
    (title,) = found(Snapshot(100.0, (replace(view, paths=(passed,)),)))
    assert "refused by 10.96.0.7: nothing listens" in title


def test_of_what_is_rejected_some_gets_no_answer() -> None:
    """The kernel sends few ICMP errors a second."""
    talk = replace(SILENT, refused=5, rejected=5, rejected_by="10.0.0.2", unreachable="ICMP")
    (finding,) = findings(seen(talk, None))
    assert finding.rule == "refused" and len(finding.consequences) == 1


@pytest.mark.alike
def test_what_is_refused_for_no_failure_of_anything() -> None:
    """A monitor of a port that nobody promised; some of many, as in a restart; answers in full."""
    monitor = Conversation("TCP", POD.ip, API.ip, 9999, flows=15, refused=15)
    slices = (SliceRow("shop", "api-a", "api", (API.ip,), ()),)
    for talk in (monitor, replace(monitor, port=8080, flows=3, refused=2)):
        view = pod(conversations=(talk,))
        assert not found(Snapshot(100.0, (view,), (POD, API, NEAR), slices=slices)), talk
