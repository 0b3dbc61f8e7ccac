"""Some endpoints are out."""

from __future__ import annotations

from dataclasses import replace

from collectors.events import (
    ProbeRow,
    ServiceRow,
    SliceRow,
)
from diagnosis.snapshot import Snapshot
from tests.support.loss_snapshots import SERVER
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
