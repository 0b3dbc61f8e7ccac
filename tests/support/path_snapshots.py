"""What captures saw of a Service with two endpoints, as rows of `diagnosis.paths`."""

from __future__ import annotations

from dataclasses import replace

from collectors.events import NodeRow, PodRow, ServiceRow, SliceRow
from diagnosis.paths import PathDirection, PathRow, Retransmissions, Segments
from diagnosis.snapshot import Snapshot, TargetView

SERVICE = "10.96.0.7"
CLIENT, FIRST, SECOND, OTHER = "10.244.1.6", "10.244.1.3", "10.244.1.4", "10.244.2.9"


def pod(name: str, address: str, node: str = "n1") -> PodRow:
    return PodRow("shop", name, name, node, address, "Running", "1/1", 0, 0.0, ips=(address,))


PODS = (pod("web", CLIENT), pod("api-1", FIRST), pod("api-2", SECOND))
API = ServiceRow("shop", "api", (SERVICE,), ("80/TCP",), "ClusterIP")
SLICE = SliceRow("shop", "api-1", "api", (FIRST, SECOND), (), ())
NODES = tuple(
    NodeRow(name, f"10.200.0.{n}", "", True, "linux", "amd64") for n, name in ((1, "n1"), (2, "n2"))
)


NONE = Retransmissions()


def direction(
    entered: Segments, left: Segments | None = None, again: Retransmissions = NONE
) -> PathDirection:
    left = entered if left is None else left
    return PathDirection(entered, left, again, complete_entered=entered, complete_left=left)


def data(syn: int, small: int, large: int = 0, rst: int = 0) -> Segments:
    """To the server: SYNs, requests of 100 bytes, uploads of 1,400."""
    return Segments(syn=syn, small=small, large=large, rst=rst, bytes=100 * small + 1_400 * large)


def answers(syn_ack: int, small: int, large: int = 0, rst: int = 0) -> Segments:
    return replace(data(0, small, large, rst), syn_ack=syn_ack)


WELL = PathRow(
    "TCP",
    CLIENT,
    SERVICE,
    80,
    FIRST,
    8080,
    CLIENT,
    connections=100,
    completed=100,
    requests=100,
    answered=100,
    to_server=direction(data(100, 100)),
    to_client=direction(answers(100, 100)),
)
WELL_TOO = replace(WELL, endpoint=SECOND)
LOST = replace(  # never left
    WELL,
    endpoint="",
    endpoint_port=0,
    completed=0,
    requests=0,
    answered=0,
    unanswered=30,
    stuck=30,
    connections=40,
    to_server=direction(data(100, 0), Segments(), Retransmissions(syn=60)),
    to_client=PathDirection(),
)


def node(*rows: PathRow, name: str = "n1", **more: object) -> TargetView:
    return TargetView(
        f"node/{name}",
        "node",
        name,
        0.0,
        "whole node",
        values={"x": 1},
        paths=rows,
        **more,  # type: ignore[arg-type]
    )


def snapshot(*views: TargetView, **more: object) -> Snapshot:
    known: dict[str, object] = {
        "pods": PODS,
        "nodes": NODES,
        "services": (API,),
        "slices": (SLICE,),
    }
    return Snapshot(0.0, views, **(known | more))  # type: ignore[arg-type]
