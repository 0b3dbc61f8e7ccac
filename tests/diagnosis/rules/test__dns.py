"""What several vantage points see of the same DNS servers is one finding."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collectors.events import ServiceRow
from diagnosis.lookups import DnsSummary
from diagnosis.rules import findings
from diagnosis.snapshot import Snapshot, TargetView
from tests.support.snapshots import POD, node, pod

DNS = ServiceRow("kube-system", "kube-dns", ("10.96.0.10",), (), "ClusterIP")
SERVERS = ("10.96.0.10",)
SEEN = {
    "dns_failing": DnsSummary(15.0, 99, 99, codes={"NOERROR": 59, "SERVFAIL": 40}),
    "dns_slow": DnsSummary(15.0, 99, 99, codes={"NOERROR": 99}, median_ms=400.0),
    "dns_search": DnsSummary(
        4.0, 2_000, 2_000, codes={"NOERROR": 500, "NXDOMAIN": 1_500}, searched=900
    ),
    "dns_unanswered": DnsSummary(15.0, 99, 59, unanswered=40, codes={"NOERROR": 59}),
}
WELL = DnsSummary(15.0, 99, 99, codes={"NOERROR": 99}, median_ms=1.0, servers=SERVERS)


def on(name: str, lookups: DnsSummary) -> TargetView:
    return replace(node(lookups=lookups), key=f"node/{name}", node=name)


def said(rule: str, *views: TargetView) -> list[tuple[str, int]]:
    """Where it is said, and how many follow from it."""
    services = (DNS,) if any(view.kind == "pod" for view in views) else ()
    known = findings(Snapshot(1.0, views, pods=(POD,), services=services))
    return [(one.where, len(one.consequences)) for one in known if one.rule == rule]


@pytest.mark.parametrize("rule", SEEN)
def test_the_same_servers_seen_from_several_places(rule: str) -> None:
    lookups = replace(SEEN[rule], servers=SERVERS)
    first, second = on("n1", lookups), on("n2", lookups)
    assert said(rule, second, first) == [("10.96.0.10:53", 2)]
    of_two_pods = replace(lookups, servers=(*SERVERS, "10.244.1.9"))
    another = replace(pod(lookups=lookups), key="pod/shop/web-2")
    views = (second, pod(lookups=lookups), another, on("n1", of_two_pods))
    assert said(rule, *views) == [("svc/kube-system/kube-dns:53", 4)]


@pytest.mark.parametrize("rule", SEEN)
def test_one_pod_of_which_its_node_sees_the_same_is_the_place(rule: str) -> None:
    lookups = replace(SEEN[rule], servers=SERVERS)
    assert said(rule, on("n1", lookups), pod(lookups=lookups)) == [("shop/web-1", 1)]


@pytest.mark.parametrize("rule", SEEN)
def test_other_servers_are_another_cause(rule: str) -> None:
    lookups = replace(SEEN[rule], servers=SERVERS)
    apart = replace(lookups, servers=("203.0.113.53",))
    assert said(rule, on("n1", lookups), on("n2", apart)) == [("n1", 0), ("n2", 0)]
    assert said(rule, on("n1", lookups), on("n2", WELL)) == [("n1", 0)]
    assert said(rule, on("n1", WELL), on("n2", WELL)) == []
