"""A node with problems compared with a healthy one, the connectivity matrix, and a path, on screen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from collectors import events as ev
from tests.diagnosis.test_compare import host
from tests.support.replay import console
from tests.tui.test_connectivity_matrix import EVENTS

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
AT = 1.7e9


def session() -> list[ev.Event]:
    """Node 1 has another MTU, forwards nothing, has lost a route and retransmits much more."""
    bad, well = host(1, mtu=1400), host(2)
    assert bad.network is not None and well.network is not None
    routes = tuple(
        route for route in bad.network.routes if not route.destination.startswith("10.2")
    )
    nodes = tuple(
        ev.NodeRow(f"n{n}", f"192.168.0.{n}", f"z{n}", True, "linux", "amd64") for n in (1, 2)
    )
    found: list[ev.Event] = [
        ev.SessionStart(AT, "", "prod", "alice", "shop", "v1.36"),
        ev.InventoryList(AT, "", "nodes", nodes),
    ]
    networks = (replace(bad.network, routes=routes), well.network)
    for view, network, forward, retransmitted in (
        (bad, networks[0], 0, 400),
        (well, networks[1], 1, 2),
    ):
        found += [
            ev.TargetState(AT, view.key, "live"),
            replace(network, at=AT, target=view.key),
        ]
        for second in range(12):
            values = {
                "sysctl net.ipv4.ip_forward": forward,
                "TcpRetransSegs": retransmitted * second,
                "TcpOutSegs": 9_000 * second,
            }
            found.append(ev.CounterSample(AT + second, view.key, 100.0 + second, "n", values))
    return found


def pressed(*keys: str, seconds: float) -> Callable[..., Awaitable[None]]:
    async def press(pilot) -> None:  # type: ignore[no-untyped-def]
        await pilot.pause(0.4)
        await pilot.press(*keys)
        await pilot.pause(seconds)

    return press


@SIZES
def test_a_node_compared_with_a_healthy_one(
    snap_compare: Callable[..., bool], size: tuple[int, int]
) -> None:
    app = console(session(), "node")
    assert snap_compare(app, terminal_size=size, run_before=pressed("o", seconds=2.0))


@SIZES
def test_the_connectivity_matrix(snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    assert snap_compare(
        console(EVENTS, ""), terminal_size=size, run_before=pressed("M", seconds=1.5)
    )


@SIZES
def test_the_path_between_two(snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    keys = ("j", "j", "b", "k", "k", "b")
    assert snap_compare(
        console(EVENTS, ""), terminal_size=size, run_before=pressed(*keys, seconds=1.0)
    )
