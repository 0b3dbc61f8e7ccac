"""Readiness that comes and goes, and pods that are unready for a reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collectors.events import ProbeRow, ServiceRow, SliceRow
from diagnosis import rules
from diagnosis.readiness_flips import ReadinessFlips
from diagnosis.rules.flapping import explains
from diagnosis.snapshot import Conversation, Snapshot, TargetView
from tests.support.rules import finder
from tests.support.snapshots import NEAR, POD

evaluate = finder("flapping")
SERVICE = ServiceRow("shop", "web", ("10.96.0.7",), ("80/TCP",), "ClusterIP", POD.labels)
SLICE = SliceRow("shop", "web-a", "web", (), (POD.ip,))
FLIPS = ReadinessFlips("shop", "web-1", 6, 30.0, 95.0)
SAID = ProbeRow("shop", "e", "web-1", "Readiness probe failed: context deadline exceeded", 9, 99.0)
FLAPPING = Snapshot(
    100.0,
    pods=(replace(POD, ready="0/1"),),
    services=(SERVICE,),
    slices=(SLICE,),
    flips=(FLIPS,),
    probes=(SAID,),
)


def test_it_says_how_often_and_of_which_service() -> None:
    (finding,) = evaluate(FLAPPING)
    assert finding.severity == "critical"
    assert "6 changes in 30 s" in finding.title and "svc/shop/web" in finding.title
    assert "12 changes a minute" in finding.evidence[0].text
    assert "deadline exceeded" in finding.evidence[1].text


def test_where_other_endpoints_are_ready_it_is_a_warning() -> None:
    (finding,) = evaluate(replace(FLAPPING, slices=(replace(SLICE, ready=(NEAR.ip,)),)))
    assert finding.severity == "warning"


@pytest.mark.alike
def test_one_outage_a_start_or_an_end_is_no_flapping() -> None:
    assert not evaluate(replace(FLAPPING, flips=(replace(FLIPS, count=3),)))
    assert not evaluate(replace(FLAPPING, flips=()))
    assert not evaluate(replace(FLAPPING, pods=(replace(POD, phase="Terminating"),)))
    assert not evaluate(replace(FLAPPING, pods=(replace(POD, phase="Failed", ended=True),)))


def test_a_pod_that_leaves_no_endpoints_is_nobody_s_trouble() -> None:
    """No Service selects it, or the Service has it ready or not."""
    assert not evaluate(replace(FLAPPING, services=()))
    assert not evaluate(replace(FLAPPING, services=(replace(SERVICE, namespace="bank"),)))
    assert not evaluate(replace(FLAPPING, services=(replace(SERVICE, selector=()),)))
    published = replace(SERVICE, publish_not_ready=True)
    assert not evaluate(replace(FLAPPING, services=(published,)))


def test_what_follows_is_said_under_it() -> None:
    (finding,) = rules.findings(FLAPPING)
    assert finding.rule == "flapping"
    assert "No endpoint of the Service is ready" in finding.consequences[0]
    another = replace(POD, name="web-2", uid="u9", ip="10.1.0.9", ready="0/1")
    both = rules.findings(replace(FLAPPING, pods=(*FLAPPING.pods, another)))
    assert {one.rule for one in both} == {"flapping", "endpoints"}


def test_connections_of_its_service_fail_because_of_it_and_no_others() -> None:
    talk = Conversation("TCP", NEAR.ip, "10.96.0.7", 80, flows=9, refused=9)
    view = TargetView("node/n1", "node", "n1", 100.0, "whole node", conversations=(talk,))
    snapshot = replace(FLAPPING, targets=(view,))
    (finding,) = evaluate(snapshot)
    assert explains(snapshot, finding, talk)
    assert not explains(snapshot, finding, replace(talk, server="10.96.0.8"))
    with_other = replace(snapshot, slices=(replace(SLICE, ready=(NEAR.ip,)),))
    assert not explains(with_other, finding, talk)
