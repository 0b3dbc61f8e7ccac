"""Where a Service sends a connection: its endpoints, with the port at each, and a word on them. Pure, over rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from collectors.events import PodRow, ServicePort, ServiceRow, SliceRow
from diagnosis.reachability import network_policy as netpol
from diagnosis.reachability.network_policy import Party

Ends = list[tuple[Party, int]]


@dataclass(frozen=True)
class Backends:
    """What a choice of endpoints needs: rows, and a pod as a party."""

    pods: Sequence[PodRow]
    slices: Sequence[SliceRow]
    party: Callable[[PodRow], Party]

    def of(self, service: ServiceRow, port: ServicePort, origin: Party) -> tuple[Ends, str]:
        """The ends that a connection of `origin` may be sent to; none with the reason why."""
        selected = set(service.selector)
        pods = [
            p
            for p in self.pods
            if p.namespace == service.namespace and selected <= set(p.labels) and not p.ended
        ]
        rows = [
            s for s in self.slices if (s.namespace, s.service) == (service.namespace, service.name)
        ]
        if rows:
            known = self._listed(service, port, rows)
        elif not selected:
            return [], "the Service has no selector and no EndpointSlice"
        elif not pods:
            return (
                [],
                f"its selector {','.join(f'{k}={v}' for k, v in service.selector)} matches no pod",
            )
        else:
            ready = [pod for pod in pods if is_ready(pod) or service.publish_not_ready]
            known = [
                (self.party(pod), netpol.port_number(pod, port.target, port.protocol) or 0)
                for pod in ready
            ]
        ends = [(end, number) for end, number in known if number]
        if not ends:
            reason = f"no container names a port {port.target}" if known else "none is ready"
            return [], f"{len(pods)} pods match and {reason}" if selected and pods else reason
        return _routed(service, ends, origin)

    def _listed(self, service: ServiceRow, port: ServicePort, rows: Sequence[SliceRow]) -> Ends:
        """As EndpointSlices list them: one has one number for a port, and endpoints need not be pods."""
        named = {(pod.namespace, pod.name): pod for pod in self.pods}
        at = {
            ip: pod
            for pod in self.pods
            if not pod.host_network
            for ip in (pod.ips or (pod.ip,))
            if ip
        }
        found: dict[str, tuple[Party, int]] = {}  # once, of two families
        for row in rows:
            numbers = {p.name: p.number for p in row.ports if p.protocol == port.protocol}
            number = numbers.get(port.name) or next(iter(numbers.values()), 0)
            for endpoint in row.endpoints:
                if not (endpoint.ready or service.publish_not_ready):
                    continue
                pod = named.get((row.namespace, endpoint.pod)) or at.get(endpoint.address)
                end = (
                    self.party(pod)
                    if pod
                    else Party(endpoint.address, (endpoint.address,), node=endpoint.node)
                )
                own = netpol.port_number(pod, port.target, port.protocol) if pod else None
                found.setdefault(end.name, (end, number or own or 0))
        return list(found.values())


def _routed(service: ServiceRow, ends: Ends, origin: Party) -> tuple[Ends, str]:
    """What traffic policies leave of them."""
    if service.internal_policy == "Local" and origin.node:
        local = [(end, number) for end, number in ends if end.node == origin.node]
        return (
            local,
            f"internalTrafficPolicy Local: {len(local)} of {len(ends)} run on {origin.node}",
        )
    if service.external_policy == "Local" and origin.labels is None:
        nodes = ", ".join(sorted({end.node for end, _ in ends}))
        return (
            ends,
            f"{len(ends)} ready; externalTrafficPolicy Local: from outside only by way of {nodes}",
        )
    zone = f"; trafficDistribution {service.distribution}" if service.distribution else ""
    return ends, f"{len(ends)} ready: {', '.join(sorted(short(end) for end, _ in ends)[:4])}{zone}"


def short(end: Party) -> str:
    """A pod's name without its namespace."""
    return end.name.rpartition("/")[2]


def is_ready(pod: PodRow) -> bool:
    """Of a manifest nothing is known: such a pod is taken to be well."""
    return pod.phase == "Unknown" or not pod.ip or pod.all_ready
