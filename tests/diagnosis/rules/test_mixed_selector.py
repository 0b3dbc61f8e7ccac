"""A Service that selects pods of another workload."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from collectors.events import ContainerPort, PodRow
from diagnosis import rules
from diagnosis.snapshot import Conversation, Snapshot
from tests.support.rules import finder
from tests.support.service_snapshots import SLICE, path, seen_at, service_snapshot
from tests.support.snapshots import API, NEAR, POD

evaluate = finder("mixed_selector")
JOB = replace(NEAR, name="api-migrate", uid="u8", ip="10.1.0.8", workload="Deployment/migrate")


def talk(pod: PodRow, **more: Any) -> Conversation:
    return Conversation("TCP", POD.ip, pod.ip, 8080, flows=9, **more)


def snapshot(*talks: Conversation, pods: tuple[PodRow, ...] = (POD, API, JOB)) -> Snapshot:
    rows = (replace(SLICE, ready=(API.ip, JOB.ip)),)
    return service_snapshot(seen_at("n1", conversations=talks), pods=pods, slices=rows)


def test_pods_of_another_workload_refuse() -> None:
    (finding,) = evaluate(snapshot(talk(API, answered=18), talk(JOB, refused=9)))
    assert (finding.where, finding.severity) == ("svc/shop/api:80", "critical")
    assert "selects api-migrate as well, of another workload" in finding.title
    assert finding.title.endswith("on 8080: connections are refused")
    assert "targetPort" not in finding.fix and "label pod api-migrate app-" in finding.fix


def test_the_share_is_of_what_the_clients_nodes_saw() -> None:
    seen = snapshot(talk(API, answered=18), talk(JOB, refused=9))
    rows = path(API.ip, completed=9), path(JOB.ip, connections=5, refused=5)
    (finding,) = evaluate(replace(seen, targets=(*seen.targets, seen_at("n1", *rows))))
    assert finding.title.endswith("5 of 14 connections are refused")


def test_pods_that_nothing_owns_are_compared_by_what_they_run() -> None:
    bare = replace(API, workload="", program="a"), replace(JOB, workload="", program="b")
    found = evaluate(snapshot(talk(API, answered=9), talk(JOB, refused=9), pods=(POD, *bare)))
    assert len(found) == 1
    alike = bare[0], replace(bare[1], program="a")
    assert not evaluate(snapshot(talk(API, answered=9), talk(JOB, refused=9), pods=(POD, *alike)))


@pytest.mark.alike
def test_blue_and_green_both_serve() -> None:
    assert not evaluate(snapshot(talk(API, answered=9), talk(JOB, answered=9)))


def test_what_is_something_else() -> None:
    """Nobody serves: the port may be wrong. A pod of the same workload; one that has just started;
    one that has ended; one that is not ready and gets nothing."""
    assert not evaluate(snapshot(talk(API, refused=9), talk(JOB, refused=9)))
    for other in (
        replace(JOB, workload=API.workload),
        replace(JOB, created=95.0),
        replace(JOB, ended=True, phase="Succeeded"),
        replace(JOB, ready="0/1"),
    ):
        talks = talk(API, answered=9), talk(JOB, refused=9)
        assert not evaluate(snapshot(*talks, pods=(POD, API, other))), other


def test_two_services_with_one_selector_are_one_finding() -> None:
    moment = snapshot(talk(API, answered=18), talk(JOB, refused=9))
    second = replace(moment.services[0], name="front", ips=("10.96.0.8",))
    (finding,) = evaluate(replace(moment, services=(*moment.services, second)))
    assert {one.source for one in finding.evidence} >= {"Service shop/api", "Service shop/front"}


def test_it_is_the_one_finding_of_its_cause() -> None:
    talks = talk(API, answered=18), talk(JOB, refused=9)
    (finding,) = rules.findings(snapshot(*talks))
    assert finding.rule == "mixed_selector"
    assert [text.partition(": ")[0] for text in finding.consequences] == ["shop/api-migrate:8080"]


@pytest.mark.alike
def test_a_canary_that_declares_the_port_and_has_failed() -> None:
    """It is meant to serve: to narrow the selector would be wrong."""
    canary = replace(JOB, ports=(ContainerPort("http", 8080, "TCP"),))
    talks = (talk(API, answered=20), talk(canary, refused=5))
    assert not evaluate(snapshot(*talks, pods=(POD, API, canary)))
    metrics = replace(JOB, ports=(ContainerPort("metrics", 9100, "TCP"),))
    assert evaluate(snapshot(*talks, pods=(POD, API, metrics)))
