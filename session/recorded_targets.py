"""What was open in a session that was recorded: its targets, and for each pod its own node."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from collectors.events import Event, InventoryChange, InventoryList, PodRow, Row, TargetState
from collectors.target import pod_key
from session.store import Store
from session.targets import OpenTab

OPENED = ("pod", "node", "local", "pcap")


def recorded_tabs(events: Iterable[Event]) -> list[OpenTab]:
    """All targets of a session in the order in which they were opened, nodes after what was opened
    on them; beside a pod is the node that it ran on, where that was recorded."""
    keys, nodes = dict[str, None](), dict[str, str]()
    for event in events:
        if isinstance(event, TargetState) and event.target.partition("/")[0] in OPENED:
            keys[event.target] = None
        for row in _rows(event):
            if isinstance(row, PodRow) and row.node:
                nodes[pod_key(row.namespace, row.name)] = f"node/{row.node}"
    tabs = [OpenTab(key, beside if (beside := nodes.get(key, "")) in keys else "") for key in keys]
    return sorted(tabs, key=lambda tab: tab.key.startswith("node/"))


def _rows(event: Event) -> Iterator[Row]:
    if isinstance(event, InventoryList):
        yield from event.rows
    elif isinstance(event, InventoryChange):
        yield event.row


def node_beside(store: Store, key: str) -> str:
    """The key of the node that a pod runs on, where that is looked at too; else ''."""
    kind, _, name = key.partition("/")
    namespace, _, short = name.rpartition("/")
    row = store.listing("pods").get(namespace, short) if kind == "pod" else None
    node = f"node/{row.node}" if isinstance(row, PodRow) and row.node else ""
    return node if node in store.targets else ""
