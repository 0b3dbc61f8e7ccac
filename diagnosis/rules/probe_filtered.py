"""The kubelet's probes of a pod get no answer while others reach the same port: what comes from its
node is dropped.

Most plugins always admit a pod's own node, as the API's documentation wants it:
https://kubernetes.io/docs/concepts/services-networking/network-policies/ ("traffic to and from the
node where a Pod is running is always allowed"). A firewall in the pod or on the node may not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address

from collectors.events import PodRow, ProbeRow
from collectors.findings import Evidence, Finding
from collectors.frozen import frozen
from diagnosis.paths import End
from diagnosis.reachability import policy_proposal
from diagnosis.reachability.certainty import any_of
from diagnosis.reachability.parties import Party
from diagnosis.reachability.policy_model import Ask, Policy
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules._policies import policy_context
from diagnosis.rules._services import age
from diagnosis.snapshot import Conversation, Snapshot, TargetView, listed
from diagnosis.subjects import pod_subject, service_subject

FAILURES = Threshold(
    "at least", 3, "failures of a probe by a time-out, or a pod that is not ready", CONVENTION
)
RECENT = Threshold("the last within", 120, "s", CONVENTION)
KNOWN = Threshold(
    "where a capture has probes without an answer within",
    330,
    "s",
    "client-go's EventSourceObjectSpamFilter: after 25 in a row one in 5 min",
)
STARTED = Threshold("of a pod older than", 20, "s", CONVENTION)
OTHERS = Threshold("while others open at least", 3, "connections to the port in 15 s", CONVENTION)
WELL = Threshold("of which fail up to", 10, "%", CONVENTION)
RULE = Rule(
    id="probe_filtered",
    title="The kubelet's probes of a pod get no answer while others reach the port",
    scope="pod",
    stage="cause",
    inputs=("events", "capture", "pods", "NetworkPolicies", "namespaces"),
    symptoms=("connect", "timeout"),
    screen="pods",
    thresholds=(FAILURES, RECENT, KNOWN, STARTED, OTHERS, WELL),
    false_friends=(
        "the pod answers SYNs of its node, and is slow to answer the request",
        "others get no answer either: the program, or its accept queue",
    ),
    severity="critical",
    verify="kubectl -n <namespace> describe pod <name> shows no new failure of the probe",
)
NOT_MADE = re.compile(r"dial tcp .*i/o timeout|failed to connect service|no route to host")
TIMED_OUT = re.compile(r"i/o timeout|deadline exceeded|no route to host")
END = re.compile(r"(?<![\w.:])(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):([0-9]{1,5})(?![\w.])")
FIREWALL = """# in the pod, and on {node}: the rule that drops what {node} sends
iptables-save -c | grep -E 'DROP|REJECT'; nft list ruleset | grep -nE 'drop|reject'"""


@frozen
class FilteredProbe:
    """A probe of `pod` at `port`. `sent` is what the kubelet's connections became where a capture
    saw any; `reached` are connections of others."""

    pod: PodRow
    row: ProbeRow
    port: int
    sent: Conversation | None
    view: TargetView | None
    reached: int


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for probe in _filtered(snapshot):
        yield _finding(snapshot, probe)


def explains(snapshot: Snapshot, finding: Finding, talk: Conversation) -> bool:
    """The probes themselves."""
    return any(
        pod_subject(probe.pod, probe.port) == finding.subject
        and talk.end in _ends(probe.pod, probe.port)
        and _is_of_its_node(snapshot, probe.pod, talk)
        for probe in _filtered(snapshot)
    )


def explains_finding(snapshot: Snapshot, finding: Finding, other: Finding) -> bool:
    """That the pod is out of its Services, or comes and goes."""
    if other.rule not in ("endpoints", "flapping", "crash_loop"):
        return False
    for probe in _filtered(snapshot):
        if pod_subject(probe.pod, probe.port) == finding.subject:
            return other.subject == pod_subject(probe.pod) or _is_alone(snapshot, probe.pod, other)
    return False


def _is_alone(snapshot: Snapshot, pod: PodRow, other: Finding) -> bool:
    """Whether it is the one that is out of the Service that a finding is about."""
    for service in snapshot.services:
        if service_subject(service) == other.subject:
            return [one for one in snapshot.selected(service) if not one.all_ready] == [pod]
    return False


def _filtered(snapshot: Snapshot) -> Iterator[FilteredProbe]:
    for pod in snapshot.pods if snapshot.probes else ():
        row = snapshot.probe(pod) if _is_old_enough(snapshot, pod) else None
        if row is not None and TIMED_OUT.search(row.message):
            yield from _of_probe(snapshot, pod, row)


def _is_old_enough(snapshot: Snapshot, pod: PodRow) -> bool:
    is_there = not pod.host_network and not pod.ended and pod.phase != "Terminating"
    return is_there and snapshot.at - pod.created > STARTED.value


def _goes_on(snapshot: Snapshot, pod: PodRow, row: ProbeRow, sent: Conversation | None) -> bool:
    """Whether it fails still. What a capture has is of now; a kubelet reports few of many
    failures."""
    age_s = snapshot.at - row.last
    if sent is not None:
        is_failing = row.count >= FAILURES.value or not pod.all_ready
        return is_failing and age_s < KNOWN.value
    is_frequent = row.count >= FAILURES.value and age_s < RECENT.value
    return is_frequent and bool(NOT_MADE.search(row.message))


def _of_probe(snapshot: Snapshot, pod: PodRow, row: ProbeRow) -> Iterator[FilteredProbe]:
    for port in _ports(pod, row):
        talks = [t for t in snapshot.conversations if t.end in _ends(pod, port)]
        others = [talk for talk in talks if not _is_of_its_node(snapshot, pod, talk)]
        reached, failed = _counts(others)
        if reached < OTHERS.value or 100 * failed > WELL.value * (reached + failed):
            continue
        own = [talk for talk in talks if _is_of_its_node(snapshot, pod, talk)]
        if any(talk.answered or talk.refused for talk in own):
            continue
        sent = next((talk for talk in own if talk.unanswered), None)
        if _goes_on(snapshot, pod, row, sent):
            view = next((v for v in snapshot.targets if sent in v.conversations), None)
            yield FilteredProbe(pod, row, port, sent, view=view, reached=reached)


def _ports(pod: PodRow, row: ProbeRow) -> list[int]:
    """That of the pod which the message names; where it says none, those of its containers."""
    own = set(pod.ips or (pod.ip,))
    named = [int(port) for six, four, port in END.findall(row.message) if _text(six or four) in own]
    return named[:1] or [port.number for port in pod.ports if port.protocol == "TCP"]


def _text(address: str) -> str:
    try:
        return str(ip_address(address))
    except ValueError:
        return ""


def _ends(pod: PodRow, port: int) -> set[End]:
    return {(address, port) for address in (pod.ip, *pod.ips)}


def _is_of_its_node(snapshot: Snapshot, pod: PodRow, talk: Conversation) -> bool:
    is_pods = talk.client in snapshot.by_address
    return not is_pods and snapshot.node_at(talk.client) == pod.node


def _counts(talks: list[Conversation]) -> tuple[int, int]:
    """Connections that were opened, and those that were not."""
    return sum(t.answered for t in talks), sum(t.unanswered + t.refused for t in talks)


# --- in words


def _finding(snapshot: Snapshot, probe: FilteredProbe) -> Finding:
    pod, policies = probe.pod, _not_admitting(snapshot, probe)
    by = f"; {listed(one.key for one in policies)} does not admit its node" if policies else ""
    return RULE.finding(
        subject=pod_subject(pod, probe.port),
        title=f"The kubelet's probes get no answer while others reach port {probe.port}: what "
        f"comes from {pod.node} is dropped{_where(probe)}{by}",
        evidence=_evidence(snapshot, probe, policies),
        confidence="likely" if probe.sent else "possible",
        fix=_fix(snapshot, probe, policies),
        fix_kind="yaml" if policies else "shell",
        verify=f"kubectl -n {pod.namespace} describe pod {pod.name} shows no new failure of the "
        "probe",
    )


def _where(probe: FilteredProbe) -> str:
    """In the pod, where the capture there has the SYNs."""
    is_pods = probe.view is not None and probe.view.pod == probe.pod
    return ", in the pod" if is_pods else ""


def _evidence(
    snapshot: Snapshot, probe: FilteredProbe, policies: list[Policy]
) -> Iterator[Evidence]:
    row, pod = probe.row, probe.pod
    seen = f"{row.message} ({row.count} times, last {age(snapshot.at - row.last)})"
    yield snapshot.fact(seen, f"the kubelet, of {pod.namespace}/{pod.name}")
    yield snapshot.fact(
        f"others opened {probe.reached} connections to port {probe.port}", "capture"
    )
    if probe.sent and probe.view:
        text = f"{probe.sent.unanswered} SYNs from {probe.sent.client} ({pod.node}) unanswered"
        yield probe.view.fact(text, "capture")
    for policy in policies:
        text = f"isolates the pod and has no rule for {_node_address(snapshot, probe)}"
        yield snapshot.fact(text, f"NetworkPolicy {policy.key}")


def _node_address(snapshot: Snapshot, probe: FilteredProbe) -> str:
    if probe.sent:
        return probe.sent.client
    return next((node.address for node in snapshot.nodes if node.name == probe.pod.node), "")


def _not_admitting(snapshot: Snapshot, probe: FilteredProbe) -> list[Policy]:
    """The policies that isolate the pod, where none of them has a rule for its node: the plugin
    may not admit it all the same."""
    context = policy_context(snapshot)
    own, address = context.party(probe.pod), _node_address(snapshot, probe)
    node = Party(name=probe.pod.node, ips=(address,), node=probe.pod.node, host=True)
    ask = Ask("ingress", node, own, probe.port, "TCP")
    isolating = [one for one in context.policies if one.selects(own, "ingress")]
    rules = [rule for policy in isolating for rule in policy.rules.get("ingress", ())]
    admitted = any_of(rule.match(ask) for rule in rules)
    return isolating if address and admitted is False else []


def _fix(snapshot: Snapshot, probe: FilteredProbe, policies: list[Policy]) -> str:
    if not policies:
        return FIREWALL.format(node=probe.pod.node)
    policy, address = policies[0], _node_address(snapshot, probe)
    block = f"{address}/{128 if ':' in address else 32}"
    spec = {
        "podSelector": policy.spec.get("podSelector") or {},
        "policyTypes": ["Ingress"],
        "ingress": [
            {"from": [{"ipBlock": {"cidr": block}}], "ports": [{"port": probe.port}]},
        ],
    }
    head = f"# policies add up, so this stands beside {policy.key}: one entry for each node"
    text = policy_proposal.document(f"{policy.name[:55]}-probes", policy.namespace, spec)
    return f"{head}\n{text}"
