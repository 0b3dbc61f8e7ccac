"""A share of packets is lost on a node, or between two places that are watched.

Facts: docs/reference/failures.md; how places are found: docs/detection.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from collectors.findings import Evidence, Finding, Severity, Subject
from diagnosis.by_key import by_key
from diagnosis.icmp_errors import with_meaning
from diagnosis.lookups import DnsSummary
from diagnosis.loss_location import place
from diagnosis.loss_shares import FULL_SIZE_TEXT, LossShare, counts_text
from diagnosis.path_groups import client_text, endpoint_text, node_text, server_text
from diagnosis.path_losses import PathLoss, loss_ends
from diagnosis.paths import End
from diagnosis.per_snapshot import once_per_snapshot
from diagnosis.rule import CONVENTION, Rule, Threshold, level
from diagnosis.rules import endpoint_failing, never_answered
from diagnosis.rules._losses import is_queue_full, loss_subject, losses_at, unexplained
from diagnosis.rules._outside import is_outside
from diagnosis.snapshot import Conversation, Snapshot, listed

WARNING = Threshold("warning from", 1, "% of a kind of packet that is certainly lost", CONVENTION)
CRITICAL = Threshold("critical from", 5, "%", CONVENTION)
LEAST = Threshold("at least", 5, "packets in 15 s", CONVENTION)
ONLY_SYNS = "a full accept queue, or a filter of new connections"
PLACES = ("node", "between", "pod", "beyond")  # the surest first
NEARLY_ALL = 0.9  # of what is lost: a convention
PASSES = 4  # of a question and its answer through nodes: a convention
LOST_AN_ERROR = 100  # packets at most: a convention
RULE = Rule(
    id="packet_loss",
    title="Packets are lost on their path: they come to a place and do not leave it",
    scope="node",
    stage="symptom",
    inputs=("capture", "pods", "Services", "links"),
    symptoms=("slow", "timeout", "connect", "large", "load", "nodes"),
    screen="flows",
    criterion="what an interface of the place saw come in against what another saw go out, by "
    "direction and kind, with the bound of a sample of that size (95 %, Wilson)",
    thresholds=(WARNING, CRITICAL, LEAST),
    false_friends=(
        "the capture itself drops packets",
        "eBPF hands packets on where a capture does not see them",
    ),
    verify="as much leaves as comes in; nothing is retransmitted",
)
DROPPED = """# on {node}: the rule whose counter grows, or the queue that drops
iptables-save -c | grep -E 'DROP|REJECT'; nft list ruleset | grep -E 'drop|reject'
tc -s qdisc show; tc -s filter show dev eth0 ingress
nstat -az | grep -E 'Drop|Discard|Filter'"""
BETWEEN = """# on both ends: drops of the NIC, and of a policer
ip -s -s link; tc -s qdisc show; ethtool -S eth0 | grep -iE 'drop|err|allowance'
# next, what carries it: the underlay's switches, security groups, rate limits"""
IN_POD = """# in the pod: its own rules, and a listener whose Recv-Q stays
iptables-save -c; nft list ruleset; tc -s qdisc show
ss -lnt; nstat -az TcpExtListenDrops TcpExtListenOverflows"""
BEYOND = "Open the node of the other end: podwire compares what leaves here with what comes there"
FIXES = {"node": DROPPED, "between": BETWEEN, "pod": IN_POD, "beyond": BEYOND}


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for subject, losses in _by_place(snapshot).items():
        yield _finding(snapshot, subject, [*losses, *_alike(snapshot, subject)])


@once_per_snapshot
def _by_place(snapshot: Snapshot) -> Mapping[Subject, list[PathLoss]]:
    found = by_key(unexplained(snapshot), partial(loss_subject, snapshot))
    return {subject: _without_parts(losses) for subject, losses in found.items()}


def _without_parts(losses: list[PathLoss]) -> list[PathLoss]:
    """Without those of an endpoint whose Service is among them: flows that began before the
    capture have the endpoint's address only. All of them where each is an endpoint of another, as
    where two addresses are translated to each other."""
    parts = {part for loss in losses for part in _translated(loss)}
    return [loss for loss in losses if not set(_asked(loss)) <= parts] or losses


def _translated(loss: PathLoss) -> Iterator[tuple[str, End]]:
    """By client, where its connections were translated to."""
    rows = (row for row in loss.group.rows if row.endpoint != row.asked)
    return ((row.client, row.endpoint_end) for row in rows)


def _asked(loss: PathLoss) -> Iterator[tuple[str, End]]:
    return ((row.client, row.asked_end) for row in loss.group.rows)


def _alike(snapshot: Snapshot, subject: Subject) -> Iterator[PathLoss]:
    """What other nodes, or other pods, lose alike, which is said here."""
    own = _by_place(snapshot)[subject][0].place
    for other, losses in _by_place(snapshot).items():
        alike = own == losses[0].place in ("node", "pod")
        if alike and _is_said_at(snapshot, subject, other):
            yield from losses


def _is_said_at(snapshot: Snapshot, subject: Subject, other: Subject) -> bool:
    """Whether what is lost at another place is mostly of the same ends: it is lost here, or on its
    path behind; where both are alike, it is said at the first by its kind and name."""
    own, others = _by_place(snapshot).get(subject, []), _by_place(snapshot).get(other, [])
    if subject == other or not own or not others or _rank(own) > _rank(others):
        return False
    is_first = _rank(own) < _rank(others) or subject.text < other.text
    return _covers(own, others) and (is_first or not _covers(others, own))


def _rank(losses: list[PathLoss]) -> int:
    return PLACES.index(losses[0].place)


def _covers(losses: list[PathLoss], others: list[PathLoss]) -> bool:
    """By their ends; or of nothing but segments of full size: one MTU, or one filter."""
    if all(loss.place == "node" and _is_of_large(loss) for loss in (*losses, *others)):
        return True
    ends = {end for loss in losses for end in loss_ends(loss)}
    covered = [loss.share.lost for loss in others if not ends.isdisjoint(loss_ends(loss))]
    return sum(covered) >= NEARLY_ALL * sum(loss.share.lost for loss in others)


def _is_of_large(loss: PathLoss) -> bool:
    return [kind.name for kind in loss.kinds] == [FULL_SIZE_TEXT]


def explains(snapshot: Snapshot, finding: Finding, talk: Conversation) -> bool:
    """What fails, or is slow, between ends that lose packets there."""
    return any(_is_of(loss, talk) for loss in losses_at(snapshot, finding.subject))


def explains_finding(snapshot: Snapshot, finding: Finding, other: Finding) -> bool:
    """Of what one node drops on its own: that an endpoint fails to which it drops packets, beside
    others, or those of other nodes; that SYNs are dropped there; that a share of DNS questions gets
    no answer; that the same is lost behind other nodes. Of any place, that no request that passes
    it is answered."""
    if other.rule == RULE.id:
        return _is_said_at(snapshot, finding.subject, other.subject)
    if other.rule == "unanswered":
        return _dropped_at(snapshot, other.subject) == finding.subject
    if other.rule == never_answered.RULE.id:
        found = losses_at(snapshot, finding.subject)
        own = (one for one in found if not is_queue_full(one))
        return other.subject in {snapshot.subject(*end) for one in own for end in loss_ends(one)}
    losses = [loss for loss in losses_at(snapshot, finding.subject) if loss.place == "node"]
    if other.rule == "dns_unanswered":
        return _loses_questions(snapshot, losses, other.subject)
    if other.rule != endpoint_failing.RULE.id:
        return False
    ends = {
        row.endpoint_end if row.endpoint else row.asked_end
        for loss in losses
        for row in loss.group.rows
    }
    failing = set(endpoint_failing.failing_ends(snapshot, other))
    is_elsewhere = not endpoint_failing.is_seen_at(snapshot, other, finding.subject)
    return bool(ends & failing) and (is_elsewhere or not ends <= failing)


def _loses_questions(snapshot: Snapshot, losses: list[PathLoss], target: Subject) -> bool:
    """Whether so many are lost where a question and its answer pass two nodes each."""
    worst = max((loss.share.high for loss in losses), default=0.0)
    asked = list(_lookups_of(snapshot, target))
    return bool(asked) and all(100 * one.unanswered <= PASSES * worst * one.asked for one in asked)


def _lookups_of(snapshot: Snapshot, asking: Subject) -> Iterator[DnsSummary]:
    """Of a vantage point, or of all that ask a server."""
    for view in snapshot.targets:
        if view.lookups is not None:
            servers = {snapshot.subject(one, asking.port) for one in view.lookups.servers}
            if view.subject == asking or asking in servers:
                yield view.lookups


def _dropped_at(snapshot: Snapshot, server: Subject) -> Subject | None:
    """The node that the SYNs to a server, or its answers, came into and did not leave."""
    for end in {talk.end for talk in snapshot.conversations}:
        if snapshot.subject(*end) == server:
            lost = place(snapshot, *end)
            if lost is not None and lost.what in ("request", "answer"):
                return lost.view.subject
    return None


def _is_of(loss: PathLoss, talk: Conversation) -> bool:
    group = loss.group
    return talk.end in {group.end, *(row.endpoint_end for row in group.rows)}


def _finding(snapshot: Snapshot, subject: Subject, losses: list[PathLoss]) -> Finding:
    worst = max(losses, key=lambda loss: loss.share.lost)
    return RULE.finding(
        subject=subject,
        title=_title(snapshot, losses),
        severity=_severity(losses),
        evidence=_evidence(snapshot, losses),
        confidence="possible" if worst.place in ("pod", "beyond") else "certain",
        fix=FIXES[worst.place].format(node=node_text(worst.view)),
        fix_kind="text" if worst.place == "beyond" else "shell",
    )


def _severity(losses: list[PathLoss]) -> Severity:
    return level(max(loss.share.low for loss in losses), WARNING, CRITICAL) or "warning"


# --- in words


def _title(snapshot: Snapshot, losses: list[PathLoss]) -> str:
    worst = max(losses, key=lambda loss: loss.share.lost)
    node, share = node_text(worst.view), _range_text(losses)
    nodes = sorted({node_text(loss.view) for loss in losses})
    what = listed((_what(snapshot, loss) for loss in losses), 2)
    if worst.resets >= LEAST.value:
        server = server_text(snapshot, worst.group)
        return f"{node} resets connections to {server}: RSTs leave it that no server sent"
    if worst.place == "node":
        verb = _verb(worst, "s" if len(nodes) == 1 else "")
        why = f" {with_meaning(worst.row.icmp, on_the_path=True)}" if _says_why(worst) else ""
        return f"{' and '.join(nodes)} {verb} {share} of {what}{why}"
    if worst.place == "between":
        return f"{share} of {what} is lost between {node} and {worst.other}"
    return _title_behind(worst, node, share, what)


def _verb(loss: PathLoss, ending: str) -> str:
    """By few errors it is not known of each packet."""
    if loss.row.rejected >= LEAST.value:
        return f"reject{ending}"
    return f"drop{ending} or reject{ending}" if _says_why(loss) else f"drop{ending}"


def _says_why(loss: PathLoss) -> bool:
    """Whether its ICMP errors are about what is lost: they are limited to about one a second
    (icmp_ratelimit), but one among hundreds is about something else."""
    rejected = loss.row.rejected
    return rejected >= LEAST.value or rejected * LOST_AN_ERROR > loss.share.lost


def _title_behind(worst: PathLoss, node: str, share: str, what: str) -> str:
    if not worst.to_server:
        share = f"at least {worst.share.percent:.0f} %"  # a hole shows where something follows it
        where = "in the pod" if worst.place == "pod" else "before it"
        return f"{share} of {what} is missing as it comes to {node}: lost {where}"
    outcome = f"gets no answer, and no data is lost: {ONLY_SYNS}"
    if worst.place == "pod":
        outcome = outcome if worst.spared else "is not acknowledged there"
        return f"{node} hands it to the pod, and {share} of {what} {outcome}"
    if not worst.spared:
        outcome = "is not acknowledged: lost behind it, or its answer"
    if worst.row.unanswered >= LEAST.value and not worst.row.completed:
        return f"Nothing answers {what}, which leaves {node}: lost behind it, or its answer"
    return f"{share} of {what} leaves {node} and {outcome}"


def _range_text(losses: list[PathLoss]) -> str:
    total = LossShare(0, 0)
    for loss in losses:
        total += loss.share
    return total.text


def _what(snapshot: Snapshot, loss: PathLoss) -> str:
    """What goes to a server, or comes from it, as narrow as the kinds say."""
    server = server_text(snapshot, loss.group)
    if loss.endpoints and loss.endpoints != (loss.group.asked,):
        port = loss.group.rows[0].endpoint_port
        ends = listed(endpoint_text(snapshot, one, port) for one in loss.endpoints)
        server = f"{server} at {ends}"
    if not loss.spared:
        return f"what goes to {server}" if loss.to_server else f"the answers of {server}"
    kinds = " and ".join(f"the {kind.name}" for kind in loss.kinds)
    return f"{kinds} to {server}" if loss.to_server else f"{kinds} from {server}"


def _evidence(snapshot: Snapshot, losses: list[PathLoss]) -> Iterator[Evidence]:
    for loss in losses:
        yield from _of_loss(snapshot, loss)


def _of_loss(snapshot: Snapshot, loss: PathLoss) -> Iterator[Evidence]:
    server, clients = server_text(snapshot, loss.group), client_text(snapshot, loss.group.rows)
    shares = "; ".join(f"{k.name} {k.share.lost:,} of {k.share.total:,}" for k in loss.kinds)
    spared = f"; not of {listed(loss.spared)}" if loss.spared else ""
    towards = f"to {server}" if loss.to_server else f"from {server}"
    yield loss.view.fact(f"{towards}, lost: {shares}{spared}; clients: {clients}", "capture")
    there = counts_text(loss.row.to_server, to_server=True)
    back = counts_text(loss.row.to_client, to_server=False)
    yield loss.view.fact(f"there: {there}. Back: {back}", "capture, all interfaces")
    if loss.resets >= LEAST.value:
        yield loss.view.fact(f"{loss.resets} RSTs went out that never came in", "capture")
    yield loss.view.fact(_retransmitted_text(loss), "capture")
    if own := _unmasked(snapshot, loss):
        hint = f"SYNs leave with the pods' own addresses ({listed(own)}), which nobody masquerades"
        yield loss.view.fact(f"{hint}: can the other end answer them?", "capture")
    if (only := _only_endpoint(loss)) and len(loss.kinds) == 1:
        hint = f"all SYNs that leave go to {only}: perhaps another endpoint is never reached"
        yield loss.view.fact(hint, "capture")
    if FULL_SIZE_TEXT in [kind.name for kind in loss.kinds] and loss.spared:
        yield loss.view.fact("only large segments: an MTU, or a filter by length", "capture")


def _unmasked(snapshot: Snapshot, loss: PathLoss) -> list[str]:
    """Of what goes outside of the cluster and is answered by nothing: the addresses of pods that it
    leaves the node with."""
    if loss.place != "beyond" or loss.row.completed or not is_outside(snapshot, loss.group.asked):
        return []
    sent = {row.sent_as for row in loss.group.rows if row.to_server.left.syn}
    return sorted(one for one in sent if one in snapshot.by_address)


def _only_endpoint(loss: PathLoss) -> str:
    """The only one that is reached of a Service whose SYNs are lost."""
    ends = {row.endpoint for row in loss.group.rows if row.to_server.left.syn}
    translated = loss.group.asked not in ends
    is_known = len(ends) == 1 and loss.kinds[0].name == "SYNs" and translated
    return min(ends) if is_known else ""


def _retransmitted_text(loss: PathLoss) -> str:
    again = loss.row.to_server.retransmitted + loss.row.to_client.retransmitted
    return (
        f"retransmitted: {again.syn:,} SYNs, {again.timeout:,} segments after a timeout, "
        f"{again.fast:,} fast, {again.spurious:,} spuriously"
    )
