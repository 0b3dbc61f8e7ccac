"""What a pod's annotations say of its bandwidth."""

from __future__ import annotations

from typing import Any

import pytest

from collectors.cluster.inventory.row_builders import pod_row


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
