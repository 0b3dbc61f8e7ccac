"""IP address to name: pods, Services and nodes, kept for a while after they go."""

from __future__ import annotations

import time

from collectors.events import Event, InventoryChange, InventoryList, NodeRow, PodRow, Row, ServiceRow

KEEP_S = 300.0  # a packet may show an address minutes after its pod went


class AddressBook:
    """A consumer of inventory events. `names` may be read at any time; host-network pods own no address."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self._owner: dict[str, tuple[str, str]] = {}
        self._gone: dict[str, float] = {}

    def apply(self, event: Event) -> None:
        if isinstance(event, InventoryList):
            for row in event.rows:
                self._add(row)
        elif isinstance(event, InventoryChange):
            if event.verb == "DELETED":
                self._remove(event.row)
            else:
                self._add(event.row)
            self._forget(time.monotonic())

    def _addresses(self, row: Row) -> tuple[tuple[str, ...], str]:
        if isinstance(row, PodRow) and row.ip and not row.host_network:
            return (row.ip,), row.name
        if isinstance(row, ServiceRow):
            return row.ips, f"svc/{row.name}"
        if isinstance(row, NodeRow) and row.address:
            return (row.address,), f"node/{row.name}"
        return (), ""

    def _add(self, row: Row) -> None:
        addresses, name = self._addresses(row)
        for address in addresses:
            self.names[address] = name
            self._owner[address] = (row.kind, f"{row.namespace}/{row.name}")
            self._gone.pop(address, None)

    def _remove(self, row: Row) -> None:
        for address in self._addresses(row)[0]:
            if self._owner.get(address) == (row.kind, f"{row.namespace}/{row.name}"):
                self._gone[address] = time.monotonic()

    def _forget(self, now: float) -> None:
        for address in [a for a, since in self._gone.items() if now - since > KEEP_S]:
            self.names.pop(address, None)
            self._gone.pop(address)
