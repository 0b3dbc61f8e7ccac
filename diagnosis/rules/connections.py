"""Connections that are refused, reset or not answered, by whom, and in which phase.

Facts: docs/reference/failures.md #17, #22.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_address, ip_network

from collectors.events import PodRow
from collectors.findings import Evidence, Finding, Subject
from diagnosis.loss_location import LossLocation, place, told
from diagnosis.rule import CONVENTION
from diagnosis.snapshot import Conversation, Snapshot, listed
from diagnosis.subjects import pod_subject

LEAST = 3  # in 15 s
MANY = 10  # what a rollout leaves behind is less


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    yield from _refused(snapshot)
    yield from _reset(snapshot)
    yield from _unanswered(snapshot)
    yield from _nobody(snapshot)


def _by_server(snapshot: Snapshot, kind: str) -> dict[tuple[str, int], list[Conversation]]:
    found: dict[tuple[str, int], list[Conversation]] = {}
    for talk in snapshot.conversations:
        if talk.protocol == "TCP" and getattr(talk, kind):
            found.setdefault((talk.server, talk.port), []).append(talk)
    return {
        key: talks for key, talks in found.items() if sum(getattr(t, kind) for t in talks) >= LEAST
    }


def _clients(snapshot: Snapshot, talks: list[Conversation]) -> str:
    return listed(snapshot.workload(talk.client) for talk in talks)


def _evidence(snapshot: Snapshot, talks: list[Conversation], text: str) -> tuple[Evidence]:
    return (Evidence(f"{text}, asked by {_clients(snapshot, talks)}", "capture", snapshot.at),)


def _refused(snapshot: Snapshot) -> Iterator[Finding]:
    """By pods, by addresses outside, or by something on the way. What a Service without endpoints refuses is another
    finding."""
    for (server, port), talks in _by_server(snapshot, "refused").items():
        if server in snapshot.service_by_address or _unowned(snapshot, server):
            continue
        refused, rejected = sum(t.refused for t in talks), sum(t.rejected for t in talks)
        known = _evidence(
            snapshot, talks, f"{refused} refused, {sum(t.answered for t in talks)} answered"
        )
        by = next((t.rejected_by for t in talks if t.rejected_by), "")
        if 2 * rejected > refused and by != server:
            said = next(t.unreachable for t in talks if t.rejected_by)
            yield _rejected(
                snapshot,
                snapshot.subject(server, port),
                by,
                (*known, Evidence(said, f"ICMP from {by}", snapshot.at)),
            )
        elif server in snapshot.by_address:
            yield _refused_by_pod(snapshot, snapshot.by_address[server], f"{server}:{port}", known)
        else:
            yield Finding(
                rule="refused",
                severity="warning",
                subject=snapshot.subject(server, port),
                title=f"Connections are refused by {snapshot.name(server)}: nothing listens there, or a firewall answers for it",
                evidence=known,
                threshold=f"{LEAST} in 15 s is {CONVENTION}",
                confidence="likely",
                disproof=f"connections to {server}:{port} from elsewhere are made",
                fix=f"On that machine: ss -ltn 'sport = {port}'  # does the program run, and listen on this address?",
                fix_kind="text",
                verify="the connection is made",
                screen="flows",
            )


def _rejected(
    snapshot: Snapshot, subject: Subject, by: str, known: tuple[Evidence, ...]
) -> Finding:
    return Finding(
        rule="refused",
        severity="warning",
        subject=subject,
        title=f"Connections are rejected on the way, by {snapshot.name(by)}, not by the server",
        evidence=known,
        threshold=f"{LEAST} in 15 s is {CONVENTION}",
        confidence="certain",
        disproof="a capture at the server shows that they arrive, and a RST",
        fix=f"# on {snapshot.name(by)}, the rule or route that rejects:\nnft list ruleset | grep -n reject\n"
        "iptables-save -c | grep REJECT\nip route show type unreachable; ip route show type prohibit",
        fix_kind="shell",
        verify="the connection is made",
        screen="flows",
    )


def _refused_by_pod(
    snapshot: Snapshot, pod: PodRow, at: str, known: tuple[Evidence, ...]
) -> Finding:
    name = f"{pod.namespace}/{pod.name}"
    ready = "it is ready" if pod.all_ready else f"{pod.ready} ready"
    return Finding(
        rule="refused",
        severity="warning",
        subject=pod_subject(pod, int(at.rpartition(":")[2])),
        title=f"Connections are refused by the pod itself: nothing listens on {at}",
        evidence=(*known, Evidence(f"{name} is {pod.phase}, {ready}", "pods", snapshot.at)),
        threshold=f"{LEAST} in 15 s is {CONVENTION}",
        confidence="certain",
        disproof="ss -ltn in the pod shows the port on 0.0.0.0 or [::]",
        fix=f"kubectl -n {pod.namespace} exec {pod.name} -- ss -ltn  # bound to 127.0.0.1, or another port? then correct "
        "the program's bind address or the Service's targetPort",
        fix_kind="shell",
        verify="the connection is made",
        screen="flows",
    )


def _reset(snapshot: Snapshot) -> Iterator[Finding]:
    for (server, port), talks in _by_server(snapshot, "server_resets").items():
        resets, flows = sum(t.server_resets for t in talks), sum(t.flows for t in talks)
        if resets * 5 < flows:
            continue  # some programs end connections so
        yield Finding(
            rule="resets",
            severity="warning",
            subject=snapshot.workload_subject(server, port),
            title="The server resets connections after the request has come: the program closes them, not the network",
            evidence=_evidence(
                snapshot, talks, f"{resets} of {flows} connections reset by {snapshot.name(server)}"
            ),
            threshold=f"one in five is {CONVENTION}",
            confidence="certain",
            disproof="the RST comes from another address or TTL than the pod's data",
            fix="Read the server's log: a crash of a worker, a limit, a protocol that it does not speak (TLS to plain HTTP)",
            fix_kind="text",
            verify="requests are answered",
            screen="flows",
        )


def _unanswered(snapshot: Snapshot) -> Iterator[Finding]:
    servers = _by_server(snapshot, "unanswered")
    for (server, port), talks in servers.items():
        silent, answered = sum(t.unanswered for t in talks), sum(t.answered for t in talks)
        if (
            silent * 5 < answered
            or _told_of_endpoints(snapshot, server, port, servers)
            or _unowned(snapshot, server)
        ):
            continue
        known = _evidence(
            snapshot, talks, f"{silent} connections without an answer, {answered} answered"
        )
        subject = snapshot.subject(server, port)
        if (lost := place(snapshot, server, port)) is not None:
            yield _lost(snapshot, lost, subject, server, known)
            continue
        yield Finding(
            rule="unanswered",
            severity="warning",
            subject=subject,
            title="SYNs are not answered: they are dropped on the way, or the server's queue is full",
            evidence=known,
            threshold=f"{LEAST} in 15 s is {CONVENTION}",
            confidence="possible",
            disproof="the SYN is answered at the server's pod and the answer is lost",
            fix="Open the nodes of both ends and capture there (c): podwire then tells which of them drops it. At the server's pod: a SYN "
            "that arrives there is dropped there (accept queue, a policy for ingress)",
            fix_kind="text",
            verify="the connection is made",
            screen="flows",
        )


def _told_of_endpoints(
    snapshot: Snapshot, server: str, port: int, servers: Iterable[tuple[str, int]]
) -> bool:
    """Whether a Service is not answered because an endpoint of it is not, which is told by itself."""
    service = snapshot.service_by_address.get(server)
    if service is None:
        return False
    ready, _ = snapshot.endpoints(service)
    return any(address in ready for address, _ in servers)


def _lost(
    snapshot: Snapshot,
    lost: LossLocation,
    subject: Subject,
    server: str,
    known: tuple[Evidence, ...],
) -> Finding:
    title, figure, fix = told(lost, server)
    return Finding(
        rule="unanswered",
        severity="warning",
        subject=subject,
        title=title,
        evidence=(*known, lost.view.fact(figure, "capture, both sides of the node")),
        threshold=f"{LEAST} in 15 s is {CONVENTION}",
        confidence="possible" if lost.what == "delivered" else "likely",
        disproof="eBPF hands packets on where a capture does not see them",
        fix=fix,
        fix_kind="shell",
        verify="the connection is made",
        screen="flows",
    )


def _unowned(snapshot: Snapshot, address: str) -> str:
    """The node of whose pods' range an address is that no pod has; '' for any other address."""
    if address in snapshot.by_address or address in snapshot.node_by_address:
        return ""
    ranges = ((node.name, cidr) for node in snapshot.nodes for cidr in node.pod_cidrs)
    found = next((name for name, cidr in ranges if _inside(address, cidr)), "")
    return (
        found if found and not address.endswith((".0", ".1")) else ""
    )  # the tunnel's and the bridge's own


def _inside(address: str, cidr: str) -> bool:
    try:
        return ip_address(address) in ip_network(cidr, strict=False)
    except ValueError:
        return False


def _nobody(snapshot: Snapshot) -> Iterator[Finding]:
    """To an address that no pod has any more: where a node's Service rules are stale, or a client keeps an old one."""
    servers = _by_server(snapshot, "unanswered") | _by_server(snapshot, "refused")
    for (server, port), talks in servers.items():
        node = _unowned(snapshot, server)
        if not node or not snapshot.pods or any(t.answered for t in talks):
            continue
        failed = sum(t.unanswered + t.refused for t in talks)
        by = listed(n for t in talks if (n := snapshot.node_of(t.client)))
        yield Finding(
            rule="dead_address",
            severity="critical" if failed >= MANY else "warning",
            subject=Subject(kind="address", name=server, port=port),
            title=f"Connections go to {server}, which no pod has: rules of the Service are stale, or the client keeps an old address",
            evidence=(
                *_evidence(snapshot, talks, f"{failed} connections failed, none was made"),
                Evidence(
                    f"it is of the range of {node}, and no pod of the cluster has it",
                    "pods, nodes",
                    snapshot.at,
                ),
            ),
            threshold=f"{LEAST} in 15 s, critical from {MANY}: {CONVENTION}",
            confidence="likely",
            disproof="the address is of something else than a pod",
            fix=f"# does kube-proxy run on {by or 'the node of the client'}, and does it keep up?\n"
            "kubectl -n kube-system get pods -l k8s-app=kube-proxy -o wide\n"
            f"nft list ruleset | grep -F {server}; iptables-save | grep -F {server}; ipvsadm -Ln 2>/dev/null | grep -F {server}\n"
            f"# entries of connections that are no more\nconntrack -D -p tcp --reply-src {server}",
            fix_kind="shell",
            verify="no connection goes there any more",
            screen="flows",
        )
