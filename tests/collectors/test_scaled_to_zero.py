"""Workloads of no replicas, and pods that were never ready."""

from __future__ import annotations

from typing import Any

import pytest

from collectors.cluster.inventory.row_builders import pod_row
from collectors.cluster.inventory.scaled_to_zero import scaled_row
from collectors.events import ScaledRow


def workload(**spec: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": "db"}}}
    return {
        "metadata": {"name": "db", "namespace": "shop"},
        "spec": {"template": template, **spec},
    }


def test_only_what_is_to_have_no_pods_is_scaled_to_zero() -> None:
    assert scaled_row(workload(replicas=0)) == ScaledRow("shop", "db", (("app", "db"),))
    assert scaled_row(workload(replicas=1)) is None and scaled_row(workload()) is None


@pytest.mark.parametrize(
    ("status", "changed", "never"),
    [
        ("False", "2026-01-01T00:00:01Z", True),
        ("False", "2026-01-01T00:10:00Z", False),  # it was ready
        ("True", "2026-01-01T00:00:01Z", False),
    ],
)
def test_a_pod_was_never_ready_where_its_condition_is_as_old_as_it_is(
    status: str, changed: str, never: bool
) -> None:
    condition = {"type": "Ready", "status": status, "lastTransitionTime": changed}
    item = {
        "metadata": {"name": "db-1", "namespace": "shop"},
        "spec": {},
        "status": {"startTime": "2026-01-01T00:00:00Z", "conditions": [condition]},
    }
    assert pod_row(item).never_ready is never
    assert pod_row({**item, "status": {}}).never_ready is False
