"""Policies that do not do what somebody meant: they select nothing, forget DNS over TCP, are not enforced, or are
missing where the cluster denies by default elsewhere (docs/reference/failures.md #22)."""

from __future__ import annotations

from collections.abc import Iterator

from collectors.events import PodRow
from collectors.findings import Evidence, Finding, Subject
from diagnosis.edit_distance import near
from diagnosis.reachability import network_policy as netpol, policy_proposal, selectors
from diagnosis.rule import CONVENTION
from diagnosis.rules.policies import allow_dns, behind, dns_decisions, dns_pods
from diagnosis.snapshot import Snapshot, listed
from diagnosis.subjects import policy_subject

SETTLED_S = 10.0  # after a policy has changed, until whatever enforces it must have taken it up; a convention
FLOWS = 3
SYSTEM = ("kube-system", "kube-public", "kube-node-lease")


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    if not snapshot.policies:
        return
    known = netpol.policies(snapshot.policies)
    namespaces = netpol.namespace_labels(snapshot.namespaces)
    yield from _selects_nothing(snapshot, known)
    yield from _dns_over_tcp(snapshot, known, namespaces)
    yield from _not_enforced(snapshot, known, namespaces)
    yield from _no_default_deny(snapshot, known)


def _selects_nothing(snapshot: Snapshot, known: list[netpol.Policy]) -> Iterator[Finding]:
    for one in known:
        pods = [p for p in snapshot.pods if p.namespace == one.namespace]
        if not pods or any(one.pods(dict(p.labels)) for p in pods):
            continue
        wanted = one.spec.get("podSelector") or {}
        text = selectors.text(wanted)
        meant = _meant(wanted.get("matchLabels") or {}, pods)
        hint = (
            [Evidence(f"there are pods labelled {meant}", f"pods of {one.namespace}", snapshot.at)]
            if meant
            else []
        )
        yield Finding(
            rule="policy_selects_nothing",
            severity="warning" if meant else "info",
            subject=policy_subject(one.key),
            title=f"The policy selects no pod: none of {one.namespace} has {text}",
            evidence=(
                Evidence(
                    f"podSelector {text}; {len(pods)} pods were compared",
                    f"NetworkPolicy {one.key}",
                    snapshot.at,
                ),
                *hint,
            ),
            threshold="a selector that matches nothing",
            confidence="certain" if meant else "likely",
            disproof="its pods are scaled to zero, or come later",
            fix=f"kubectl -n {one.namespace} edit networkpolicy {one.name}  # spec.podSelector"
            f"{f': {meant} is what pods have' if meant else ''}",
            fix_kind="shell",
            verify=f"kubectl -n {one.namespace} get pods -l '{text}' lists those that are meant",
            screen="policy",
        )


def _meant(labels: object, pods: list[PodRow]) -> str:
    """A label of a pod that differs from a wanted one in a letter or two."""
    for key, value in labels.items() if isinstance(labels, dict) else ():
        values = {dict(p.labels).get(key, "") for p in pods} - {"", value}
        if alike := near(str(value), values):
            return f"{key}={alike}"
    return ""


def _dns_over_tcp(
    snapshot: Snapshot, known: list[netpol.Policy], namespaces: dict[str, dict[str, str]]
) -> Iterator[Finding]:
    """UDP is let out to the DNS pods and TCP is not: what is truncated, or large, then never resolves."""
    servers = list(dns_pods(snapshot))
    cut: dict[str, list[str]] = {}
    for alike, decisions in dns_decisions(snapshot, known, namespaces):
        if any(d.allowed for d in decisions["UDP"]) and not any(
            d.allowed for d in decisions["TCP"]
        ):
            cut.setdefault(decisions["TCP"][0].policy, []).extend(
                f"{pod.namespace}/{pod.name}" for pod in alike
            )
    for key, pods in cut.items():
        service, server, port = servers[0]
        policy = next(p for p in known if p.key == key)
        truncated = sum(t.lookups.truncated for t in snapshot.targets if t.lookups is not None)
        seen = (
            [Evidence(f"{truncated} truncated answers", "capture, port 53", snapshot.at)]
            if truncated
            else []
        )
        yield Finding(
            rule="policy_cuts_dns_tcp",
            severity="critical" if truncated else "warning",
            subject=policy_subject(key),
            title=f"The policy lets DNS out over UDP and not over TCP: {listed(pods, 2)}",
            evidence=(
                Evidence(
                    f"UDP {port} to {service.namespace}/{service.name} is allowed, TCP {port} by no rule",
                    f"NetworkPolicy {key}",
                    snapshot.at,
                ),
                Evidence(f"pods: {listed(pods)}", "pods, policies", snapshot.at),
                *seen,
            ),
            threshold="an answer that does not fit into a datagram is asked for again over TCP (RFC 7766)",
            confidence="certain",
            disproof="no answer is ever truncated",
            fix=allow_dns(policy, server.namespace, service.selector, (port,), ("TCP",)),
            fix_kind="yaml",
            verify="dig +tcp in such a pod is answered",
            screen="policy",
        )


def _not_enforced(
    snapshot: Snapshot, known: list[netpol.Policy], namespaces: dict[str, dict[str, str]]
) -> Iterator[Finding]:
    """Connections that policies deny are opened and answered all the same."""
    changed = {f"{row.namespace}/{row.name}": row.changed for row in snapshot.policies}
    passed: dict[str, list[str]] = {}
    flows = 0
    for talk in snapshot.conversations:
        pod = snapshot.by_address.get(talk.client)
        if pod is None or talk.answered < FLOWS or not talk.opened:
            continue
        source = netpol.over(netpol.party_of(pod, namespaces), ":" in talk.client)
        verdicts = [
            netpol.verdict(source, netpol.party_of(target, namespaces), port, talk.protocol, known)
            for target, port in behind(snapshot, talk.server, talk.port, talk.protocol)
        ]
        if not verdicts or any(v.allowed for v in verdicts):
            continue
        key = verdicts[0].decided_by.policy
        since = changed.get(key, 0.0)
        if since and talk.opened - since > SETTLED_S:
            passed.setdefault(key, []).append(
                f"{snapshot.workload(talk.client)} → {snapshot.workload(talk.server)}:{talk.port}"
            )
            flows += talk.answered
    for key, pairs in passed.items():
        yield Finding(
            rule="policy_not_enforced",
            severity="warning",
            subject=policy_subject(key),
            title=f"Traffic that the policy denies passes: {listed(pairs, 2)}",
            evidence=(
                Evidence(
                    f"{flows} connections were answered: {listed(pairs)}", "capture", snapshot.at
                ),
                Evidence("no rule allows them", f"NetworkPolicy {key}", snapshot.at),
            ),
            threshold=f"connections opened {SETTLED_S:g} s after the policy's last change, or later; {CONVENTION}",
            confidence="likely",
            disproof="the connections are older than the policy, or come over the host's network",
            fix="Does anything enforce policies here? flannel and kindnet's older versions do not: add one that does (Calico, "
            "Cilium, kube-network-policies), or take the policy for what it is: a wish",
            fix_kind="text",
            verify="the connections get no answer",
            screen="flows",
        )


def _denies(policy: netpol.Policy) -> bool:
    """Whether it selects every pod of its namespace and lets nothing in."""
    return (
        selectors.text(policy.spec.get("podSelector") or {}) == "everything"
        and policy.rules.get("ingress") == ()
    )


def _no_default_deny(snapshot: Snapshot, known: list[netpol.Policy]) -> Iterator[Finding]:
    """Only where some namespaces are closed by default: then those that are not look forgotten."""
    closed = {p.namespace for p in known if _denies(p)}
    used = {p.namespace for p in snapshot.pods if not p.host_network}
    open_ = sorted(used - closed - set(SYSTEM))
    if not closed or not open_:
        return
    text = policy_proposal.document(
        "default-deny", open_[0], {"podSelector": {}, "policyTypes": ["Ingress"]}
    )
    yield Finding(
        rule="no_default_deny",
        severity="info",
        subject=Subject(kind="cluster", name="namespaces"),
        title=f"{len(open_)} namespaces admit anyone who is not denied: {listed(open_)}",
        evidence=(
            Evidence(
                f"default deny in {listed(sorted(closed), 5)}", "NetworkPolicies", snapshot.at
            ),
            Evidence(
                f"pods and no such policy in {listed(open_, 8)}",
                "NetworkPolicies, pods",
                snapshot.at,
            ),
        ),
        threshold="a policy that selects every pod and allows nothing, a namespace",
        confidence="certain",
        disproof="they are meant to be open",
        fix=f"# after the traffic that is wanted is allowed (y on a pod proposes that)\n{text}",
        fix_kind="yaml",
        verify="M shows who reaches whom",
        screen="policy",
    )
