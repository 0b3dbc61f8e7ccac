"""What a capture that names no interfaces shows (`tcpdump -i eth0`): how connections went, not
where their packets came in and went out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from ipaddress import ip_address

from collectors.frozen import frozen
from diagnosis.by_key import by_key
from diagnosis.loss_shares import LossShare
from diagnosis.path_losses import BEYOND_PERCENT
from diagnosis.paths import End, PathRow, added
from diagnosis.snapshot import Snapshot, TargetView

OWN = 0.9  # of a capture's connections have an end at the machine or pod that it was made in
FEW = 0.5  # of a server's clients at most: it is their own path


@frozen
class EndLoss:
    """Data segments, SYNs and FINs between clients and one address and port: those that were sent
    again as `share`, and of the connections those whose first SYN got no answer."""

    view: TargetView
    end: End
    clients: tuple[str, ...]
    share: LossShare
    opening: LossShare
    row: PathRow


def is_unplaced(row: PathRow) -> bool:
    """Whether no packet of it has a place; of TCP only there are such rows."""
    if not row.one_sided:
        return False
    directions = row.to_server, row.to_client
    return not any(one.entered.total or one.left.total for one in directions)


def unplaced_by_end(view: TargetView) -> dict[End, list[PathRow]]:
    """By what clients asked."""
    return by_key(filter(is_unplaced, view.paths), lambda row: row.asked_end)


def data_loss(view: TargetView, rows: Iterable[PathRow]) -> LossShare:
    """Of the data segments and FINs in both directions those that were retransmitted, and not
    spuriously; nothing of what waits for a reader."""
    of = list(rows)
    pairs = {(row.client, *row.asked_end) for row in of}
    own = [t for t in view.conversations if (t.client, *t.end) in pairs and t.protocol == "TCP"]
    if any(talk.client_zero_windows or talk.server_zero_windows for talk in own):
        return LossShare(0, 0)
    row = added(of)
    there, back = row.to_server.retransmitted, row.to_client.retransmitted
    again = there.data + there.fin + back.data + back.fin
    total = sum(talk.segments for talk in own) + 2 * row.completed
    return LossShare(min(again, total), total)


def end_losses(snapshot: Snapshot) -> Iterator[EndLoss]:
    """Servers that packets are lost with. Not those of which a few clients lose some and others
    none, nor what one client from outside loses: that is their own path's."""
    if snapshot.services:
        return
    for view in snapshot.targets:
        own = own_address(view)
        for end, rows in unplaced_by_end(view).items():
            lossy = [row for row in rows if data_loss(view, [row]).lost]
            row, data = added(rows), data_loss(view, rows)
            again = row.to_server.retransmitted.syn
            share = data + LossShare(again, row.connections + again)
            is_loss = data.is_loss and share.low > BEYOND_PERCENT
            if is_loss and not _is_of_clients(own, rows, lossy):
                opening = LossShare(row.retried, row.connections)
                clients = tuple(sorted(one.client for one in lossy))
                yield EndLoss(view, end, clients, share, opening=opening, row=row)


def own_address(view: TargetView) -> str:
    """Of the machine or pod that was captured in: an end of nearly all; '' where there is none, and
    the client's where both are."""
    rows = list(filter(is_unplaced, view.paths))
    ends: Counter[str] = Counter()
    for row in rows:
        ends[row.client] += row.connections
        if row.asked != row.client:
            ends[row.asked] += row.connections
    total = sum(row.connections for row in rows)
    for address, count in ends.most_common(1):
        return address if count >= OWN * total else ""
    return ""


def _is_of_clients(own: str, rows: list[PathRow], lossy: list[PathRow]) -> bool:
    if own and own == rows[0].client:
        return False
    if len(rows) > 1:
        return len(lossy) <= FEW * len(rows)
    return own == rows[0].asked or ip_address(rows[0].client).is_global
