"""The panels of one target, which of them is shown, and whose sockets and counters they list."""

from __future__ import annotations

from session.store import Store
from tui.panels import counters
from tui.panels.conntrack import ConntrackPanel
from tui.panels.counters import CountersPanel
from tui.panels.dns import DnsPanel
from tui.panels.events import EventsPanel
from tui.panels.flows import FlowsPanel
from tui.panels.node import NodePanel
from tui.panels.packets import PacketsPanel
from tui.panels.panel import Panel, scope_of
from tui.panels.peers import PeersPanel
from tui.panels.sockets import SocketsPanel

SAMPLED = ("sockets", "counters", "conntrack", "node")


class TargetPanels:
    """`key` is the target's, `node` that of the node beside it or ''. `vantage` is the one of the
    two whose sockets and counters are listed."""

    def __init__(self, store: Store, key: str, node: str, live: bool = True) -> None:
        self.key = key
        self.node = node
        self.vantage = key
        self.packets = PacketsPanel(store, key)
        self.sockets = SocketsPanel(store, key)
        self.peers = PeersPanel(store, key)
        self.counters = CountersPanel(store, key)
        every: tuple[Panel, ...] = (
            self.packets,
            FlowsPanel(store, key),
            DnsPanel(store, key),
            self.sockets,
            self.counters,
            ConntrackPanel(store, node or key),
            NodePanel(store, node or key),
            EventsPanel(store, key, node),
        )
        for panel in (*every, self.peers):
            panel.live = live
        self.by_name = {panel.name: panel for panel in every if self._has(panel)}
        self.current: Panel = self.packets

    def _has(self, panel: Panel) -> bool:
        """A capture file has packets, and nothing that is sampled."""
        return not self.key.startswith("pcap/") or panel.name not in SAMPLED

    def at(self, number: int) -> Panel | None:
        """The panel of a number key; the first is 1."""
        every = list(self.by_name.values())
        return every[number - 1] if number <= len(every) else None

    def notes(self) -> dict[str, str]:
        return {name: panel.note() for name, panel in self.by_name.items()}

    def sockets_or_peers(self) -> Panel:
        """The other of the two lists of sockets."""
        return self.sockets if self.current is self.peers else self.peers

    def switch_vantage(self) -> Panel:
        """From the pod to its node, or back; the panel that shows it."""
        self.vantage = self.node if self.vantage == self.key else self.key
        switched: tuple[Panel, ...] = (self.sockets, self.peers, self.counters)
        for panel in switched:
            panel.key = self.vantage
        self.counters.state.columns = counters.columns(scope_of(self.vantage))
        return self.current if self.current in switched else self.counters
