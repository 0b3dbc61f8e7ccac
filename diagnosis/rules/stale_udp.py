"""A conntrack entry still sends UDP to an endpoint that is gone.

Facts: docs/reference/failures.md #13.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from collectors.findings import Finding
from diagnosis.snapshot import Snapshot


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for host in snapshot.hosts:
        for group in host.conntrack.groups if host.conntrack else ():
            service = snapshot.service_by_address.get(group.destination)
            if group.protocol != "udp" or service is None or group.reply_source == group.destination:
                continue
            ready, waiting = snapshot.endpoints(service)
            if group.reply_source in ready or group.reply_source in waiting:
                continue
            name = f"{service.namespace}/{service.name}"
            yield Finding(
                rule="stale_udp",
                severity="critical",
                subject=replace(host.subject, detail=name),
                title=f"A conntrack entry sends UDP for the Service to {group.reply_source}, which is no endpoint of it any more",
                evidence=(
                    host.fact(
                        f"{group.count} entries {snapshot.name(group.source)} → {group.destination}:{group.port} go to "
                        f"{group.reply_source}:{group.reply_port}{'' if group.replied else ', never answered'}",
                        host.conntrack.source if host.conntrack else "",
                    ),
                    host.fact(
                        f"endpoints now: {', '.join(ready[:4]) or 'none'}",
                        f"EndpointSlices of {name}",
                    ),
                ),
                threshold="an entry whose answerer is in no EndpointSlice",
                confidence="certain",
                disproof="deleting the entry changes nothing",
                fix=f"conntrack -D -p udp --orig-dst {group.destination} --reply-src {group.reply_source}  # then upgrade kube-proxy "
                "(k/k#139628)",
                fix_kind="shell",
                verify=f"conntrack -L -p udp --orig-dst {group.destination} names an endpoint",
                screen="conntrack",
            )
