"""What an IP address belongs to: pod, Service, node, zone; kept a while after the owner goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

from collectors.cluster.inventory.short_names import shortened
from collectors.events import (
    Event,
    InventoryChange,
    InventoryList,
    NodeRow,
    PodRow,
    Row,
    ServiceRow,
    SliceRow,
)

KEEP_S = 300.0  # a packet may show an address minutes after its pod went

_KINDS = ("pods", "services", "nodes")


def addresses(row: Row) -> tuple[str, ...]:
    """The addresses that a row owns. Host-network pods own none: theirs is their node's."""
    if isinstance(row, PodRow):
        return () if row.host_network else row.ips or _given(row.ip)
    if isinstance(row, ServiceRow):
        return row.ips
    return _given(row.address) if isinstance(row, NodeRow) else ()


def _given(address: str) -> tuple[str, ...]:
    return (address,) if address else ()


def _identity(row: Row) -> tuple[str, str, str]:
    return row.kind, row.namespace, row.name


def name_of(row: Row) -> str:
    """As lists name it: a pod plainly, a Service as svc/NAME, a node as node/NAME."""
    prefix = {"services": "svc/", "nodes": "node/"}.get(row.kind, "")
    return prefix + row.name


class Names(Mapping[str, str]):
    """Address to text, made when asked for."""

    def __init__(self, known: Mapping[str, Row], text: Callable[[str, Row], str]) -> None:
        self._known = known
        self._text = text

    def __getitem__(self, address: str) -> str:
        return self._text(address, self._known[address])

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


class AddressBook:
    """A consumer of inventory events, which may be asked at any time."""

    def __init__(self) -> None:
        self._known: dict[str, Row] = {}
        self._gone: dict[str, float] = {}  # since when, of addresses whose owner went
        self._nodes: dict[str, NodeRow] = {}
        self._slices: dict[tuple[str, str], SliceRow] = {}
        self._services: dict[str, dict[tuple[str, str], str]] = {}  # endpoint to slice to Service
        self.names: Mapping[str, str] = Names(self._known, lambda _, row: name_of(row))
        self.short: Mapping[str, str] = Names(self._known, lambda _, row: shortened(name_of(row)))
        self.both: Mapping[str, str] = Names(
            self._known, lambda address, row: f"{shortened(name_of(row))}({address})"
        )

    def become(self, other: AddressBook) -> None:
        """Know what another knows, and nothing else: whoever has this one's names reads on."""
        for name in ("_known", "_gone", "_nodes", "_slices", "_services"):
            mine: dict[object, object] = getattr(self, name)
            mine.clear()
            mine.update(getattr(other, name))

    # --- questions

    def owner(self, address: str) -> Row | None:
        """The pod, Service or node that has, or lately had, an address."""
        return self._known.get(address)

    def node(self, address: str) -> str:
        row = self._known.get(address)
        return row.node if isinstance(row, PodRow) else row.name if isinstance(row, NodeRow) else ""

    def zone(self, address: str) -> str:
        """The zone of the node that an address is on; '' where that is not known."""
        node = self._nodes.get(self.node(address))
        return node.zone if node is not None else ""

    def services(self, address: str) -> list[str]:
        """NAMESPACE/NAME of the Services that an address is an endpoint of, ready or not."""
        return sorted(set(self._services.get(address, {}).values()))

    # --- events

    def apply(self, event: Event) -> None:
        if isinstance(event, InventoryList) and not event.refused:
            self._replace(event.kind, event.rows)
        elif isinstance(event, InventoryChange):
            self._change(event)

    def _change(self, event: InventoryChange) -> None:
        if event.verb == "DELETED":
            self._remove(event.row)
        else:
            self._add(event.row)
        self._forget(time.monotonic())

    def _replace(self, kind: str, rows: tuple[Row, ...]) -> None:
        if kind in _KINDS:
            self._end_missing(kind, {_identity(row) for row in rows})
        elif kind == "endpointslices":
            self._slices.clear()
            self._services.clear()
        for row in rows:
            self._add(row)

    def _end_missing(self, kind: str, listed: set[tuple[str, str, str]]) -> None:
        now = time.monotonic()
        for address, row in self._known.items():
            if row.kind == kind and _identity(row) not in listed:
                self._gone.setdefault(address, now)

    def _add(self, row: Row) -> None:
        if isinstance(row, SliceRow):
            self._add_slice(row)
            return
        if isinstance(row, NodeRow):
            self._nodes[row.name] = row
        for address in addresses(row):
            self._known[address] = row
            self._gone.pop(address, None)

    def _add_slice(self, row: SliceRow) -> None:
        self._remove_slice(row)
        key = (row.namespace, row.name)
        self._slices[key] = row
        for address in (*row.ready, *row.not_ready):
            self._services.setdefault(address, {})[key] = f"{row.namespace}/{row.service}"

    def _remove_slice(self, row: SliceRow) -> None:
        key = (row.namespace, row.name)
        if known := self._slices.pop(key, None):
            for address in (*known.ready, *known.not_ready):
                self._remove_service(address, key)

    def _remove_service(self, address: str, key: tuple[str, str]) -> None:
        services = self._services.get(address, {})
        services.pop(key, None)
        if not services:
            self._services.pop(address, None)

    def _remove(self, row: Row) -> None:
        if isinstance(row, SliceRow):
            self._remove_slice(row)
            return
        for address in addresses(row):
            if self._owns(row, address):
                self._gone[address] = time.monotonic()

    def _owns(self, row: Row, address: str) -> bool:
        owner = self._known.get(address)
        return owner is not None and _identity(owner) == _identity(row)

    def _forget(self, now: float) -> None:
        while self._gone:  # in the order in which they went
            address, since = next(iter(self._gone.items()))
            if now - since <= KEEP_S:
                return
            del self._gone[address]
            self._known.pop(address, None)
