"""Each fault moves the counters that its file names, and is gone when it is switched off."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from collectors.cluster.access import connect
from collectors.errors import ClusterError
from collectors.events import PodRow
from collectors.session import Session
from lab.faults import all_faults
from lab.supervisor import Lab, LabUnavailable
from tui.control import Control
from tui.store import Store

FAULTS = all_faults()
# fault: the app to look at, and which of its (or its node's) counters must move
SEEN_AT = {
    "packet-loss": ("frontend", "pod", ("TcpRetransSegs",)),
    "conntrack-full": ("frontend", "node", ("conntrack_drop",)),
    "mtu-black-hole": ("backend", "pod", ("TcpRetransSegs", "TcpExtTCPTimeouts")),
    "dns-dead": ("frontend", "pod", ("IcmpInDestUnreachs",)),
}


@pytest.fixture
async def own_lab() -> AsyncIterator[tuple[Control, Store]]:
    """A lab of its own: faults would disturb the other tests'."""
    lab = Lab()
    try:
        lab.start()
    except LabUnavailable as reason:
        pytest.skip(f"NO LAB HERE: {reason}")
    store, session = Store(), Session()
    control = Control(store, session, image="nicolaka/netshoot", capture_at_once=False)
    control.open(await connect(str(lab.kubeconfig)), is_lab=True)
    control.start()
    yield control, store
    await control.close()
    lab.stop()


def test_every_fault_file_is_complete() -> None:
    assert set(FAULTS) == set(SEEN_AT)
    for name, fault in FAULTS.items():
        assert fault.name == name and fault.what.endswith(".") and fault.expect.endswith(".")
        assert fault.on and fault.off and fault.moves


async def until(ready: object, seconds: float, what: str) -> None:
    try:
        async with asyncio.timeout(seconds):
            while not ready():  # type: ignore[operator]
                await asyncio.sleep(0.1)
    except TimeoutError:
        pytest.fail(f"{what} did not come within {seconds:g} s")


@pytest.mark.parametrize("name", SEEN_AT)
async def test_a_fault_moves_its_counters_and_goes(own_lab: tuple[Control, Store], name: str) -> None:
    control, store = own_lab
    app, place, counters = SEEN_AT[name]
    await until(lambda: store.rows("pods"), 10, "the list of pods")
    row = next(r for r in store.rows("pods") if isinstance(r, PodRow) and r.name.startswith(app) and r.node == "node1")
    pod, node = store.target(control.watch_pod(row).key), store.target(control.watch_node(row.node).key)
    data = pod if place == "pod" else node
    await until(lambda: len(pod.series["opened"].points) > 3 and node.sample, 15, "a healthy start")
    assert not any(data.moved.get(c) for c in counters), f"healthy, and yet {data.moved}"

    await control.turn_fault(name, True)
    await until(lambda: all(data.moved.get(c) for c in counters), 30, f"{counters}")
    if name == "conntrack-full":
        limit = node.conntrack_max()
        assert limit and (node.series["conntrack"].maximum or 0) >= 0.95 * limit, "truly full"

    await control.turn_fault(name, False)
    await until(lambda: (pod.series["opened"].current or 0) > 3, 30, "connections again")
    await until(lambda: not sum(pod.step.deltas.get(c) or 0 for c in counters if pod.step), 30, "quiet again")
    if name == "conntrack-full":
        await until(lambda: (node.series["conntrack"].current or 0) < 100_000, 10, "an emptied table")


async def test_an_unknown_fault_is_refused_with_the_known_ones(own_lab: tuple[Control, Store]) -> None:
    with pytest.raises(ClusterError, match="no fault named nope; known: conntrack-full"):
        await own_lab[0].turn_fault("nope", True)
