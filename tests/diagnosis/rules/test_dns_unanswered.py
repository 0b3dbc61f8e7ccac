"""DNS queries without an answer, followed through nodes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collectors.findings import Finding
from diagnosis.lookups import DnsSummary
from diagnosis.paths import PathDirection, PathRow, Segments
from diagnosis.snapshot import Conversation, Snapshot, TargetView
from tests.support.loss_snapshots import ANSWERED, CLIENT, SERVER, seen
from tests.support.rules import finder

evaluate = finder("dns_unanswered")


def test_questions_are_followed_as_well() -> None:
    asked = Conversation("UDP", CLIENT.ip, SERVER.ip, 53, flows=9, unanswered=9, stopped=9)
    views = seen(None, None)
    node = replace(
        views.targets[0],
        conversations=(ANSWERED, asked),
        lookups=DnsSummary(10, 20, 0, 20, servers=(SERVER.ip,)),
    )
    (finding,) = evaluate(replace(views, targets=(node, views.targets[1])))
    assert finding.title == "100 % of DNS queries get no answer: dropped on n1"
    assert "9 queries came in and did not go out" in [e.text for e in finding.evidence]


def test_a_share_that_is_lost_anywhere_has_no_place() -> None:
    """Of a few the capture sees some come in and not go out; so it does of any."""
    asked = Conversation("UDP", CLIENT.ip, SERVER.ip, 53, flows=20, unanswered=4, stopped=4)
    views = seen(None, None)
    node = replace(
        views.targets[0],
        conversations=(ANSWERED, asked),
        lookups=DnsSummary(10, 20, 0, 4, servers=(SERVER.ip,)),
    )
    (finding,) = evaluate(replace(views, targets=(node, views.targets[1])))
    assert finding.title == "20 % of DNS queries get no answer"


def unanswered(capture_loss: float = 0.0, server: str = SERVER.ip) -> list[Finding]:
    views = seen(None, None)
    lookups = DnsSummary(10, 100, 80, 20, servers=(server,))
    node = replace(views.targets[0], lookups=lookups, capture_loss=capture_loss)
    return evaluate(replace(views, targets=(node,)))


@pytest.mark.alike
def test_a_capture_that_loses_packets_itself() -> None:
    assert unanswered(0.5) and not unanswered(12.0)


@pytest.mark.alike
def test_a_capture_with_legs_that_were_not_joined() -> None:
    """Questions come in and do not leave, by its figures, and nobody misses an answer."""
    leg = PathDirection(Segments(small=40), Segments())
    row = PathRow("UDP", CLIENT.ip, SERVER.ip, 53, "", 0, CLIENT.ip, to_server=leg)
    answered = DnsSummary(10, 100, 100, 0, servers=(SERVER.ip,))
    views = seen(None, None)
    for lookups, count in ((answered, 0), (replace(answered, answered=60, unanswered=40), 1)):
        node = replace(views.targets[0], lookups=lookups, paths=(row,))
        assert len(evaluate(replace(views, targets=(node,)))) == count


def test_a_server_outside_is_not_the_cluster_s() -> None:
    (finding,) = unanswered(server="203.0.113.53")
    assert "servers outside of the cluster (203.0.113.53)" in finding.fix
    (finding,) = unanswered()
    assert "kube-dns" in finding.fix


def of_a_capture(lookups: DnsSummary) -> list[Finding]:
    view = TargetView("pcap/a.pcap", "pcap", "", 0.0, "capture", lookups=lookups)
    return evaluate(Snapshot(0.0, (view,)))


def test_answers_that_only_the_second_question_gets() -> None:
    lookups = DnsSummary(10, 100, 97, 3, retried=21, repeated=20, servers=(SERVER.ip,))
    (finding,) = of_a_capture(lookups)
    assert finding.title.startswith("23 % of DNS queries get no answer, or only to a retry")
    assert "20 of these answered only after a timeout" in finding.evidence[0].text


@pytest.mark.alike
def test_questions_that_are_asked_twice_and_answered_at_once() -> None:
    """By clients that ask so; or one or two, of a few that were lost."""
    assert not of_a_capture(DnsSummary(10, 100, 100, retried=40, servers=(SERVER.ip,)))
    assert not of_a_capture(DnsSummary(10, 100, 100, retried=2, repeated=2))


def rejected(by: str, note: str) -> Finding:
    talk = Conversation(
        "UDP", CLIENT.ip, SERVER.ip, 53, flows=20, unanswered=15, unreachable=note, rejected_by=by
    )
    lookups = DnsSummary(10, 20, 0, 20, servers=(SERVER.ip,))
    view = TargetView(
        "pcap/a.pcap", "pcap", "", 0.0, "capture", conversations=(talk,), lookups=lookups
    )
    (finding,) = evaluate(Snapshot(0.0, (view,)))
    return finding


def test_questions_that_are_rejected_at_the_client_s_end() -> None:
    finding = rejected(SERVER.ip, note := f"ICMP {SERVER.ip} udp port 53 unreachable")
    assert finding.title.endswith(f": rejected by {SERVER.ip} ({note})")
    assert "ss -lnup 'sport = 53'" in finding.fix


def test_a_client_that_refuses_what_comes_too_late_rejects_no_question() -> None:
    note = f"ICMP {CLIENT.ip} udp port 40001 unreachable"
    assert rejected(CLIENT.ip, note).title == "100 % of DNS queries get no answer"


def test_a_few_per_cent_of_many_questions() -> None:
    """Each of them keeps its client waiting for a resolver's timeout."""
    few = DnsSummary(10, 200, 200, retried=12, repeated=12, servers=(SERVER.ip,))
    (finding,) = of_a_capture(few)
    assert finding.title.startswith("6 % of DNS queries")
    assert not of_a_capture(replace(few, retried=4, repeated=4))


def test_one_client_of_many() -> None:
    few = DnsSummary(10, 400, 393, 7, servers=(SERVER.ip,), cut_off={"10.244.1.9": 7, CLIENT.ip: 2})
    (finding,) = of_a_capture(few)
    assert finding.title == "No DNS query of 10.244.1.9 gets an answer, and others do"
    assert not of_a_capture(replace(few, cut_off={CLIENT.ip: 2}))
