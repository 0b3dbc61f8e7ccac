"""Probes that are dropped on their path from the node, and those that fail for another reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from collectors.events import ContainerPort, ProbeRow, ServiceRow, SliceRow
from collectors.findings import Finding
from diagnosis.snapshot import Conversation
from tests.support.policy_snapshots import policy
from tests.support.snapshots import API, NODE, POD, found, node, pod

OUT = replace(POD, ready="0/1", created=-900.0)
MESSAGE = 'Readiness probe failed: Get "http://10.1.0.5:8080/": dial tcp 10.1.0.5:8080: i/o timeout'
LATE = (
    'Readiness probe failed: Get "http://10.1.0.5:8080/": context deadline exceeded '
    "(Client.Timeout exceeded while awaiting headers)"
)
PROBE = ProbeRow("shop", "web-1.a", "web-1", LATE, 9, 95.0)
OTHERS = Conversation("TCP", API.ip, POD.ip, 8080, flows=10, answered=10)
KUBELET = Conversation("TCP", NODE.address, POD.ip, 8080, flows=2, unanswered=2)
WEB = ServiceRow("shop", "web", ("10.96.0.7",), ("80/TCP",), "ClusterIP", POD.labels)
WEB_SLICE = SliceRow("shop", "web-1", "web", ("10.1.0.9",), (POD.ip,))
CLIENTS = policy(
    "web-clients",
    {
        "podSelector": {"matchLabels": {"app": "web"}},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "api"}}}]}],
    },
)


def finding(
    *talks: Conversation, probe: ProbeRow = PROBE, of: Any = OUT, at: Any = node, **more: Any
) -> Finding | None:
    view = at(conversations=talks)
    rows = {"pods": (of, API), "probes": (probe,), **more}
    return found(view, **rows).get("probe_filtered")


def test_dropped_between_the_node_and_the_pod() -> None:
    said = finding(OTHERS, KUBELET)
    assert said and said.where == "shop/web-1:8080"
    assert said.title.endswith("while others reach port 8080: what comes from n1 is dropped")
    assert (said.severity, said.confidence) == ("critical", "likely")
    assert "2 SYNs from 192.168.0.1 (n1) unanswered" in [one.text for one in said.evidence]


def test_in_the_pod_where_its_capture_has_the_probes() -> None:
    said = finding(OTHERS, KUBELET, at=pod)
    assert said is not None  # the view's pod is ready, so it is another row
    view = replace(pod(conversations=(OTHERS, KUBELET)), pod=OUT)
    said = found(view, pods=(OUT, API), probes=(PROBE,))["probe_filtered"]
    assert said.title.endswith("is dropped, in the pod")


def test_the_policy_that_does_not_admit_the_node() -> None:
    said = finding(OTHERS, KUBELET, policies=(CLIENTS,))
    assert said and said.title.endswith("; shop/web-clients does not admit its node")
    assert said.fix_kind == "yaml" and "192.168.0.1/32" in said.fix


@pytest.mark.parametrize("peers", [[{"ipBlock": {"cidr": "192.168.0.0/16"}}], []])
def test_a_policy_that_admits_the_node_is_not_blamed(peers: list[Any]) -> None:
    spec = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": peers}]}
    said = finding(OTHERS, KUBELET, policies=(CLIENTS, policy("all", spec)))
    assert said and "admit" not in said.title and said.fix_kind == "shell"


def test_the_endpoints_that_are_out_are_listed_under_it() -> None:
    rows = {"services": (WEB,), "slices": (WEB_SLICE,), "pods": (OUT, API), "probes": (PROBE,)}
    said = found(node(conversations=(OTHERS, KUBELET)), **rows)
    assert "endpoints" not in said
    assert [one for one in said["probe_filtered"].consequences if "1 of 2 endpoints" in one]


def test_without_the_probes_in_a_capture_only_where_no_connection_was_made() -> None:
    assert finding(OTHERS) is None
    said = finding(OTHERS, probe=replace(PROBE, message=MESSAGE))
    assert said and said.confidence == "possible"


def test_the_port_of_a_container_where_the_message_has_none() -> None:
    declared = replace(OUT, ports=(ContainerPort("http", 8080, "TCP"),))
    bare = replace(PROBE, message="Readiness probe failed: context deadline exceeded")
    assert finding(OTHERS, KUBELET, probe=bare, of=declared)
    assert finding(OTHERS, KUBELET, probe=bare) is None


# --- what looks alike and is something else


def test_nothing_listens() -> None:
    refused = replace(KUBELET, unanswered=0, refused=2)
    message = "Readiness probe failed: dial tcp 10.1.0.5:8080: connect: connection refused"
    assert finding(OTHERS, refused, probe=replace(PROBE, message=message)) is None
    assert finding(OTHERS, refused) is None


@pytest.mark.alike
def test_the_program_is_slow_to_answer_its_probe() -> None:
    answered = replace(KUBELET, unanswered=0, answered=2)
    assert finding(OTHERS, answered) is None


@pytest.mark.alike
def test_nobody_gets_an_answer() -> None:
    silent = replace(OTHERS, answered=0, unanswered=10)
    assert finding(silent, KUBELET) is None
    assert finding(KUBELET) is None
    assert finding(replace(OTHERS, flows=14, unanswered=4), KUBELET) is None


def test_a_pod_that_starts() -> None:
    assert finding(OTHERS, KUBELET, of=replace(OUT, created=85.0)) is None


def test_a_kubelet_reports_few_of_many_failures() -> None:
    """After 25 in a row one in five minutes: what is captured is of now."""
    assert finding(OTHERS, KUBELET, probe=replace(PROBE, last=-180.0, count=1))
    assert finding(OTHERS, KUBELET, probe=replace(PROBE, last=-300.0)) is None


def test_probes_that_failed_long_ago_or_once() -> None:
    made = replace(PROBE, message=MESSAGE)
    assert finding(OTHERS, probe=made)
    assert finding(OTHERS, probe=replace(made, last=-60.0)) is None
    assert finding(OTHERS, probe=replace(made, count=2)) is None


def test_a_ready_pod_of_which_one_probe_failed_once() -> None:
    ready = replace(OUT, ready="1/1")
    assert finding(OTHERS, KUBELET, of=ready, probe=replace(PROBE, count=1)) is None


def test_another_node_is_not_the_kubelet() -> None:
    assert finding(OTHERS, replace(KUBELET, client="192.168.0.2")) is None


def test_a_command_that_is_late() -> None:
    message = 'Liveness probe failed: command "check" timed out after 1s'
    assert finding(OTHERS, KUBELET, probe=replace(PROBE, message=message)) is None
