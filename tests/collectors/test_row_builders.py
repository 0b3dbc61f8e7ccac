"""Rows of pods and Ingresses: what annotations say, and how containers ended."""

from __future__ import annotations

from typing import Any

import pytest

from collectors.cluster.inventory.row_builders import ingress_row, pod_row
from collectors.events import PodRow


@pytest.mark.parametrize(
    ("text", "bits"),
    [
        ("8M", 8_000_000),
        ("1.5G", 1_500_000_000),
        ("10Mi", 10 * 2**20),
        ("500k", 500_000),
        ("2000000", 2_000_000),
        ("", 0),
        ("M", 0),
        ("-8M", 0),
        ("8 M", 0),
        ("8MM", 0),
        ("lots", 0),
        ("9" * 4_000, 0),
    ],
)
def test_bandwidth(text: str, bits: int) -> None:
    annotations: dict[str, Any] = {"kubernetes.io/egress-bandwidth": text}
    row = pod_row({"metadata": {"name": "a", "annotations": annotations}, "spec": {}, "status": {}})
    assert (row.ingress_limit, row.egress_limit) == (0, bits)


def ended(reason: str, message: str = "", restarts: int = 4) -> dict[str, object]:
    waiting = {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting"}
    last = {"terminated": {"reason": reason, "message": message}}
    return {"state": {"waiting": waiting}, "lastState": last, "restartCount": restarts}


def row_of(**status: object) -> PodRow:
    meta = {"name": "web-1", "namespace": "shop", "uid": "u"}
    return pod_row({"metadata": meta, "spec": {}, "status": status})


def test_a_container_says_how_it_ended_before_that_it_waits() -> None:
    """FallbackToLogsOnError puts the end of the log there; memory is said by the reason alone."""
    assert row_of(containerStatuses=[ended("Error", "no such host")]).message == "no such host"
    assert row_of(containerStatuses=[ended("OOMKilled")]).message == "OOMKilled"
    assert row_of(containerStatuses=[ended("Error")]).message == "back-off 5m0s restarting"
    pulling = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
    last = {"terminated": {"reason": "Error", "message": "exit 1"}}
    entry = {"state": pulling, "lastState": last}
    assert row_of(containerStatuses=[entry]).message == "no such image"


def test_an_init_container_that_fails_is_what_the_pod_waits_for() -> None:
    """As kubectl shows it, with its restarts."""
    waits = {"state": {"waiting": {"reason": "PodInitializing"}}, "restartCount": 0}
    done = {"state": {"terminated": {"reason": "Completed"}}, "restartCount": 2}
    row = row_of(containerStatuses=[waits], initContainerStatuses=[done, ended("Error")])
    assert (row.phase, row.restarts) == ("Init:CrashLoopBackOff", 6)
    row = row_of(containerStatuses=[waits], initContainerStatuses=[done])
    assert row.phase == "PodInitializing"
    runs = {"state": {"running": {}}, "restartCount": 1}
    row = row_of(phase="Running", containerStatuses=[runs], initContainerStatuses=[done])
    assert (row.phase, row.restarts) == ("Running", 1)


def test_limits_of_both_controllers_called_nginx() -> None:
    kept = {"nginx.ingress.kubernetes.io/limit-rps": "20", "nginx.org/limit-req-rate": "20r/s"}
    meta = {"name": "front", "namespace": "shop", "annotations": {**kept, "nginx.org/other": "x"}}
    assert dict(ingress_row({"metadata": meta, "spec": {}}).annotations) == kept
