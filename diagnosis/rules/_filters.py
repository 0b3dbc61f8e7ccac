"""The rule of a packet filter that counts while connections are lost or refused, named in the
finding that says the loss: only one whose match covers them, with as many packets."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from collectors.events import FilterRule
from collectors.findings import Evidence, Finding
from collectors.frozen import frozen
from diagnosis.consequences import FAILS, Explains, has_failed, talks_of
from diagnosis.filter_counts import RisingRule
from diagnosis.filter_matches import FilterMatch, FlowEnds, covers, filter_match
from diagnosis.paths import End
from diagnosis.snapshot import Conversation, Snapshot, TargetView

NAMED_IN = (
    "endpoint_failing",
    "packet_loss",
    "probe_filtered",
    "refused",
    "service_failing",
    "unanswered",
)
CLUSTER_CHAINS = ("KUBE-", "cali", "CILIUM", "WEAVE", "FLANNEL", "ANTREA", "OVN")
CLUSTER_TABLES = ("kube-", "calico", "cilium", "antrea")
LEAST = 3  # packets
AS_MANY = 0.5  # of the connections that fail: one packet each at least, counted at other times
MOST = 2  # rules


@frozen
class NamedRule:
    view: TargetView
    rising: RisingRule
    match: FilterMatch


def with_filters(
    snapshot: Snapshot,
    finding: Finding,
    explains: Explains | None,
    failing_ends: Callable[[Snapshot, Finding], Iterable[End]] | None,
) -> Finding:
    """`failing_ends` are the only addresses and ports that fail, where a rule knows them."""
    if finding.rule not in NAMED_IN or not any(view.filters for view in snapshot.targets):
        return finding
    talks = talks_of(snapshot, finding, explains)
    ends = frozenset(failing_ends(snapshot, finding) if failing_ends else ())
    found = list(_rules(snapshot, finding, talks, ends))[:MOST]
    if not found:
        return finding
    return replace(
        finding,
        evidence=(*finding.evidence, *map(_evidence, found)),
        fix="\n".join((*(_fix(finding, one) for one in found), _rest(finding))).rstrip("\n"),
        fix_kind="yaml" if finding.fix_kind == "yaml" else "shell",
    )


def _rest(finding: Finding) -> str:
    """What it advised before, as a comment where it is a sentence."""
    return f"# {finding.fix}" if finding.fix_kind == "text" and finding.fix else finding.fix


def _rules(
    snapshot: Snapshot, finding: Finding, talks: Sequence[Conversation], ends: frozenset[End]
) -> Iterator[NamedRule]:
    fails = FAILS.get(finding.rule, has_failed)
    failing = [talk for talk in talks if fails(talk)]
    lost = sum(map(_lost, failing))
    refused = sum(talk.refused for talk in failing)
    flows = [flow for talk in failing for flow in _flows(snapshot, talk, ends)]
    for view in _views(snapshot, finding):
        own = view.addresses
        for rising in view.filters if own else ():
            match = filter_match(rising.rule)
            if match is None or _is_of_the_cluster(snapshot, rising.rule, match):
                continue
            if not any(covers(match, rising.rule, flow, own) for flow in flows):
                continue
            failed = refused if match.verdict == "reject" else lost
            if failed and rising.packets >= max(LEAST, AS_MANY * failed):
                yield NamedRule(view, rising, match)


def _is_of_the_cluster(snapshot: Snapshot, rule: FilterRule, match: FilterMatch) -> bool:
    """Whether kube-proxy or the CNI wrote it: what they refuse follows from Services and policies,
    and they write it again."""
    if rule.chain.startswith(CLUSTER_CHAINS) or any(one in rule.table for one in CLUSTER_TABLES):
        return True
    asked = {value.partition("/")[0] for one in match.destinations for value in one.values}
    return match.verdict == "reject" and bool(asked & snapshot.service_by_address.keys())


def _lost(talk: Conversation) -> int:
    answers = talk.answers_stopped + talk.answers_passed
    return max(talk.unanswered, answers, talk.retransmitted)


def _views(snapshot: Snapshot, finding: Finding) -> list[TargetView]:
    """The place where a finding says that it is, else all; a node once, though a pod on its network
    is open as well."""
    views = {_place(view): view for view in sorted(snapshot.targets, key=_is_node)}
    own = [view for view in views.values() if view.subject == finding.subject]
    return own or [view for view in views.values() if view.filters]


def _is_node(view: TargetView) -> bool:
    return view.kind == "node"


def _place(view: TargetView) -> tuple[str, str]:
    """The network namespace."""
    is_host = view.kind == "node" or (view.pod is not None and view.pod.host_network)
    return ("node", view.node) if is_host else (view.kind, view.name)


def _flows(snapshot: Snapshot, talk: Conversation, ends: frozenset[End]) -> Iterator[FlowEnds]:
    """As it is seen, and as it leaves for the endpoints of the Service that it asks."""
    for server, port in ends or (talk.end, *_endpoints(snapshot, talk)):
        yield FlowEnds(talk.protocol, talk.client, server, port)


def _endpoints(snapshot: Snapshot, talk: Conversation) -> Iterator[End]:
    service = snapshot.service_by_address.get(talk.server)
    for row in snapshot.slices_behind(service) if service is not None else ():
        for address in (*row.ready, *row.not_ready):
            yield from ((address, port.number) for port in row.ports)


# --- in words


def _evidence(named: NamedRule) -> Evidence:
    rule, rising = named.rising.rule, named.rising
    done = "rejected" if named.match.verdict == "reject" else "dropped"
    text = (
        f"a rule {done} {rising.packets:,} packets in {rising.seconds:.0f} s: {rule.text} "
        f"(table {rule.table}, chain {rule.chain})"
    )
    source = "nft list ruleset" if rule.backend == "nft" else "iptables-save -c"
    return named.view.fact(text, source)


def _fix(finding: Finding, named: NamedRule) -> str:
    """Commands that find its place, which deleting it needs: its own text goes into none."""
    rule = named.rising.rule
    table, chain = " ".join(map(shlex.quote, rule.table.split())), shlex.quote(rule.chain)
    if rule.backend == "nft":
        show = f"nft -a list chain {table} {chain}"
        delete = f"nft delete rule {table} {chain} handle <its handle>"
    else:
        program = "iptables-legacy" if rule.backend == "iptables-legacy" else "iptables"
        show = f"{program} -t {table} -L {chain} -v -n --line-numbers"
        delete = f"{program} -t {table} -D {chain} <its number>"
    show = f"# {show}" if finding.fix_kind == "yaml" else show
    head = (
        f"# on {named.view.name}, the rule that does it; if it is not meant, delete it: {rule.text}"
    )
    return f"{head}\n{show}\n# {delete}"
