"""Connections that are refused, reset or not answered, by whom, and in which phase (SIGNATURES 5.11 #17, #22)."""

from __future__ import annotations

from collections.abc import Iterator

from diagnosis.finding import CONVENTION, Evidence, Finding
from diagnosis.snapshot import Conversation, Snapshot, listed

LEAST = 3  # in 15 s


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    yield from _refused(snapshot)
    yield from _reset(snapshot)
    yield from _unanswered(snapshot)


def _by_server(snapshot: Snapshot, kind: str) -> dict[tuple[str, int], list[Conversation]]:
    found: dict[tuple[str, int], list[Conversation]] = {}
    for talk in snapshot.conversations:
        if talk.protocol == "TCP" and getattr(talk, kind):
            found.setdefault((talk.server, talk.port), []).append(talk)
    return {key: talks for key, talks in found.items() if sum(getattr(t, kind) for t in talks) >= LEAST}


def _clients(snapshot: Snapshot, talks: list[Conversation]) -> str:
    return listed(snapshot.workload(talk.client) for talk in talks)


def _evidence(snapshot: Snapshot, talks: list[Conversation], text: str) -> tuple[Evidence]:
    return (Evidence(f"{text}, asked by {_clients(snapshot, talks)}", "capture", snapshot.at),)


def _refused(snapshot: Snapshot) -> Iterator[Finding]:
    """By pods themselves. What a Service without endpoints refuses is another finding."""
    for (server, port), talks in _by_server(snapshot, "refused").items():
        if server not in snapshot.by_address:
            continue
        refused, answered = sum(t.refused for t in talks), sum(t.answered for t in talks)
        name, pod = snapshot.name(server), snapshot.by_address[server]
        ready = "it is ready" if pod.ready.split("/")[0] == pod.ready.split("/")[-1] else f"{pod.ready} ready"
        yield Finding(
            "refused", "warning", f"{name}:{port}",
            f"Connections are refused by the pod itself: nothing listens on {server}:{port}",
            (
                *_evidence(snapshot, talks, f"{refused} refused, {answered} answered"),
                *_evidence(snapshot, talks[:1], f"{name} is {pod.phase}, {ready}"),
            ),
            f"{LEAST} in 15 s is {CONVENTION}", "certain", "ss -ltn in the pod shows the port on 0.0.0.0 or [::]",
            f"kubectl -n {pod.namespace} exec {pod.name} -- ss -ltn  # bound to 127.0.0.1, or another port? then correct "
            "the program's bind address or the Service's targetPort", "shell", "the connection is made", "flows",
        )  # fmt: skip


def _reset(snapshot: Snapshot) -> Iterator[Finding]:
    for (server, port), talks in _by_server(snapshot, "server_resets").items():
        resets, flows = sum(t.server_resets for t in talks), sum(t.flows for t in talks)
        if resets * 5 < flows:
            continue  # some programs end connections so
        yield Finding(
            "resets", "warning", f"{snapshot.workload(server)}:{port}",
            "The server resets connections after the request has come: the program closes them, not the network",
            _evidence(snapshot, talks, f"{resets} of {flows} connections reset by {snapshot.name(server)}"),
            f"one in five is {CONVENTION}", "certain", "the RST comes from another address or TTL than the pod's data",
            "Read the server's log: a crash of a worker, a limit, a protocol that it does not speak (TLS to plain HTTP)",
            "text", "requests are answered", "flows",
        )  # fmt: skip


def _unanswered(snapshot: Snapshot) -> Iterator[Finding]:
    for (server, port), talks in _by_server(snapshot, "unanswered").items():
        silent, answered = sum(t.unanswered for t in talks), sum(t.answered for t in talks)
        if silent * 5 < answered:
            continue
        yield Finding(
            "unanswered", "warning", f"{snapshot.name(server)}:{port}",
            "SYNs are not answered: they are dropped on the way, or the server's queue is full",
            _evidence(snapshot, talks, f"{silent} connections without an answer, {answered} answered"),
            f"{LEAST} in 15 s is {CONVENTION}", "possible",
            "the SYN is answered at the server's pod and the answer is lost",
            "Capture at the server's pod: a SYN that arrives there is dropped there (queue, policy for ingress); one that "
            "does not is dropped on the way (conntrack, route, policy for egress)", "text", "the connection is made", "flows",
        )  # fmt: skip
