"""A node that does not forward."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collectors.events import NodeRow
from collectors.findings import Finding
from diagnosis import rules
from tests.support import path_snapshots as paths
from tests.support.loss_snapshots import SILENT, seen
from tests.support.rules import finder

evaluate = finder("forwarding")


def test_a_node_that_does_not_forward() -> None:
    views = seen(None, None)
    off = replace(views.targets[0], values={"IpForwarding": 2})
    assert [f.where for f in evaluate(replace(views, targets=(off, views.targets[1])))] == ["n1"]
    assert not list(evaluate(views))


def test_what_its_pods_do_not_reach_follows_from_it() -> None:
    views = seen(replace(SILENT, passed=9), replace(SILENT, stopped=9))
    first, second = views.targets
    off = replace(second, values={"IpForwarding": 2})
    (finding,) = rules.findings(replace(views, targets=(first, off)))
    assert finding.rule == "forwarding" and len(finding.consequences) == 1
    assert [one.rule for one in rules.findings(views)] == ["unanswered"]


SIX = "sysctl net.ipv6.conf.all.forwarding"


def forwards(*cidrs: str, **values: int) -> list[Finding]:
    """Of a node whose pods have these ranges."""
    views = seen(None, None)
    nodes = (NodeRow("n1", "192.0.2.1", "", True, "linux", "amd64", pod_cidrs=cidrs),)
    first = replace(views.targets[0], values={"x": 1, **values})
    return evaluate(replace(views, targets=(first,), nodes=nodes))


@pytest.mark.alike
def test_a_node_without_pods_of_that_family_need_not_forward_it() -> None:
    assert not forwards("fd00:1::/64", IpForwarding=2, **{SIX: 1})
    assert not forwards("10.1.0.0/24", IpForwarding=1, **{SIX: 0})


def test_ipv6_that_is_not_forwarded() -> None:
    (finding,) = forwards("fd00:1::/64", **{SIX: 0})
    assert "does not forward packets (IPv6)" in finding.title
    assert "net.ipv6.conf.all.forwarding = 1" in finding.fix and "ip_forward" not in finding.fix
    (finding,) = forwards("10.1.0.0/24", "fd00:1::/64", IpForwarding=2, **{SIX: 0})
    assert "(IPv4 and IPv6)" in finding.title and "net.ipv4.ip_forward = 1" in finding.fix


def test_an_endpoint_that_gets_nothing_behind_it_follows_from_it() -> None:
    """SYNs leave n1 for the endpoint, and nothing comes back."""
    sent = paths.direction(paths.data(100, 0))
    unanswered = replace(paths.LOST, endpoint=paths.SECOND, endpoint_port=8080, to_server=sent)
    off = replace(paths.node(name="n2"), values={"IpForwarding": 2})
    for where, said in (("n2", ["forwarding"]), ("n3", ["endpoint_failing", "forwarding"])):
        pods = (*paths.PODS[:2], replace(paths.PODS[2], node=where))
        moment = paths.snapshot(paths.node(paths.WELL, unanswered), off, pods=pods)
        assert sorted(one.rule for one in rules.findings(moment)) == said
