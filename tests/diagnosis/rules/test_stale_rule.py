"""A node's Service rules that are not those of the EndpointSlices."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collectors.events import ServicePort, ServiceRow, SettingsRow, SliceRow
from diagnosis import rules
from diagnosis.paths import PathDirection, PathRow
from diagnosis.snapshot import Conversation
from tests.support.rules import finder
from tests.support.service_snapshots import (
    OTHER_POD,
    SLICE,
    WEB,
    path,
    seen_at,
    service_snapshot,
)
from tests.support.snapshots import API, NEAR, NODE, OTHER, POD

evaluate = finder("stale_rule")
STALE = path(OTHER_POD.ip, refused=9)
RIGHT = path(API.ip, completed=9)


def test_a_rule_leads_to_an_address_that_is_no_endpoint() -> None:
    moment = service_snapshot(seen_at("n1", STALE, RIGHT), seen_at("n2", RIGHT))
    (finding,) = evaluate(replace(moment, pods=(*moment.pods, OTHER_POD)))
    assert (finding.where, finding.confidence) == ("n1", "certain")
    assert "svc/shop/api:80 to 10.2.0.66:8080 (shop/search-1)" in finding.title
    assert any(one.text.startswith("n2: translates as") for one in finding.evidence)


@pytest.mark.alike
def test_connections_that_were_open_before_are_silent() -> None:
    """A pod that is not an endpoint any more, as one that was relabelled, keeps its connections."""
    held = replace(STALE, refused=0, completed=9, to_server=PathDirection())
    assert not evaluate(service_snapshot(seen_at("n1", held, RIGHT), pods=(POD, API, OTHER_POD)))


def test_several_services_of_a_node_are_one_finding() -> None:
    second = replace(WEB, name="db", ips=("10.96.0.8",))
    other = path("10.2.0.77", asked="10.96.0.8", unanswered=9)
    rows = (SLICE, replace(SLICE, name="db-x", service="db"))
    moment = service_snapshot(seen_at("n1", STALE, other), services=(WEB, second), slices=rows)
    (finding,) = evaluate(moment)
    assert "svc/shop/api:80, svc/shop/db:80 to addresses in none" in finding.title


@pytest.mark.parametrize("protocol", ["TCP", "UDP", "SCTP"])
def test_any_protocol(protocol: str) -> None:
    service = replace(WEB, targets=(ServicePort("http", 80, protocol, "8080"),))
    ports = (SLICE.ports[0]._replace(protocol=protocol),)
    moment = service_snapshot(
        seen_at("n1", path("10.2.0.66", protocol=protocol)),
        services=(service,),
        slices=(replace(SLICE, ports=ports),),
    )
    assert len(evaluate(moment)) == 1


def test_ipv6_and_node_ports_and_balancers() -> None:
    six = replace(WEB, ips=("fd00:96::7",), outer_ips=("203.0.113.7",))
    rows = (replace(SLICE, ready=("fd00:2::5",)),)
    for asked, port in (("fd00:96::7", 80), (NODE.address, 30080), ("203.0.113.7", 80)):
        wrong = path("fd00:2::99", asked=asked, asked_port=port)
        good = path("fd00:2::5", asked=asked, asked_port=port)
        assert (
            len(evaluate(service_snapshot(seen_at("n1", wrong), services=(six,), slices=rows))) == 1
        )
        assert not evaluate(service_snapshot(seen_at("n1", good), services=(six,), slices=rows))


def test_a_service_that_is_not_translated() -> None:
    missing = path("10.96.0.7", 80, unanswered=9)
    (finding,) = evaluate(service_snapshot(seen_at("n1", missing), seen_at("n2", RIGHT)))
    assert finding.title == "n1 does not translate svc/shop/api:80, which has endpoints"
    # a resolver on the node has the Service's address itself, and answers
    assert not evaluate(service_snapshot(seen_at("n1", replace(missing, completed=9))))
    # a port that the Service does not have is nobody's
    assert not evaluate(service_snapshot(seen_at("n1", replace(missing, asked_port=81))))
    # nothing is translated where there is no endpoint
    assert not evaluate(
        service_snapshot(seen_at("n1", missing), slices=(replace(SLICE, ready=()),))
    )


@pytest.mark.parametrize(
    ("row", "changed"),
    [
        (STALE, 90.0),  # a rollout: the slice was written 10 s ago, connections are from before
        (path(API.ip, completed=9), 0.0),
        (replace(STALE, connections=2), 0.0),
        (path("", unanswered=9), 0.0),  # it never left: a policy, perhaps
    ],
)
@pytest.mark.alike
def test_what_is_healthy_or_not_known(row: PathRow, changed: float) -> None:
    rows = (replace(SLICE, changed=changed),)
    assert not evaluate(service_snapshot(seen_at("n1", row), slices=rows))


def test_endpoints_that_people_wrote_or_that_are_not_ready() -> None:
    """A Service without a selector whose slice leads outside; an endpoint that is ending."""
    manual = replace(WEB, selector=())
    outside = SliceRow("shop", "api-1", "api", ("203.0.113.9",), (), SLICE.ports)
    moment = service_snapshot(
        seen_at("n1", path("203.0.113.9", completed=9)), services=(manual,), slices=(outside,)
    )
    assert not evaluate(moment)
    ending = replace(SLICE, ready=(API.ip,), not_ready=(NEAR.ip,))
    assert not evaluate(service_snapshot(seen_at("n1", path(NEAR.ip)), slices=(ending,)))


def test_nothing_is_concluded_where_translation_is_unseen() -> None:
    for name, values in (("cilium", (("mtu", "0"),)), ("calico felix", (("bpfEnabled", "true"),))):
        settings = (SettingsRow(name, "x", values),)
        assert not evaluate(service_snapshot(seen_at("n1", STALE), settings=settings))


def test_it_is_the_one_finding_of_its_cause() -> None:
    """Neither is the innocent pod accused, nor its port, nor the Service."""
    refused = Conversation("TCP", POD.ip, OTHER_POD.ip, 8080, flows=9, refused=9)
    asked = replace(refused, server="10.96.0.7", port=80)
    moment = service_snapshot(
        seen_at("n1", STALE, conversations=(refused, asked)), pods=(POD, API, NEAR, OTHER_POD)
    )
    (finding,) = rules.findings(moment)
    assert finding.rule == "stale_rule" and len(finding.consequences) == 2
    gone = replace(moment, pods=(POD, API, NEAR), nodes=(NODE, OTHER))
    (finding,) = rules.findings(gone)
    assert finding.rule == "stale_rule"


def test_who_refuses_is_asked_first_whether_it_is_an_endpoint() -> None:
    refused = Conversation("TCP", POD.ip, API.ip, 8080, flows=9, refused=9)
    one = finder("refused")
    (endpoint,) = one(service_snapshot(seen_at("n1", conversations=(refused,))))
    assert "targetPort of svc/shop/api" in endpoint.fix
    elsewhere = replace(refused, port=9090, flows=40, refused=40)
    (other,) = one(service_snapshot(seen_at("n1", conversations=(elsewhere,))))
    assert "targetPort" not in other.fix


@pytest.mark.parametrize(
    ("asked", "port", "service"),
    [
        (OTHER.address, 30080, WEB),  # a node port of another node: that node translates it
        ("203.0.113.7", 80, replace(WEB, outer_ips=("203.0.113.7",), proxied_ips=("203.0.113.7",))),
    ],
)
def test_what_others_are_to_translate(asked: str, port: int, service: ServiceRow) -> None:
    lost = path(asked, port, asked=asked, asked_port=port, unanswered=9)
    assert not evaluate(service_snapshot(seen_at("n1", lost), services=(service,)))
    own = path(NODE.address, 30080, asked=NODE.address, asked_port=30080, unanswered=9)
    assert evaluate(service_snapshot(seen_at("n1", own)))


def test_udp_that_conntrack_keeps_where_the_rules_reach_each_endpoint() -> None:
    service = replace(WEB, targets=(ServicePort("http", 80, "UDP", "8080"),))
    slices = (replace(SLICE, ports=(SLICE.ports[0]._replace(protocol="UDP"),)),)
    kept = path("10.2.0.66", protocol="UDP", unanswered=9)
    new = [path(one, protocol="UDP", completed=9) for one in (API.ip, NEAR.ip)]
    rows = {"services": (service,), "slices": slices}
    assert not evaluate(service_snapshot(seen_at("n1", kept, *new), **rows))
    assert evaluate(service_snapshot(seen_at("n1", kept, new[0]), **rows))
