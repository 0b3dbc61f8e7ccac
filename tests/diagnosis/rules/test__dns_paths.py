"""Where a node loses DNS queries, their answers, or gets none, by its capture."""

from __future__ import annotations

from dataclasses import replace

import pytest

from diagnosis.lookups import DnsSummary
from diagnosis.paths import PathDirection, PathRow, Segments
from diagnosis.snapshot import Snapshot, TargetView
from tests.support.path_snapshots import PODS, node
from tests.support.rules import finder

evaluate = finder("dns_unanswered")
CLIENT, SERVICE, SERVER = "10.244.1.6", "10.96.0.10", "10.244.1.9"
SEEN = DnsSummary(15.0, 200, 180, 20, retried=20, servers=(SERVICE, SERVER))


def counted(came: int, left: int) -> PathDirection:
    return PathDirection(Segments(small=came), Segments(small=left))


def row(there: tuple[int, int], back: tuple[int, int], **more: object) -> PathRow:
    known = PathRow("UDP", CLIENT, SERVICE, 53, SERVER, 53, CLIENT, connections=100)
    rows = {"to_server": counted(*there), "to_client": counted(*back)} | more
    return replace(known, **rows)  # type: ignore[arg-type]


def said(*rows: PathRow, lookups: DnsSummary = SEEN) -> list[str]:
    view = replace(node(*rows, lookups=lookups), kind="pcap", values={})
    return [one.title.partition(" % of DNS queries get no answer")[2] for one in evaluate(at(view))]


def at(*views: TargetView) -> Snapshot:
    return Snapshot(0.0, views)


NEVER_LEFT = row((40, 0), (0, 0), endpoint="", endpoint_port=0)


def test_questions_that_come_in_and_do_not_leave() -> None:
    (text,) = said(row((100, 100), (100, 100)), NEVER_LEFT)
    assert text == ": dropped on the captured node: they come into it and do not leave it"


def test_answers_that_come_in_and_do_not_leave() -> None:
    (text,) = said(row((100, 100), (100, 60)))
    assert text == ": the answers come into the captured node and do not leave it"


def test_a_server_that_does_not_answer() -> None:
    (text,) = said(row((100, 100), (30, 30)))
    assert text == f": they leave the captured node for {SERVER} and nothing comes back"


SECOND = "10.244.2.20"
DEAD = row((60, 60), (0, 0), endpoint=SECOND)


def test_one_of_two_servers_that_does_not_answer() -> None:
    (text,) = said(row((100, 100), (100, 100)), DEAD)
    assert text == (
        f": they leave the captured node for {SECOND}, 1 of 2 servers of {SERVICE}, and nothing "
        "comes back"
    )
    error = "ICMP udp port 53 unreachable"
    rejected = replace(DEAD, rejected=9, icmp=error, icmp_from=SERVICE)
    assert said(row((100, 100), (100, 100)), rejected) == [f": rejected by {SECOND} ({error})"]


@pytest.mark.parametrize("other", [(100, 60), (100, 0), (2, 2)])
def test_servers_of_which_none_is_well_are_all_named(other: tuple[int, int]) -> None:
    left, came = other
    (text,) = said(row((left, left), (came, came)), DEAD)
    assert f"for {SERVER}, {SECOND} and nothing" in text


def test_where_its_node_drops_them() -> None:
    asked = replace(SEEN, servers=(SERVICE, SERVER, SECOND))
    near = replace(node(row((100, 100), (100, 100)), DEAD, lookups=asked), kind="pcap", values={})
    there = row((60, 0), (0, 0), asked=SECOND, endpoint="", endpoint_port=0)
    lookups = DnsSummary(15.0, 16, 0, 16, retried=20, servers=(SECOND,))
    far = replace(node(there, name="n2", lookups=lookups), kind="local")
    found = evaluate(at(near, far))
    (whole,) = [one for one in found if one.subject.name == SERVICE]
    assert whole.title.endswith(
        f"for {SECOND}, 1 of 2 servers of {SERVICE}, and nothing comes back; dropped on n2: they "
        "come into it and do not leave it"
    )
    assert "# on n2: the rule" in whole.fix


def test_who_rejects_them() -> None:
    rejected = {"rejected": 9, "icmp": "ICMP udp port 53 unreachable"}
    (text,) = said(row((100, 100), (0, 0), icmp_from=SERVICE, **rejected))
    assert text == f": rejected by {SERVER} (ICMP udp port 53 unreachable)"
    (text,) = said(row((100, 100), (0, 0), icmp_from="10.9.9.9", **rejected))
    assert text.startswith(": rejected by 10.9.9.9 (")
    (text,) = said(replace(NEVER_LEFT, icmp_from="10.244.1.1", **rejected))  # type: ignore[arg-type]
    assert text.startswith(": rejected by the captured node (")


def test_a_pod_s_questions_are_followed_on_its_node() -> None:
    pod = replace(node(lookups=SEEN), key="pod/shop/web", kind="pod", pod=PODS[0])
    (finding,) = evaluate(at(pod, replace(node(NEVER_LEFT), kind="pcap", values={})))
    assert finding.where == "shop/web" and "dropped on the captured node" in finding.title
    other = replace(NEVER_LEFT, client="10.244.1.77")
    (finding,) = evaluate(at(pod, replace(node(other), kind="pcap", values={})))
    assert "dropped on" not in finding.title


WELL = replace(SEEN, unanswered=0, retried=0)
HEALTHY = [
    (WELL, row((100, 100), (100, 100))),
    (WELL, NEVER_LEFT),  # masqueraded legs that were not joined: nobody misses an answer
    (WELL, row((104, 100), (96, 96))),  # some on their path as the window ended
    (SEEN, replace(NEVER_LEFT, one_sided=True)),  # asked of the node's own cache
]


@pytest.mark.parametrize(("lookups", "seen"), HEALTHY)
def test_what_looks_alike_has_no_place(lookups: DnsSummary, seen: PathRow) -> None:
    assert said(seen, lookups=lookups) in ([], [""])
