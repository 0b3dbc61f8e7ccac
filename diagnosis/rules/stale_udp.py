"""A conntrack entry still sends UDP to an endpoint that is gone.

Facts: docs/reference/conntrack.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from collectors.events import ConntrackGroup, ServiceRow
from collectors.findings import Evidence, Finding
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules._service_paths import asked_services, stale_endpoints
from diagnosis.snapshot import Snapshot, TargetView

OLDER = Threshold("of endpoints that are as they are for", 5, "s", CONVENTION)
RULE = Rule(
    id="stale_udp",
    title="A conntrack entry sends UDP for a Service to an endpoint that is gone",
    scope="node",
    stage="cause",
    inputs=("conntrack", "Services"),
    symptoms=("connect", "timeout", "name"),
    screen="conntrack",
    criterion="an entry whose reply side is in no EndpointSlice",
    thresholds=(OLDER,),
    false_friends=("deleting the entry changes nothing",),
    severity="critical",
    confidence="certain",
    fix="conntrack -D -p udp --orig-dst {destination} --reply-src {reply_source}  # and upgrade "
    "kube-proxy (k/k#139628)",
    fix_kind="shell",
    verify="conntrack -L -p udp --orig-dst {destination} names an endpoint",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    stale = stale_endpoints(snapshot)  # by rules: new entries would lead there as well
    for host in snapshot.hosts:
        for group in host.conntrack_groups:
            asked = asked_services(snapshot).get((group.destination, group.port, "UDP"))
            service = asked[0] if asked else snapshot.service_by_address.get(group.destination)
            if (group.reply_source, group.reply_port) in stale:
                continue
            counted = host.conntrack.at if host.conntrack else 0.0
            if service and _is_stale(snapshot, group, service, counted):
                yield _finding(snapshot, host, group, service)


def _is_stale(
    snapshot: Snapshot, group: ConntrackGroup, service: ServiceRow, counted: float
) -> bool:
    """`counted` is when the table was read: endpoints that changed since, or just before, say
    nothing about it."""
    if not _is_translated_udp(group):
        return False
    rows = snapshot.slices_behind(service)
    known = {address for row in rows for address in (*row.ready, *row.not_ready)}
    is_older = all(row.changed + OLDER.value < counted for row in rows)
    return bool(rows) and is_older and group.reply_source not in known


def _is_translated_udp(group: ConntrackGroup) -> bool:
    return group.protocol == "udp" and group.reply_source != group.destination


def _finding(
    snapshot: Snapshot, host: TargetView, group: ConntrackGroup, service: ServiceRow
) -> Finding:
    name = f"{service.namespace}/{service.name}"
    ready, _ = snapshot.endpoints(service)
    return RULE.finding(
        subject=replace(host.subject, detail=name),
        title=f"A conntrack entry sends UDP for the Service to {group.reply_source}, which is "
        "no longer an endpoint of it",
        evidence=_evidence(snapshot, host, group, ready, name),
        destination=group.destination,
        reply_source=group.reply_source,
    )


def _evidence(
    snapshot: Snapshot, host: TargetView, group: ConntrackGroup, ready: list[str], name: str
) -> Iterator[Evidence]:
    silent = "" if group.replied else ", never answered"
    entries = (
        f"{group.count} entries {snapshot.name(group.source)} → {group.destination}:{group.port} "
        f"go to {group.reply_source}:{group.reply_port}{silent}"
    )
    endpoints = f"endpoints now: {', '.join(ready[:4]) or 'none'}"
    yield host.fact(entries, host.conntrack.source if host.conntrack else "")
    yield host.fact(endpoints, f"EndpointSlices of {name}")
