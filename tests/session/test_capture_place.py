"""On which node a capture was made that is given without its name."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path

import pytest

from collectors import events as ev
from session.capture_place import captured_node, known_nodes
from tests.support.frames import write_pcap
from tests.support.incident import BEGAN, written
from tests.support.node_capture import COOKED2, IN, OUT, SYN, Hop, Segment
from tests.support.path_snapshots import pod

CLUSTER = Path(__file__).parent.parent / "data" / "cluster"
WEB, DATABASE, FAR, GATEWAY = "10.244.1.5", "10.244.1.6", "10.244.2.7", "10.244.1.1"


def node(name: str, address: str, cidr: str) -> ev.NodeRow:
    return ev.NodeRow(name, address, "", True, "linux", "amd64", pod_cidrs=(cidr,))


def recording(path: Path, at: float = BEGAN, opened: Iterable[str] = ("n1", "n2")) -> Path:
    nodes = (node("n1", "10.0.0.1", "10.244.1.0/24"), node("n2", "10.0.0.2", "10.244.2.0/24"))
    pods = (pod("web", WEB), pod("db", DATABASE), pod("far", FAR, "n2"))
    listed: list[ev.Event] = [
        ev.SessionStart(at, "", "prod", "alice", "shop", "v1.36"),
        ev.InventoryList(at, "", "nodes", nodes),
        ev.InventoryList(at, "", "pods", pods),
    ]
    return written(path, [*listed, *(ev.TargetState(at, f"node/{one}", "live") for one in opened)])


def capture(path: Path, *seen: tuple[int, int, str, str]) -> Path:
    """Of interface, packet type, source and destination."""
    hops = (Hop(interface, side, (a, 40000, b, 80)) for interface, side, a, b in seen)
    frames = [Segment(SYN, number).at(hop, 0).data for number, hop in enumerate(hops)]
    return write_pcap(path, COOKED2, frames)


ON_NODE = (
    ((3, IN, WEB, DATABASE), (4, OUT, WEB, DATABASE), (4, IN, DATABASE, WEB)),
    ((3, IN, WEB, "10.96.0.1"), (4, OUT, WEB, DATABASE), (4, IN, DATABASE, WEB)),
    ((3, OUT, GATEWAY, WEB), (3, IN, WEB, GATEWAY)),
    ((3, OUT, "10.0.0.1", WEB), (3, IN, WEB, "10.0.0.1")),
)
ELSEWHERE = (
    ((2, OUT, WEB, DATABASE), (2, IN, DATABASE, WEB)),  # in web itself
    ((2, IN, GATEWAY, WEB), (2, OUT, WEB, GATEWAY)),
    ((3, IN, WEB, FAR), (4, OUT, WEB, FAR), (4, IN, FAR, WEB)),  # on either node
    ((3, IN, "10.9.9.9", "10.9.9.8"), (3, OUT, "10.9.9.8", "10.9.9.9")),
    (),
)


@pytest.mark.parametrize("seen", ON_NODE)
def test_what_only_that_node_carries(
    tmp_path: Path, seen: tuple[tuple[int, int, str, str], ...]
) -> None:
    path = capture(tmp_path / "any.pcap", *seen)
    assert captured_node(path, known_nodes([recording(tmp_path / "session")])) == "n1"
    none_open = recording(tmp_path / "pods-only", opened=("n2",))
    assert captured_node(path, known_nodes([none_open])) == "", "nothing of that node was recorded"
    later = recording(tmp_path / "later", at=BEGAN + 90_000)
    assert captured_node(path, known_nodes([later])) == "", "of the day before"
    assert captured_node(path, known_nodes([])) == ""


@pytest.mark.parametrize("seen", ELSEWHERE)
def test_what_others_carry_as_well(
    tmp_path: Path, seen: tuple[tuple[int, int, str, str], ...]
) -> None:
    path = capture(tmp_path / "any.pcap", *seen)
    assert captured_node(path, known_nodes([recording(tmp_path / "session")])) == ""


def test_two_nodes_in_one_capture(tmp_path: Path) -> None:
    """Of a merged capture, or with addresses that were used again."""
    far = ((5, OUT, "10.244.2.1", FAR), (5, IN, FAR, "10.244.2.1"))
    path = capture(tmp_path / "any.pcap", *itertools.chain(ON_NODE[0], far))
    assert captured_node(path, known_nodes([recording(tmp_path / "session")])) == ""


def test_what_cannot_be_read_is_of_no_node(tmp_path: Path) -> None:
    torn = tmp_path / "torn.pcap"
    torn.write_bytes(b"\xa1\xb2\xc3")
    assert captured_node(torn, known_nodes([recording(tmp_path / "session")])) == ""
    assert captured_node(tmp_path / "none", known_nodes([tmp_path / "no recording"])) == ""


@pytest.mark.parametrize("name", [path.name.split(".")[0] for path in CLUSTER.glob("*.jsonl.gz")])
def test_a_real_node(name: str) -> None:
    assert (
        captured_node(CLUSTER / f"{name}.pcap.gz", known_nodes([CLUSTER / f"{name}.jsonl.gz"]))
        == "node1"
    )
