"""The names that a recorded session has: of pods, namespaces, nodes, Services, workloads, users,
contexts and hosts, gathered from its events, its packets among them."""

from __future__ import annotations

import contextlib
import getpass
import re
import socket
from collections.abc import Iterable, Iterator
from functools import singledispatchmethod
from typing import Any

from collectors import events as ev
from collectors.packet import Packet
from collectors.privacy.address_mask import AddressMask
from collectors.privacy.frame_mask import FrameMask
from collectors.privacy.name_forms import names_in, parts_of
from collectors.privacy.name_mask import KEPT_NAMES, NameMask

FIELDS = (  # of rows of any kind, and of what is in them
    *("namespace", "name", "node", "service", "pod", "hostname", "subdomain", "external_name"),
    *("host", "zone"),
)
LISTS = ("balancer_names", "asks")
NESTED = ("endpoints", "backends")
NOT_NAMES = ("networking",)  # kinds of rows that are called as their software is
COMMON_VALUES = frozenset(  # of labels: they name nothing
    (
        *("true", "false", "linux", "amd64", "arm64", "podwire", "node", "node-agent", "helm"),
        *("frontend", "backend", "web", "api", "server", "client", "worker", "control-plane"),
    )
)
OWNER = re.compile(r"podwire/owner:\s*[\"']?([^\s\"']+)")  # of what podwire writes
SUBJECTS = ("pod", "node", "local", "workload", "service", "policy", "capture")


class KnownNames:
    """Filled by `add_event`. `addresses` are those of rows and packets."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self._addresses = AddressMask(b"only to see them")
        names = NameMask(b"only to see them", self._addresses)
        self._frames = FrameMask(self._addresses, names.on_the_wire)
        self._add_this_machine()

    @property
    def addresses(self) -> list[bytes]:
        return self._addresses.met

    def _add_this_machine(self) -> None:
        self.add(socket.gethostname())
        try:
            self.add(getpass.getuser())
        except (OSError, KeyError):  # a user without a name
            return

    def add(self, *names: str) -> None:
        """With what of them is a name as well."""
        found = {name for name in names if name and name.lower() not in KEPT_NAMES}
        new = found - self.names
        self.names |= new | {part for name in new for part in parts_of(name) if part}
        self.names -= KEPT_NAMES

    def add_text(self, text: str) -> str:
        """The names that it has by their form; the text itself."""
        self.add(*names_in(text))
        return text

    def add_packet(self, linktype: int, packet: Packet) -> None:
        """The names that it asks for, and its addresses."""
        self._frames.packet(linktype, packet)
        if hosts := self._frames.hosts:
            for host in hosts:
                self.add(host)
            hosts.clear()

    def add_finding(self, finding: ev.Finding) -> None:
        if finding.subject.kind in SUBJECTS:
            self.add(finding.subject.name, finding.subject.namespace)

    def add_event(self, event: ev.Event) -> None:
        self.add(*event.target.split("/")[1:])
        self._of(event)

    @singledispatchmethod
    def _of(self, event: ev.Event) -> None:
        """Of most kinds the target is all that has a name."""

    @_of.register
    def _of_start(self, event: ev.SessionStart) -> None:
        self.add(event.context, event.user, event.namespace, *event.context.split("/"))

    @_of.register
    def _of_write(self, event: ev.Command) -> None:
        owner = OWNER.search(event.manifest)
        self.add(event.user, *event.what.split("/"), owner[1] if owner else "")

    @_of.register
    def _of_capture(self, event: ev.CaptureState) -> None:
        """Whose home the files are in, of the console that recorded."""
        self.add_text(event.kept)

    @_of.register
    def _of_person(self, event: ev.Mark) -> None:
        self.add(event.author)

    @_of.register
    def _of_finding(self, event: ev.FindingEvent) -> None:
        self.add_finding(event.finding)

    @_of.register
    def _of_left(self, event: ev.LeftBehind) -> None:
        for row in event.rows:
            self.add(row.context, row.namespace, row.pod, row.node)

    @_of.register
    def _of_list(self, event: ev.InventoryList) -> None:
        self.add(event.namespace)
        for row in event.rows:
            self.add_row(row)

    @_of.register
    def _of_change(self, event: ev.InventoryChange) -> None:
        self.add_row(event.row)

    @_of.register
    def _of_network(self, event: ev.NetworkState) -> None:
        self.add(*event.search)

    @_of.register
    def _of_packets(self, event: ev.PacketBatch) -> None:
        for packet in event.packets:
            self.add_packet(event.linktype, packet)

    def _add_addresses(self, row: Any) -> None:
        parts = (row, *getattr(row, "endpoints", ()))
        for text in (text for part in parts for text in _addresses_in(part)):
            with contextlib.suppress(ValueError):  # none yet
                self._addresses.text(text)

    def add_row(self, row: Any) -> None:
        """Of the inventory."""
        if row.kind not in NOT_NAMES:
            self.add(*_names_in(row))
            self._add_addresses(row)
            self.add(*_label_values(getattr(row, "labels", ())))


def _names_in(row: Any) -> Iterator[str]:
    yield from (getattr(row, name) for name in FIELDS if hasattr(row, name))
    yield getattr(row, "workload", "").rpartition("/")[2]
    for name in LISTS:
        for text in getattr(row, name, ()):
            yield from text.split("/")
    yield from (name for name, _ in getattr(row, "host_aliases", ()))
    for name in NESTED:
        for part in getattr(row, name, ()):
            yield from (getattr(part, field) for field in FIELDS if hasattr(part, field))


def _addresses_in(part: Any) -> Iterator[str]:
    yield from (getattr(part, name) for name in ("ip", "address") if hasattr(part, name))
    yield from getattr(part, "ips", ())


def _label_values(labels: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Selectors and advice repeat them."""
    return (value for _, value in labels if len(value) > 3 and value not in COMMON_VALUES)
