"""Pods that restart: because of the network, and because of themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from collectors.findings import Finding
from diagnosis.lookups import DnsSummary
from tests.support.snapshots import API, NEAR, POD, found, pod, talk

LOOPS = replace(POD, phase="CrashLoopBackOff", restarts=4, ready="0/1")
MISSING = DnsSummary(15.0, 8, 8, missing={POD.ip: ("db.shop.svc.cluster.local",)})


def crash(row: Any = LOOPS, **seen: Any) -> Finding | None:
    return found(pod(**seen), pods=(row, API, NEAR)).get("crash_loop")


def said(message: str) -> str:
    finding = crash(replace(LOOPS, message=message))
    assert finding is not None
    return finding.severity


def test_a_name_that_does_not_resolve() -> None:
    finding = crash(lookups=MISSING)
    assert finding is not None
    assert (finding.severity, finding.confidence) == ("critical", "certain")
    assert finding.title == "It restarts because db.shop.svc.cluster.local does not resolve"


def test_a_server_that_never_answers() -> None:
    finding = crash(conversations=(talk(refused=9, answered=0),))
    assert finding is not None and finding.confidence == "likely"
    assert "shop/api-1:8080 does not answer" in finding.title


@pytest.mark.parametrize(
    "message",
    [
        "dial tcp: lookup db on 10.96.0.10:53: no such host",
        "connect: connection refused",
        "read tcp 10.1.0.5:4->10.2.0.5:80: i/o timeout",
        "Connection timed out",
        "Temporary failure in name resolution",
    ],
)
def test_what_it_says_itself(message: str) -> None:
    assert said(message) == "critical"


@pytest.mark.parametrize(
    "message",
    [
        "",
        "OOMKilled",
        "panic: runtime error: index out of range",
        "KeyError: key lookup failed",
        "timed out waiting for the migration lock",
        "Liveness probe failed: HTTP probe failed with statuscode: 500",
        "unreachable code was reached",
    ],
)
def test_a_program_that_breaks_by_itself_is_no_warning(message: str) -> None:
    """A line in the list, and no cause."""
    assert said(message) == "info"
    finding = crash(replace(LOOPS, message=message))
    assert finding is not None and finding.confidence == "possible"
    assert "nothing that was seen of its network says why" in finding.title


def test_a_server_that_answers_others_of_its_connections() -> None:
    finding = crash(conversations=(talk(refused=1, answered=19),))
    assert finding is not None and finding.severity == "info"


def test_names_and_failures_of_other_pods() -> None:
    others = replace(MISSING, missing={NEAR.ip: ("db.shop.svc.cluster.local",)})
    theirs = replace(talk(refused=9, answered=0), client=NEAR.ip)
    finding = crash(lookups=others, conversations=(theirs,))
    assert finding is not None and finding.severity == "info"


@pytest.mark.alike
def test_a_pod_that_starts_runs_or_has_ended() -> None:
    assert crash(replace(LOOPS, restarts=0)) is None
    for phase in ("Running", "Pending", "ContainerCreating", "Succeeded", "Terminating"):
        assert crash(replace(LOOPS, phase=phase)) is None


def test_what_was_killed_for_its_memory_is_none_of_the_network_s() -> None:
    """Whatever name it asks for that does not exist, or server that refuses it."""
    killed = replace(LOOPS, message="OOMKilled")
    finding = crash(killed, lookups=MISSING, conversations=(talk(refused=9, answered=0),))
    assert finding is not None
    assert (finding.severity, finding.confidence) == ("info", "possible")


def test_an_init_container_that_waits_for_a_name() -> None:
    for phase in ("Init:CrashLoopBackOff", "Init:Error"):
        finding = crash(replace(LOOPS, phase=phase), lookups=MISSING)
        assert finding is not None and finding.confidence == "certain"
    assert crash(replace(LOOPS, phase="Init:0/1"), lookups=MISSING) is None
