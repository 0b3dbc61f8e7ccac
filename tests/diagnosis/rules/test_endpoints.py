"""Some endpoints are out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from collectors.events import (
    NodeRow,
    PodRow,
    ProbeRow,
    ScaledRow,
    ServiceRow,
    SliceRow,
)
from collectors.findings import Finding
from diagnosis.reachability.blind_spots import BlindSpot, BlindSpots
from diagnosis.snapshot import Conversation, Snapshot
from tests.support.loss_snapshots import SERVER, seen
from tests.support.rules import finder

evaluate = finder("endpoints")


def test_some_endpoints_are_out() -> None:
    """Those whose probes go on failing; not a pod that starts."""
    service = ServiceRow("shop", "db", (), (), "ClusterIP", (("app", "db"),))
    row = SliceRow("shop", "db-1", "db", ("10.244.2.6",), ("10.244.2.7",))
    pods = tuple(
        replace(SERVER, name=n, ip=ip, ips=(ip,), labels=(("app", "db"),))
        for n, ip in (("a", "10.244.2.6"), ("b", "10.244.2.7"))
    )
    said = ProbeRow("shop", "e", "b", "Readiness probe failed: HTTP 503", 9, 990.0)
    snapshot = Snapshot(1000.0, (), pods, services=(service,), slices=(row,), probes=(said,))
    (finding,) = evaluate(snapshot)
    assert (finding.severity, finding.title) == (
        "warning",
        "1 of 2 endpoints are out: their probes fail",
    )
    young = replace(snapshot, pods=tuple(replace(p, created=980.0) for p in pods))
    assert not list(evaluate(young))
    assert not list(evaluate(replace(snapshot, probes=(replace(said, last=500.0),))))


def standing_by(message: str, never_ready: bool) -> Snapshot:
    service = ServiceRow("shop", "db", (), (), "ClusterIP", (("app", "db"),))
    row = SliceRow("shop", "db-1", "db", ("10.244.2.6",), ("10.244.2.7",))
    leader = replace(SERVER, name="a", labels=(("app", "db"),))
    standby = replace(leader, name="b", ip="10.244.2.7", ips=("10.244.2.7",))
    pods = (leader, replace(standby, never_ready=never_ready))
    said = ProbeRow("shop", "e", "b", f"Readiness probe failed: {message}", 9, 990.0)
    return Snapshot(1000.0, (), pods, services=(service,), slices=(row,), probes=(said,))


@pytest.mark.alike
def test_a_standby_is_silent_and_one_that_cannot_be_reached_is_not() -> None:
    """It was never ready, and says so; a pod that was ready is out."""
    assert not list(evaluate(standing_by("HTTP probe failed with statuscode: 503", True)))
    assert not list(evaluate(standing_by("connect: connection refused", True)))
    assert len(list(evaluate(standing_by("connect: connection refused", False)))) == 1
    assert len(list(evaluate(standing_by("dial tcp 10.244.2.7:80: i/o timeout", True)))) == 1


@pytest.mark.alike
def test_what_is_scaled_to_zero_is_silent_until_it_is_asked_for() -> None:
    service = ServiceRow("shop", "db", ("10.96.0.8",), (), "ClusterIP", (("app", "db"),))
    slices = (SliceRow("shop", "db-1", "db", (), ()),)
    idle = ScaledRow("shop", "db", (("app", "db"), ("tier", "data")))
    moment = Snapshot(1000.0, (), (SERVER,), services=(service,), slices=slices, scaled=(idle,))
    assert not list(evaluate(moment))
    (other,) = evaluate(replace(moment, scaled=(replace(idle, namespace="bank"),)))
    assert "matches no pod" in other.title
    talk = Conversation("TCP", "10.244.1.5", "10.96.0.8", 80, flows=9, refused=9)
    view = replace(seen(talk, None).targets[0], conversations=(talk,))
    (asked,) = evaluate(replace(moment, targets=(view,)))
    assert "db is scaled to zero, and it is asked for" in asked.title
    assert asked.severity == "critical"


@pytest.mark.parametrize(
    ("kind", "read"), [("endpointslices", ""), ("endpointslices", "bank"), ("pods", "")]
)
def test_what_was_not_listed_is_not_missing(kind: str, read: str) -> None:
    """Slices that no list shows may be there, and pods that a selector matches."""
    service = ServiceRow("shop", "db", (), (), "ClusterIP", (("app", "db"),))
    moment = Snapshot(1000.0, (), (SERVER,), services=(service,))
    assert list(evaluate(moment))
    spot = BlindSpot(kind, "refused", frozenset(filter(None, (read,))))
    assert not list(evaluate(replace(moment, blind=BlindSpots((spot,)))))


@pytest.mark.alike
def test_components_that_are_no_pods_of_a_managed_cluster() -> None:
    """kube-prometheus-stack makes headless Services for them, whoever runs them."""
    scheduler = ServiceRow(
        "kube-system",
        "monitoring-kube-scheduler",
        (),
        ("10259/TCP",),
        "ClusterIP",
        (("component", "kube-scheduler"),),
        headless=True,
    )
    moment = Snapshot(1000.0, (), (SERVER,), services=(scheduler,))
    assert not list(evaluate(moment))
    misspelt = replace(scheduler, selector=(("component", "kube-schedular"),))
    addressed = replace(scheduler, headless=False, ips=("10.96.0.44",))
    broken = replace(
        SERVER, namespace="kube-system", labels=(("component", "kube-scheduler"),), ready="0/1"
    )
    assert list(evaluate(replace(moment, services=(misspelt,))))
    assert list(evaluate(replace(moment, services=(addressed,))))
    assert list(evaluate(replace(moment, pods=(SERVER, broken))))


def none_ready(*pods: PodRow, **more: Any) -> list[Finding]:
    """Of a Service that selects these, 1,000 s after the epoch."""
    service = ServiceRow("shop", "db", ("10.96.0.8",), (), "ClusterIP", (("app", "db"),))
    rows = (SliceRow("shop", "db-1", "db", (), tuple(pod.ip for pod in pods if pod.ip)),)
    return evaluate(Snapshot(1000.0, (), pods, services=(service,), slices=rows, **more))


BACKEND = replace(SERVER, labels=(("app", "db"),), ready="0/1")


def test_pods_of_a_node_that_is_lost_are_not_the_probe_s_fault() -> None:
    node = NodeRow("n2", "192.0.2.2", "", False, "linux", "amd64")
    pod = replace(BACKEND, node="n2")
    (finding,) = none_ready(pod, nodes=(node,))
    assert (
        finding.title == "No endpoint of the Service is ready: n2, where its pods are, is not ready"
    )
    assert finding.fix.startswith("kubectl describe node n2")
    (finding,) = none_ready(pod, nodes=(replace(node, ready=True),))
    assert finding.title.endswith("ready: 1 pod runs, and is not ready")
    near = replace(pod, name="near", ip="10.244.1.8", node="n1")
    (finding,) = none_ready(pod, near, nodes=(node, replace(node, name="n1", ready=True)))
    assert finding.title.endswith("ready: 2 pods run, and are not ready")


def test_probes_fail_where_the_kubelet_said_so() -> None:
    failed = ProbeRow("shop", "e", BACKEND.name, "Readiness probe failed: HTTP 503", 3, 990.0)
    (finding,) = none_ready(BACKEND, probes=(failed,))
    assert finding.title.endswith("ready: 1 pod runs, and its readiness probe fails")
    (finding,) = none_ready(BACKEND, replace(BACKEND, name="b", ip="10.244.1.8"), probes=(failed,))
    assert finding.title.endswith("ready: 2 pods run, and their readiness probes fail")


def test_containers_that_are_ready_in_pods_that_are_not() -> None:
    """A readiness gate, as of a load balancer's target group."""
    (finding,) = none_ready(replace(BACKEND, ready="1/1"))
    assert "the containers of 1 pod are, the pod is not" in finding.title
    assert "readiness gates" in finding.fix


@pytest.mark.alike
def test_a_job_that_is_done_has_no_endpoints_any_more() -> None:
    done = replace(BACKEND, phase="Succeeded", ended=True, ip="", ips=())
    assert not none_ready(done)
    assert none_ready(replace(done, phase="Error"))
    assert none_ready(done, replace(BACKEND, name="next"))


@pytest.mark.alike
def test_pods_that_start_for_the_first_time() -> None:
    for phase in ("Pending", "ContainerCreating", "Running"):
        assert not none_ready(replace(BACKEND, phase=phase, created=970.0))
        assert none_ready(replace(BACKEND, phase=phase, created=900.0))
    assert none_ready(replace(BACKEND, created=970.0, restarts=1))
    assert none_ready(replace(BACKEND, phase="ImagePullBackOff", created=970.0))
    talk = Conversation("TCP", "10.244.1.5", "10.96.0.8", 80, flows=9, refused=9)
    view = replace(seen(talk, None).targets[0], conversations=(talk,))
    service = ServiceRow("shop", "db", ("10.96.0.8",), (), "ClusterIP", (("app", "db"),))
    asked = Snapshot(1000.0, (view,), (replace(BACKEND, created=970.0),), services=(service,))
    assert evaluate(asked)
