"""Where a node loses DNS questions or their answers, by what its capture saw come in and go out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from collectors.frozen import frozen
from diagnosis.by_key import by_key
from diagnosis.lookups import DnsSummary
from diagnosis.loss_shares import LossShare
from diagnosis.path_groups import node_text, path_views
from diagnosis.paths import PathRow, added
from diagnosis.rules._dns import DNS_PORT
from diagnosis.snapshot import Snapshot, TargetView, listed

LEAST = 3  # questions to one of several servers
WELL = 0.1  # of them get no answer at most where a server is well
How = Literal["rejected", "question", "answer", "silent"]
REJECTED = 1  # ICMP errors: few a second are sent (icmp_ratelimit)
FELT = 0.25  # of packets lost: questions without an answer, each sent three times, or asked again
SHORT: dict[How, str] = {
    "rejected": "rejected by {by} ({icmp})",
    "question": "dropped on {node}: they come into it and do not leave it",
    "answer": "the answers come into {node} and do not leave it",
    "silent": "they leave {node} for {servers}{some} and nothing comes back",
}

ON_THE_NODE = """# on {node}: the rule that does it
iptables-save -c | grep -E 'DROP|REJECT'; nft list ruleset | grep -nE 'drop|reject'"""
AT_THE_SERVER = """# does the server run, and listen on UDP port 53? ({servers})
kubectl get pods -A -o wide | grep -iE 'dns'
ss -lnup 'sport = 53'"""
FIXES: dict[How, str] = {
    "rejected": f"{ON_THE_NODE}\n{AT_THE_SERVER}",
    "question": ON_THE_NODE,
    "answer": ON_THE_NODE,
    "silent": AT_THE_SERVER,
}


@frozen
class DnsLoss:
    """Of the questions to the address `asked`: `share` of them, or of their answers. `servers` are
    what they left for; those that answer none of them, where others do. `total` are all."""

    how: How
    view: TargetView
    share: LossShare
    row: PathRow
    asked: str
    servers: tuple[str, ...]
    total: int

    @property
    def is_here(self) -> bool:
        """Whether the node itself loses them."""
        return self.how in ("question", "answer")

    def short(self, snapshot: Snapshot) -> str:
        return SHORT[self.how].format(
            node=node_text(self.view),
            servers=listed(map(snapshot.name, self.servers)),
            some=self._some(snapshot),
            by=self._by(snapshot),
            icmp=self.row.icmp,
        )

    def _some(self, snapshot: Snapshot) -> str:
        number = len(self.servers)
        asked = snapshot.name(self.asked)
        return f", {number} of {self.total} servers of {asked}," if number < self.total else ""

    def _by(self, snapshot: Snapshot) -> str:
        """A server's error has the address that was asked, where a node translates for it."""
        if not self.row.to_server.left.data:
            return node_text(self.view)
        own = self.row.icmp_from in (self.asked, *self.servers)
        return listed(map(snapshot.name, self.servers if own else (self.row.icmp_from,)))

    @property
    def fix(self) -> str:
        servers = " ".join(self.servers or (self.asked,))
        return FIXES[self.how].format(node=node_text(self.view), servers=servers)

    @property
    def figure(self) -> str:
        there, back = self.row.to_server, self.row.to_client
        return (
            f"queries {there.entered.data:,} in, {there.left.data:,} out; answers "
            f"{back.entered.data:,} in, {back.left.data:,} out"
        )


def dns_loss(snapshot: Snapshot, target: TargetView, lookups: DnsSummary) -> DnsLoss | None:
    """The worst that a node's capture shows of what a vantage point asks."""
    if any(row.name == "cilium" for row in snapshot.settings):
        return None
    found = (loss for view, rows in _asked(snapshot, target) for loss in _losses(view, rows))
    felt = (loss for loss in found if _is_felt(loss, lookups))
    return max(felt, key=lambda loss: loss.share.lost, default=None)


def _asked(snapshot: Snapshot, target: TargetView) -> Iterator[tuple[TargetView, list[PathRow]]]:
    """By node and address: of a node's own capture all, of a pod what it asks."""
    for view in path_views(snapshot):
        if target.kind != "pod" and view is not target:
            continue
        rows = [
            row
            for row in view.paths
            if (row.protocol, row.asked_port) == ("UDP", DNS_PORT)
            and not row.one_sided
            and (view is target or row.client in target.addresses)
        ]
        for of in by_key(rows, lambda row: row.asked).values():
            yield view, of


def _losses(view: TargetView, rows: list[PathRow]) -> Iterator[DnsLoss]:
    row = added(rows)
    by_server = by_key((one for one in rows if one.endpoint), lambda one: one.endpoint)
    servers = tuple(sorted(_dead(by_server) or by_server))
    there, back = row.to_server, row.to_client
    asked, left, came = there.entered.data, there.left.data, back.entered.data
    shares: dict[How, LossShare] = {
        "question": LossShare(max(0, asked - left), asked),
        "answer": LossShare(max(0, came - back.left.data), came),
        "silent": LossShare(max(0, left - came), left),
    }
    if row.rejected >= REJECTED:
        shares = {"rejected": LossShare(asked - came, asked)}
    for how, share in shares.items():
        if how == "rejected" or (share.is_loss and share.low > 2 * view.capture_loss):
            asked_at = rows[0].asked
            yield DnsLoss(
                how, view, share, row, asked=asked_at, servers=servers, total=len(by_server)
            )


def _dead(by_server: Mapping[str, list[PathRow]]) -> list[str]:
    """The servers that answer next to nothing, while another answers nearly all."""
    unanswered: dict[str, float] = {}
    for server, rows in by_server.items():
        row = added(rows)
        left, came = row.to_server.left.data, row.to_client.entered.data
        if left >= LEAST:
            unanswered[server] = max(0.0, 1 - came / left)
    if not any(share <= WELL for share in unanswered.values()):
        return []
    return [server for server, share in unanswered.items() if share >= 1 - WELL]


def _is_felt(loss: DnsLoss, lookups: DnsSummary) -> bool:
    return lookups.unanswered + lookups.retried >= FELT * loss.share.lost
