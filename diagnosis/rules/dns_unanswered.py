"""DNS queries get no answer.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Finding
from diagnosis.lookups import DnsSummary
from diagnosis.loss_location import LossLocation, loss_report, place
from diagnosis.loss_shares import LossShare
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules._dns import (
    DNS_PORT,
    QUESTIONS,
    SOURCE,
    DnsServerFindings,
    Sight,
    asking,
    servers,
    servers_outside,
    share,
)
from diagnosis.rules._dns_paths import DnsLoss, dns_loss
from diagnosis.snapshot import Conversation, Snapshot, TargetView, listed

SHARE = Threshold("from", 10, "% of queries unanswered", CONVENTION)
MOST = Threshold("with a place from", 50, "% unanswered", CONVENTION)
LEAST = Threshold("at least", 3, "queries unanswered in 15 s", CONVENTION)
CERTAIN = Threshold("or certainly more than", 2, "% (Wilson)", CONVENTION)
CUT_OFF = Threshold("or of one client, while others are answered, all of", 5, "queries", CONVENTION)
RULE = Rule(
    id="dns_unanswered",
    title="DNS queries get no answer",
    scope="pod or node",
    stage="symptom",
    inputs=("DNS", "capture"),
    symptoms=("name", "slow", "load"),
    screen="dns",
    thresholds=(SHARE, CERTAIN, MOST, LEAST, CUT_OFF, QUESTIONS),
    false_friends=("answers reach the node and not the pod", "the capture itself loses packets"),
    verify="every query is answered",
)
OWN = 2  # times the share of packets that the capture lost, as of other losses: a convention
ASK = (
    "Is the Service kube-dns ready (services)? Does a policy cut port 53? Are packets lost "
    "(retransmits)?"
)

LISTENS = """# do the cluster's DNS pods listen on UDP port 53, or does a rule reject the queries?
kubectl -n kube-system get pods,endpointslices -o wide | grep -i dns
ss -lnup 'sport = 53'; iptables-save -c | grep REJECT; nft list ruleset | grep -n reject"""
ASK_OUTSIDE = (
    "Asked are servers outside of the cluster ({servers}): do they answer the node? Does a policy "
    "or a firewall cut port 53 towards them?"
)


def _seen(snapshot: Snapshot) -> Iterator[Sight]:
    for target, lookups in asking(snapshot):
        loss = dns_loss(snapshot, target, lookups)
        if loss is not None and loss.share.percent >= SHARE.value:
            count = max(lookups.unanswered, loss.share.lost)
            place = loss.short(snapshot) if loss.is_here else ""
            yield Sight(target, count, _finding(snapshot, target, lookups, loss), place)
        elif _are_many(snapshot, lookups) and not _are_lost_here(snapshot, target, lookups):
            count = _unanswered(snapshot, lookups)
            yield Sight(target, count, _finding(snapshot, target, lookups, None))
        elif _cut_off(lookups):
            count = sum(lookups.cut_off[one] for one in _cut_off(lookups))
            yield Sight(target, count, _finding(snapshot, target, lookups, None))


_findings = DnsServerFindings(RULE, _seen)
evaluate, explains_finding = _findings.evaluate, _findings.explains_finding


def _are_many(snapshot: Snapshot, lookups: DnsSummary) -> bool:
    silent = _unanswered(snapshot, lookups)
    if silent >= LEAST.value and share(silent, lookups.asked) >= SHARE.value:
        return True
    of_all = LossShare(silent, max(silent, lookups.asked - lookups.legs))
    return of_all.is_loss and of_all.low > CERTAIN.value


def _cut_off(lookups: DnsSummary) -> list[str]:
    """Clients that get no answer at all."""
    return sorted(one for one, asked in lookups.cut_off.items() if asked >= CUT_OFF.value)


def _unanswered(snapshot: Snapshot, lookups: DnsSummary) -> int:
    """Of a capture alone those as well that were answered only when they were asked again; where
    counters and places are known, these say what is lost."""
    return lookups.unanswered + (0 if snapshot.services else lookups.repeated)


def _are_lost_here(snapshot: Snapshot, target: TargetView, lookups: DnsSummary) -> bool:
    """Whether the capture may have lost the answers itself."""
    return share(_unanswered(snapshot, lookups), lookups.asked) <= OWN * target.capture_loss


def _finding(
    snapshot: Snapshot, target: TargetView, lookups: DnsSummary, loss: DnsLoss | None
) -> Finding:
    counts = (
        f"{lookups.unanswered} of {lookups.asked} queries unanswered, {lookups.retried} retried"
    )
    silent = _unanswered(snapshot, lookups)
    percent = loss.share.percent if loss else share(silent, lookups.asked)
    title = f"{percent:.0f} % of DNS queries get no answer"
    if loss is None and silent > lookups.unanswered:
        title = f"{title}, or only to a retry"
        counts = f"{counts} ({lookups.repeated} of these answered only after a timeout)"
    if clients := _cut_off(lookups) if loss is None else []:
        names = listed(map(snapshot.name, clients))
        title = f"No DNS query of {names} gets an answer, and others do"
    outside = servers_outside(snapshot, lookups)
    evidence = [
        target.fact(counts, SOURCE),
        target.fact(servers(snapshot, lookups), SOURCE),
    ]
    fix = ASK_OUTSIDE.format(servers=listed(outside)) if outside else ASK
    found = None if loss and loss.how != "silent" else _place(snapshot, lookups)
    error = _error(target, lookups) if loss is None and found is None else None
    if loss is not None and found is None:
        title, fix = f"{title}: {loss.short(snapshot)}", loss.fix
        evidence.append(loss.view.fact(loss.figure, "capture, all interfaces"))
    elif found is not None:
        lost, server = found
        report = loss_report(lost, server, "queries")
        title, fix = f"{title}: {report.short}", report.fix
        evidence.append(lost.view.fact(report.figure, "capture, both sides of the node"))
    elif error is not None:
        by = snapshot.name(error.rejected_by)
        title, fix = f"{title}: rejected by {by} ({error.unreachable})", LISTENS
        evidence.append(target.fact(f"last ICMP error: {error.unreachable}, from {by}", "capture"))
    return RULE.finding(
        subject=target.subject,
        title=title,
        evidence=evidence,
        fix=fix,
        fix_kind="text" if found is None and loss is None and error is None else "shell",
    )


def _error(target: TargetView, lookups: DnsSummary) -> Conversation | None:
    """What a question was answered by instead; not what a client sends, to which an answer comes
    too late."""
    talks = (t for t in target.conversations if (t.protocol, t.port) == ("UDP", DNS_PORT))
    asked = (talk for talk in talks if talk.server in lookups.servers and talk.unreachable)
    return next((talk for talk in asked if talk.rejected_by not in ("", talk.client)), None)


def _place(snapshot: Snapshot, lookups: DnsSummary) -> tuple[LossLocation, str] | None:
    """Where the questions to one of the servers are lost, and which server."""
    are_most = share(lookups.unanswered, lookups.asked) >= MOST.value
    for address in lookups.servers if are_most else ():
        lost = place(snapshot, address, 53, "UDP")
        if lost is not None:
            return lost, address
    return None
