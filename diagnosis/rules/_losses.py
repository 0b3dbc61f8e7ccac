"""Losses by shares without those that another rule says the cause of."""

from __future__ import annotations

from collectors.findings import Subject
from collectors.kernel.derived_figures import CONNTRACK_FILL
from diagnosis.endpoint_faults import are_acknowledged
from diagnosis.ip_forwarding import family, forwarding_off
from diagnosis.path_groups import PathGroup
from diagnosis.path_losses import PathLoss, loss_ends, path_losses
from diagnosis.paths import End
from diagnosis.per_snapshot import once_per_snapshot
from diagnosis.rules._connections import LEAST, node_of_unused
from diagnosis.rules._idle_expiries import is_forgotten
from diagnosis.rules._policies import policy_context, verdicts
from diagnosis.snapshot import Conversation, Snapshot, TargetView
from diagnosis.subjects import pod_subject

FULL = 95.0  # % of a conntrack table: nf_conntrack_core.c, early_drop
CAPTURED_S = 20.0  # what losses are counted over, with a margin
# what counts packets that a node drops, each with a rule of its own
COUNTED_DROPS = (
    "TcpExtIPReversePathFilter",
    "IpInNoRoutes",
    "IpOutNoRoutes",
    "conntrack_insert_failed",
    "conntrack_drop",
)


def is_queue_full(loss: PathLoss) -> bool:
    """Whether a server's accept queue alone may be what loses it: SYNs behind the last vantage
    point, while what was accepted is acknowledged, and none of it is ever answered."""
    row, kinds = loss.row, {kind.name for kind in loss.kinds}
    is_behind = loss.to_server and loss.place in ("pod", "beyond") and kinds == {"SYNs"}
    return is_behind and row.silent > 0 and not row.answered and are_acknowledged(row)


@once_per_snapshot
def unexplained(snapshot: Snapshot) -> list[PathLoss]:
    return [loss for loss in path_losses(snapshot) if not _is_explained(snapshot, loss)]


def losses_at(snapshot: Snapshot, place: Subject) -> list[PathLoss]:
    return [loss for loss in unexplained(snapshot) if loss_subject(snapshot, loss) == place]


def lost_ends(snapshot: Snapshot, place: Subject) -> set[End]:
    """The addresses and ports whose connections are lost there."""
    return {end for loss in losses_at(snapshot, place) for end in loss_ends(loss)}


def loss_subject(snapshot: Snapshot, loss: PathLoss) -> Subject:
    """The place: a node, a path from one to another, a pod."""
    pod = snapshot.by_address.get(loss.endpoints[0]) if loss.place == "pod" else None
    if pod is not None:
        return pod_subject(pod, loss.group.port if loss.group.service is None else 0)
    subject = loss.view.subject
    detail = {"between": f"→ {loss.other}", "beyond": "and behind it"}.get(loss.place, "")
    return Subject(kind=subject.kind, name=subject.name, namespace=subject.namespace, detail=detail)


def _is_explained(snapshot: Snapshot, loss: PathLoss) -> bool:
    if loss.place == "node" and _is_counted(snapshot, loss):
        return True
    if _had_no_endpoint(snapshot, loss.group) or _leads_nowhere(snapshot, loss):
        return True
    if _ended_with_its_clients(snapshot, loss.group):
        return True
    return is_denied(snapshot, loss.group) or is_forgotten(snapshot, _ends(loss.group))


def _had_no_endpoint(snapshot: Snapshot, group: PathGroup) -> bool:
    """What is sent to a Service of which no endpoint is ready is rejected, and the kernel sends
    few ICMP errors a second: the rest looks lost."""
    if group.service is None:
        return _is_rejected(snapshot, group)
    if len(group.ready) > 1:
        return False
    rows = snapshot.slices_behind(group.service)
    is_new = any(snapshot.at - row.changed < CAPTURED_S for row in rows)
    return bool(rows) and (not group.ready or is_new)


def _is_rejected(snapshot: Snapshot, group: PathGroup) -> bool:
    """Whether, of an address of which nothing is known, nothing is opened any more, and some SYNs
    are rejected: by a capture alone that is all that shows of a Service without endpoints."""
    if snapshot.services or group.asked in snapshot.by_address:
        return False
    rejected = sum(row.rejected for row in group.rows)
    return rejected >= LEAST.value and rejected >= sum(row.completed for row in group.rows)


def _leads_nowhere(snapshot: Snapshot, loss: PathLoss) -> bool:
    """What leaves for an address that no pod has is lost nowhere on its path."""
    ends = loss.endpoints or tuple(address for address, _ in _ends(loss.group))
    nowhere = [address for address in ends if node_of_unused(snapshot, address)]
    return loss.place == "beyond" and bool(nowhere) and len(nowhere) == len(ends)


def _ended_with_its_clients(snapshot: Snapshot, group: PathGroup) -> bool:
    """Connections of pods that are gone, and that open none: nobody waits for what is lost."""
    opened = any(row.to_server.entered.syn or row.to_server.left.syn for row in group.rows)
    return not opened and all(node_of_unused(snapshot, row.client) for row in group.rows)


def _ends(group: PathGroup) -> set[End]:
    return {group.end, *(row.endpoint_end for row in group.rows if row.endpoint)}


def _is_counted(snapshot: Snapshot, loss: PathLoss) -> bool:
    """By a counter of the node, a full conntrack table, or forwarding that is off."""
    view, wanted = loss.view, family(loss.group.asked)
    is_off = any(one.family == wanted for one in forwarding_off(snapshot, view))
    if is_table_full(view) or is_off:
        return True
    return 2 * view.delta(*COUNTED_DROPS) >= loss.share.lost


def is_table_full(view: TargetView) -> bool:
    fill = CONNTRACK_FILL.share(view.values)
    return fill is not None and (fill.percent or 0) >= FULL


def is_denied(snapshot: Snapshot, group: PathGroup) -> bool:
    """By a policy, for one of the clients."""
    if not snapshot.policies and not snapshot.foreign_policies:
        return False
    context = policy_context(snapshot)
    for row in group.rows:
        client = snapshot.by_address.get(row.client)
        talk = Conversation(row.protocol, row.client, row.asked, row.asked_port)
        if client is not None and any(
            one.verdict.denied for one in verdicts(snapshot, context, client, talk)
        ):
            return True
    return False
