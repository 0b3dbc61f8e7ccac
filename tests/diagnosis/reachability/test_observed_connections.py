"""What was seen of the connections that a verdict is about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from collectors.events import (
    ServicePort,
    ServiceRow,
)
from diagnosis.reachability.observed_connections import proof
from diagnosis.snapshot import Snapshot
from tests.support.snapshots import API, POD, pod, talk


def sights(here: Any, there: Any = None) -> list[str]:
    """What is said of web-1 → api-1:8080, from what each of them saw."""
    views = [pod(conversations=(talk(**here),) if here else ())]
    if there is not None:
        views.append(
            replace(
                pod(conversations=(talk(**there),) if there else ()), key="pod/shop/api-1", pod=API
            )
        )
    return proof(Snapshot(100.0, tuple(views), (POD, API)), POD, API, "8080", "TCP")


def test_the_proof_beside_a_verdict() -> None:
    lost = {"flows": 4, "answered": 0, "unanswered": 4}
    refused = {"flows": 4, "answered": 0, "refused": 4}
    assert sights({"flows": 4, "answered": 4}, {"flows": 4, "answered": 4}) == [
        "at web-1: 4 left, 4 answered",
        "at api-1: 4 arrived, 4 answered",
    ]
    assert sights(lost, {})[1:] == [
        "at api-1: none arrived",
        "dropped between the two: it leaves here and arrives nowhere",
    ]
    assert "no answer comes back" in sights(lost, lost)[-1]
    assert sights(refused, refused)[-1] == "refused by api-1 itself: nothing listens there"
    assert "never reached a pod" in sights(refused, {})[-1]
    assert "open the pod on the other side" in sights(lost)[-1]
    assert sights({}, {}) == []


def test_the_proof_of_a_service_is_at_its_pods() -> None:
    service = ServiceRow(
        "shop",
        "api",
        ("10.96.0.2",),
        (),
        "ClusterIP",
        (("app", "api"),),
        (ServicePort("", 80, "TCP", "8080"),),
    )
    asked = replace(talk(flows=3, answered=0, unanswered=3), server="10.96.0.2", port=80)
    views = (pod(conversations=(asked,)), replace(pod(), key="pod/shop/api-1", pod=API))
    said = proof(Snapshot(100.0, views, (POD, API)), POD, service, "80", "TCP")
    assert said == [
        "at web-1: 3 left, 3 without an answer",
        "at api-1: none arrived",
        "dropped between the two: it leaves here and arrives nowhere",
    ]
