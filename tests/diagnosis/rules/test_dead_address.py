"""Connections to an address that no pod has."""

from __future__ import annotations

from dataclasses import replace

from collectors.events import (
    NodeRow,
)
from tests.support.loss_snapshots import SERVER, SILENT, seen
from tests.support.rules import finder

evaluate = finder("refused", "resets", "unanswered", "dead_address")


def test_an_address_that_no_pod_has() -> None:
    nodes = (NodeRow("n2", "192.0.2.2", "", True, "linux", "amd64", pod_cidrs=("10.244.2.0/24",)),)
    dead = replace(SILENT, server="10.244.2.99")
    snapshot = replace(seen(dead, None), nodes=nodes)
    (finding,) = evaluate(snapshot)
    assert (finding.rule, finding.severity, finding.where) == (
        "dead_address",
        "warning",
        "10.244.2.99:5432",
    )
    assert "kube-proxy run on n1" in finding.fix
    for server in ("10.244.2.1", "203.0.113.9", SERVER.ip):  # the bridge, something outside, a pod
        others = evaluate(replace(seen(replace(SILENT, server=server), None), nodes=nodes))
        assert [f.rule for f in others] == ["unanswered"]
    assert [
        f.rule for f in evaluate(replace(seen(replace(dead, answered=1), None), nodes=nodes))
    ] == []
