"""DNS answers badly: not at all, with failures, late, or after many names that do not exist.

Facts: docs/reference/failures.md #2, #4, #6.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Evidence, Finding
from diagnosis.loss_location import briefly, place, told
from diagnosis.rule import CONVENTION
from diagnosis.snapshot import DnsSummary, Snapshot, TargetView, listed

LEAST = 8  # questions in a window: fewer say nothing
FAILED_WARN, FAILED_BAD = 1.0, 3.0  # per cent SERVFAIL and REFUSED: coredns-mixin
SLOW_MS, LATE_MS = 100.0, 1000.0  # in the cluster answers take a few milliseconds: a convention
MISSING = 50.0  # per cent NXDOMAIN: with ndots 5 it is about 75
FLOOD = 150.0  # NXDOMAIN a second that one vantage point sees: what a DNS server feels
UNANSWERED = 10.0  # per cent
ASK = "Is the Service kube-dns ready (services)? Does a policy cut port 53? Are packets lost (retransmits)?"


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for target in _asking(snapshot):
        assert target.lookups is not None
        yield from _failing(snapshot, target, target.lookups)
        yield from _slow(snapshot, target, target.lookups)
        yield from _searching(target, target.lookups)
        yield from _silent(snapshot, target, target.lookups)
        yield from _truncated(target, target.lookups)


def _asking(snapshot: Snapshot) -> list[TargetView]:
    return [t for t in snapshot.targets if t.lookups is not None and t.lookups.asked >= LEAST]


def _server(snapshot: Snapshot, lookups: DnsSummary) -> str:
    return listed(snapshot.name(address) for address in lookups.servers) or "the DNS server"


def _failing(snapshot: Snapshot, target: TargetView, lookups: DnsSummary) -> Iterator[Finding]:
    failed = {code: n for code, n in lookups.codes.items() if code not in ("NOERROR", "NXDOMAIN")}
    share = 100 * sum(failed.values()) / lookups.answered if lookups.answered else 0.0
    if share < FAILED_WARN:
        return
    told = ", ".join(f"{count} {code}" for code, count in failed.items())
    yield Finding(
        rule="dns_failing",
        severity="critical" if share >= FAILED_BAD else "warning",
        subject=target.subject,
        title=f"The DNS server is reached and answers {', '.join(failed)}",
        evidence=(
            target.fact(
                f"{told} of {lookups.answered} answers ({share:.0f} %)", "capture, port 53"
            ),
            target.fact(f"asked: {_server(snapshot, lookups)}", "capture, port 53"),
        ),
        threshold="SERVFAIL above 1 % warn, 3 % critical (coredns-mixin)",
        confidence="certain",
        disproof="answers come from elsewhere than the cluster's DNS server",
        fix="kubectl -n kube-system logs -l k8s-app=kube-dns --tail 50  # its upstream, or its way to the API server",
        fix_kind="shell",
        verify="dig +short kubernetes.default.svc.cluster.local answers",
        screen="dns",
    )


def _slow(snapshot: Snapshot, target: TargetView, lookups: DnsSummary) -> Iterator[Finding]:
    median = lookups.median_ms or 0.0
    if median < SLOW_MS:
        return
    yield Finding(
        rule="dns_slow",
        severity="critical" if median >= LATE_MS else "warning",
        subject=target.subject,
        title=f"DNS answers take {median:,.0f} ms: every new connection by name waits for them",
        evidence=(
            target.fact(
                f"median of {lookups.answered} answers {median:,.0f} ms", "capture, port 53"
            ),
            target.fact(f"asked: {_server(snapshot, lookups)}", "capture, port 53"),
        ),
        threshold=f"{SLOW_MS:.0f} ms and {LATE_MS:,.0f} ms are {CONVENTION}; in a cluster a few are usual",
        confidence="likely",
        disproof="round trips of TCP to the server's pod are as slow: then it is the path",
        fix="kubectl -n kube-system top pod -l k8s-app=kube-dns  # CPU limit, replicas, health of its upstream; NodeLocal "
        "DNSCache",
        fix_kind="shell",
        verify="the median falls below 10 ms",
        screen="dns",
    )


def _searching(target: TargetView, lookups: DnsSummary) -> Iterator[Finding]:
    missing = lookups.codes.get("NXDOMAIN", 0)
    share = 100 * missing / lookups.answered if lookups.answered else 0.0
    rate = missing / lookups.seconds if lookups.seconds > 1 else 0.0
    if share < MISSING or lookups.searched < LEAST or rate < FLOOD:
        return
    ndots = target.network.ndots if target.network else 0
    good = lookups.answered - missing
    yield Finding(
        rule="dns_search",
        severity="warning",
        subject=target.subject,
        title=f"{share:.0f} % of DNS answers are NXDOMAIN: search domains are tried before the name itself",
        evidence=(
            target.fact(
                f"{missing} NXDOMAIN to {good} others in {lookups.answered} answers, {rate:.0f}/s",
                "capture, port 53",
            ),
            target.fact(
                f"{lookups.searched} names were asked for after two search domains or more",
                "capture, port 53",
            ),
            target.fact(f"most: {listed(lookups.names)}", "capture, port 53"),
            *([target.fact(f"ndots:{ndots}", "/etc/resolv.conf")] if ndots else []),
        ),
        threshold=f"with ndots:5 about three in four are NXDOMAIN; {MISSING:.0f} % and {FLOOD:.0f}/s are {CONVENTION}",
        confidence="certain",
        disproof="one question a look-up on the wire",
        fix="# of the pods that ask for names outside of the cluster\nspec:\n  dnsConfig:\n    options:\n      - name: ndots\n"
        '        value: "2"\n# or write such names with a dot at the end; NodeLocal DNSCache takes the load off\n',
        fix_kind="yaml",
        verify="NXDOMAIN falls below half of the answers",
        screen="dns",
    )


def _silent(snapshot: Snapshot, target: TargetView, lookups: DnsSummary) -> Iterator[Finding]:
    silent = lookups.unanswered
    share = 100 * silent / lookups.asked
    if share < UNANSWERED or silent < 3:
        return
    title, fix, more = f"{share:.0f} % of DNS questions get no answer", ASK, tuple[Evidence, ...]()
    lost = next(((p, at) for at in lookups.servers if (p := place(snapshot, at, 53, "UDP"))), None)
    if lost is not None:
        _, figure, fix = told(*lost, "questions")
        title, more = (
            f"{title}: {briefly(lost[0])}",
            (lost[0].view.fact(figure, "capture, both sides of the node"),),
        )
    yield Finding(
        rule="dns_unanswered",
        severity="warning",
        subject=target.subject,
        title=title,
        evidence=(
            target.fact(
                f"{silent} of {lookups.asked} questions unanswered, {lookups.retried} asked again",
                "capture, port 53",
            ),
            target.fact(f"asked: {_server(snapshot, lookups)}", "capture, port 53"),
            *more,
        ),
        threshold=f"{UNANSWERED:.0f} % is {CONVENTION}",
        confidence="likely",
        disproof="answers reach the node and not the pod",
        fix=fix,
        fix_kind="text" if lost is None else "shell",
        verify="every question is answered",
        screen="dns",
    )


def _truncated(target: TargetView, lookups: DnsSummary) -> Iterator[Finding]:
    if lookups.truncated >= 3 and lookups.truncated * 20 >= lookups.answered:
        yield Finding(
            rule="dns_truncated",
            severity="info",
            subject=target.subject,
            title="DNS answers are truncated and asked for again over TCP",
            evidence=(
                target.fact(
                    f"{lookups.truncated} of {lookups.answered} answers have TC set",
                    "capture, port 53",
                ),
            ),
            threshold=f"5 % is {CONVENTION}",
            confidence="certain",
            disproof="",
            fix="Let TCP port 53 pass in every policy; EDNS buffer sizes",
            fix_kind="text",
            verify="",
            screen="dns",
        )
