"""What of the store is in a snapshot."""

from __future__ import annotations

from collectors.events import CaptureState, CounterSample, PacketBatch
from session.snapshot_builder import snapshot
from session.store import Store
from tests.support.node_capture import COOKED2, IN, OUT, SECOND, SYN, Hop, Segment

MANY = 2_000  # connections in 15 s: a node of 130 new ones a second
NOW = 100 * SECOND


def test_a_busy_node_compares_all_of_its_last_seconds() -> None:
    """A count that passed over the older ones would be a loss on the path to another node."""
    store = Store()
    store.apply(CounterSample(100.0, "node/n1", 1.0, "net", {"x": 1}))
    packets = []
    for number in range(MANY):
        ends = ("10.244.1.6", 20_000 + number, "10.244.2.3", 8080)
        segment = Segment(SYN, 1_000 * number, ident=number % 60_000 + 1)
        at = NOW + number * SECOND // 200
        packets += [segment.at(Hop(5, IN, ends), at), segment.at(Hop(3, OUT, ends), at + 1_000)]
    store.target("node/n1").flows.add(COOKED2, packets)
    (row,) = snapshot(store, 111.0).targets[0].paths
    assert (row.connections, row.to_server.entered.syn) == (MANY, MANY)


def test_a_capture_that_stops_before_another() -> None:
    store = Store()
    ends = ("10.244.1.6", 20_000, "10.244.2.3", 8080)
    for name, late in (("node/n1", 0), ("node/n2", 5), ("pod/shop/web", 9)):
        store.apply(CounterSample(100.0, name, 1.0, "net", {"x": 1}))
        hop = Segment(SYN, 1_000).at(Hop(5, IN, ends), NOW - late * SECOND)
        store.target(name).flows.add(COOKED2, [hop])
    lags = {view.key: view.capture_lag for view in snapshot(store, 101.0).targets}
    assert lags == {"node/n1": 0.0, "node/n2": 5.0, "pod/shop/web": 9.0}
    store.apply(CaptureState(100.0, "pod/shop/web", 1, "running", ""))
    lags = {view.key: view.capture_lag for view in snapshot(store, 101.0).targets}
    assert lags["pod/shop/web"] == 0.0  # nobody sends it anything


def test_a_silent_pod_does_not_end_what_two_nodes_have() -> None:
    """Nor does one that is opened later begin it again; neither is compared itself."""
    store = Store()
    ends = ("10.244.1.6", 20_000, "10.244.2.3", 8080)
    captured = {
        "node/n1": range(30),
        "node/n2": range(30),
        "pod/shop/late": range(28, 30),
        "pod/shop/silent": range(20),
        "pod/shop/busy": range(30),
    }
    for name, seconds in captured.items():
        store.apply(CounterSample(100.0, name, 1.0, "net", {"x": 1}))
        syn = Segment(SYN, 1_000)
        hops = [syn.at(Hop(5, IN, ends), NOW + second * SECOND) for second in seconds]
        store.target(name).flows.add(COOKED2, hops)
    views = {view.key: view for view in snapshot(store, 130.0).targets}
    (row,) = views["node/n1"].paths
    assert row.to_server.complete_entered.syn == 20  # four whole spans of 5 s
    assert row.to_server.latest_entered == 5 + 5 + 5
    complete = {name: view.paths_complete for name, view in views.items()}
    assert complete == {name: name.split("/")[-1] not in ("late", "silent") for name in captured}


def test_what_was_captured_long_ago_is_not_of_now() -> None:
    """A pod that ended, or sends nothing any more."""
    store = Store()
    ends = ("10.244.1.6", 20_000, "10.244.2.3", 8080)
    asked = [Segment(SYN, 1_000).at(Hop(5, IN, ends), NOW + n * SECOND) for n in (-3, 0)]
    store.apply(PacketBatch(500.0, "pod/shop/web", 1, COOKED2, tuple(asked)))
    counted = {}
    for late in (1.0, 12.0, 19.0, 21.0, 300.0):
        store.apply(CounterSample(500.0 + late, "node/n1", 1.0 + late, "net", {"x": 1}))
        (view,) = (v for v in snapshot(store, 900.0).targets if v.kind == "pod")
        counted[late] = sum(talk.unanswered for talk in view.conversations)
    assert counted == {1.0: 1, 12.0: 1, 19.0: 1, 21.0: 0, 300.0: 0}


def test_a_table_that_was_full_in_the_window_has_not_all_of_it() -> None:
    """An idle connection was evicted by a burst, with what it had sent: at another place it would
    look lost. Later the window begins after that."""
    store = Store()
    table = store.target("node/n1").flows
    store.apply(CounterSample(100.0, "node/n1", 1.0, "net", {"x": 1}))

    def burst(count: int, second: int) -> None:
        segments = [
            Segment(SYN, n).at(Hop(5, IN, ("10.244.1.6", 1_000 + n, "10.244.2.3", second)), at)
            for n in range(count)
            for at in (NOW + second * SECOND,)
        ]
        table.add(COOKED2, segments)

    def is_complete() -> bool:
        return snapshot(store, 101.0).targets[0].paths_complete

    burst(10, 0)
    burst(4_900, 4)
    assert is_complete()
    burst(200, 5)
    assert not is_complete()
    burst(1, 16)
    assert not is_complete()
    burst(1, 40)
    assert is_complete()
