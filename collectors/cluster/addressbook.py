"""IP address to name: pods, Services and nodes, kept for a while after they go."""

from __future__ import annotations

import re
import time

from collectors.events import Event, InventoryChange, InventoryList, NodeRow, PodRow, Row, ServiceRow

KEEP_S = 300.0  # a packet may show an address minutes after its pod went


_REPLICA = re.compile(r"^(.+)-[a-z0-9]{6,10}-([a-z0-9]{5})$")


def shortened(name: str) -> str:
    """A ReplicaSet's pod visibly without the template's hash: `backend-7f9dcd85f9-bgfnb` is `backend…bgfnb`."""
    return _REPLICA.sub(r"\1…\2", name)


class AddressBook:
    """A consumer of inventory events, whose tables may be read at any time: address to full name, to short name,
    to both. Host-network pods own no address: it is their node's."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.short: dict[str, str] = {}
        self.both: dict[str, str] = {}
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
            self.short[address] = shortened(name)
            self.both[address] = f"{self.short[address]}({address})"
            self._owner[address] = (row.kind, f"{row.namespace}/{row.name}")
            self._gone.pop(address, None)

    def _remove(self, row: Row) -> None:
        for address in self._addresses(row)[0]:
            if self._owner.get(address) == (row.kind, f"{row.namespace}/{row.name}"):
                self._gone[address] = time.monotonic()

    def _forget(self, now: float) -> None:
        for address in [a for a, since in self._gone.items() if now - since > KEEP_S]:
            for names in (self.names, self.short, self.both):
                names.pop(address, None)
            self._gone.pop(address)
