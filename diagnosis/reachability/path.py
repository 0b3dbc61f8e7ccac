"""The way from a pod to what it asks for: name to Service, Service to endpoints, endpoint to pod, with a verdict at
every step. Pure, over rows of the inventory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from ipaddress import ip_address
from typing import Literal

from collectors.events import (
    NamespaceRow,
    NodeRow,
    PodRow,
    PolicyRow,
    ServicePort,
    ServiceRow,
    SliceRow,
)
from collectors.frozen import frozen
from diagnosis.reachability import network_policy as netpol
from diagnosis.reachability.network_policy import (
    Decision,
    Party,
    Policy,
    Verdict,
)
from diagnosis.reachability.service_backends import Backends, short

FROM_TUNNEL = "over an overlay its address there is the tunnel's, and policies that name nodes' addresses do not know it"
OUTWARD = ("NodePort", "LoadBalancer")
MASQUERADED = "externalTrafficPolicy ClusterState: by way of a node it is masqueraded, and policies see that node's address"
Result = Literal["ok", "stops", "note"]


class Unknown(Exception):
    """An end that is not there; the message says which."""


@frozen
class PathStep:
    """One step, what became of it there, and why."""

    what: str
    result: Result
    reason: str


@frozen
class PathVerdict:
    """`allowed` says whether connections get through: to a Service, to every endpoint that it may choose. `partly`:
    to some of them only."""

    allowed: bool
    partly: bool
    decided_by: Decision | None  # None: not a policy decides
    path: tuple[PathStep, ...]


@dataclass(frozen=True)
class ClusterState:
    """Rows, and the policies of them ready to be asked."""

    pods: tuple[PodRow, ...]
    namespaces: tuple[NamespaceRow, ...]
    services: tuple[ServiceRow, ...]
    slices: tuple[SliceRow, ...]
    nodes: tuple[NodeRow, ...]
    policies: tuple[Policy, ...]
    labels: dict[str, dict[str, str]]

    @classmethod
    def of(
        cls,
        pods: Sequence[PodRow],
        namespaces: Sequence[NamespaceRow],
        services: Sequence[ServiceRow],
        slices: Sequence[SliceRow],
        policies: Sequence[PolicyRow],
        nodes: Sequence[NodeRow] = (),
    ) -> ClusterState:
        labels = netpol.namespace_labels(namespaces)
        return cls(
            tuple(pods),
            tuple(namespaces),
            tuple(services),
            tuple(slices),
            tuple(nodes),
            tuple(netpol.policies(policies)),
            labels,
        )

    def party(self, pod: PodRow) -> Party:
        return netpol.party_of(pod, self.labels)

    @cached_property
    def _backends(self) -> Backends:
        return Backends(self.pods, self.slices, self.party)

    # --- who is meant

    def find(self, text: str, namespace: str = "", port: str = "") -> PodRow | ServiceRow | str:
        """NS/POD, NS/SERVICE (or svc/NS/NAME, pod/NS/NAME), NAME[.NS[.svc…]] or an address. A pod's name may be that of
        its workload, and where that is a Service's, too, the `port` tells which is meant; a name alone is of
        `namespace`, as DNS would search. Unknown where there is none."""
        kind, _, rest = text.partition("/")
        if kind in ("svc", "service", "services") and "/" in rest:
            found: PodRow | ServiceRow | None = self._service(*rest.split("/", 1))
        elif kind in ("pod", "pods") and "/" in rest:
            found = self._pod(*rest.split("/", 1))
        elif rest:
            found = self._either(kind, rest, port)
        elif is_address(text):
            return self._at(text)
        else:
            name, _, rest = text.partition(".")
            found = self._service(rest.split(".")[0] or namespace, name)
        if found is None:
            raise Unknown(
                f"There is no pod or Service {text!r}: name it as NAMESPACE/NAME, or give an address."
            )
        return found

    def _either(self, namespace: str, name: str, port: str) -> PodRow | ServiceRow | None:
        pod, service = self._pod(namespace, name), self._service(namespace, name)
        if pod is None or service is None or (pod.uid and pod.name == name):
            return pod or service
        declared = any(port in (str(p.number), p.name) for p in pod.ports)
        served = any(port in (str(p.number), p.name) for p in service.targets)
        return service if port and served and not declared else pod

    def _pod(self, namespace: str, name: str) -> PodRow | None:
        own = [pod for pod in self.pods if pod.namespace == namespace]
        exact = next((pod for pod in own if pod.name == name), None)
        made = [pod for pod in own if pod.workload.partition("/")[2] == name]
        return exact or next((pod for pod in made if not pod.ended), next(iter(made), None))

    def _service(self, namespace: str, name: str) -> ServiceRow | None:
        return next((s for s in self.services if (s.namespace, s.name) == (namespace, name)), None)

    def _at(self, text: str) -> PodRow | ServiceRow | str:
        address = str(ip_address(text))
        for pod in self.pods:
            if not pod.host_network and address in (pod.ips or (pod.ip,)):
                return replace(
                    pod, ip=address, ips=(address,)
                )  # by this one, not by that of its other family
        found = next((s for s in self.services if address in (*s.ips, *s.outer_ips)), None)
        return replace(found, ips=(address,)) if found else address

    # --- the way

    def ask(
        self, source: PodRow | str, target: PodRow | ServiceRow | str, port: str, protocol: str
    ) -> PathVerdict:
        """`port` is a number, or the name of a port of the target. Addresses outside are strings."""
        origin = self.party(source) if isinstance(source, PodRow) else self._outside(source)
        if isinstance(target, ServiceRow):
            return self._through(origin, target, port, protocol)
        if isinstance(target, PodRow):
            return self._to_pod(origin, target, port, protocol)
        if not port.isdecimal():
            raise Unknown(f"An address has no named ports: give --port as a number, not {port!r}.")
        end = self._outside(target)
        if end.host and (found := self._at_node_port(int(port), protocol)):
            return self._by_node(origin, end, *found)
        verdict = netpol.verdict(origin, end, int(port), protocol, self.policies)
        return PathVerdict(
            verdict.allowed, False, verdict.decided_by, tuple(_policy_steps(verdict))
        )

    def _to_pod(self, origin: Party, pod: PodRow, port: str, protocol: str) -> PathVerdict:
        name, number = f"{pod.namespace}/{pod.name}", netpol.port_number(pod, port, protocol)
        if pod.ended:
            return PathVerdict(
                False,
                False,
                None,
                (PathStep(f"pod {name}", "stops", f"it has ended: {pod.phase}"),),
            )
        if number is None:
            return PathVerdict(
                False,
                False,
                None,
                (PathStep(f"port {port}", "stops", f"no container of {name} names a port {port}"),),
            )
        end = self.party(pod)
        verdict = netpol.verdict(origin, end, number, protocol, self.policies)
        steps = [
            *_steps(verdict, end, number, protocol),
            *self._other_family(verdict, origin, end, number, protocol),
        ]
        if pod.uid and not pod.ip:
            steps.append(PathStep(f"pod {name}", "note", f"it has no address yet: {pod.phase}"))
        return PathVerdict(verdict.allowed, False, verdict.decided_by, tuple(steps))

    def _at_node_port(self, port: int, protocol: str) -> tuple[ServiceRow, ServicePort] | None:
        found = (
            (s, p)
            for s in self.services
            for p in s.targets
            if p.node_port == port and p.protocol == protocol
        )
        return next(found, None)

    def _by_node(
        self, origin: Party, node: Party, service: ServiceRow, port: ServicePort
    ) -> PathVerdict:
        """By a node's port, as kube-proxy does it: the node translates and masquerades (unless externalTrafficPolicy is
        Local), also what its own pods send; only of these the policies see where it goes before it leaves."""
        here, local = (
            bool(origin.node) and origin.node == node.node,
            service.external_policy == "Local",
        )
        name = f"{service.namespace}/{service.name}"
        steps = [
            PathStep(
                f"port {port.node_port} of {node.name}",
                "ok",
                f"Service {name}:{port.number}/{port.protocol}",
            )
        ]
        ends, note = self._backends.of(replace(service, external_policy=""), port, origin)
        if ends and local and not here:
            ends = [end for end in ends if end[0].node == node.node]
            note = f"externalTrafficPolicy Local: {len(ends)} ready on {node.node}" + (
                "" if ends else ", which drops it"
            )
        if not ends:
            return PathVerdict(False, False, None, (*steps, PathStep("endpoints", "stops", note)))
        steps.append(PathStep("endpoints", "ok", note))
        verdicts = []
        for end, number in ends:
            asked = (end, number) if here else (node, port.node_port)
            out = netpol.verdict(origin, *asked, port.protocol, self.policies).egress
            senders = [origin] if local else [node, *self._tunnels(node, end)]
            found = [self._sent_on(out, sender, end, number, port.protocol) for sender in senders]
            if len(different := {verdict.allowed: verdict for verdict in reversed(found)}) > 1:
                steps.append(PathStep(f"from {node.name} to {short(end)}", "note", FROM_TUNNEL))
            verdicts += [(v, _steps(v, end, number, port.protocol)) for v in different.values()]
        return _all_of(steps, verdicts)

    def _sent_on(
        self, out: Decision, sender: Party, end: Party, number: int, protocol: str
    ) -> Verdict:
        """`out` is what was decided where it set out; the endpoint sees it come from `sender`."""
        into = netpol.verdict(sender, end, number, protocol, self.policies).ingress
        return Verdict(out.allowed and into.allowed, out, into)

    def _tunnels(self, node: Party, end: Party) -> list[Party]:
        """What a node is called where it sends to another node's pod over an overlay: by flannel the first address of
        its pods' range."""
        rows = [n for n in self.nodes if n.name == node.node != end.node]
        addresses = [cidr.partition("/")[0] for row in rows for cidr in row.pod_cidrs]
        return [
            replace(node, ips=(address,))
            for address in addresses
            if (":" in address) == (":" in node.ips[0])
        ]

    def _other_family(
        self, verdict: Verdict, source: Party, target: Party, number: int, protocol: str
    ) -> Iterator[PathStep]:
        """What is said of the family that was not chosen, where both ends have two and it is something else."""
        chosen = netpol.family(source, target)
        if chosen is None:
            return
        ends = netpol.over(source, not chosen), netpol.over(target, not chosen)
        if ends[0].ips and ends[1].ips:
            other = netpol.verdict(*ends, number, protocol, self.policies)
            if other.allowed != verdict.allowed:
                name = "IPv4" if chosen else "IPv6"
                yield PathStep(
                    f"over {name}",
                    "note",
                    f"{'allowed' if other.allowed else 'not allowed'}: {other.decided_by.reason}",
                )

    def _outside(self, address: str) -> Party:
        node = next((n for n in self.nodes if n.address == address), None)
        if node is not None:
            return Party(f"node/{node.name}", (address,), node=node.name, host=True, labels={})
        return Party(address, (address,))

    def _through(self, origin: Party, service: ServiceRow, port: str, protocol: str) -> PathVerdict:
        name = f"{service.namespace}/{service.name}"
        if service.type == "ExternalName" or service.external_name:
            step = PathStep(
                f"Service {name}",
                "note",
                f"ExternalName: a CNAME to {service.external_name}, outside of policies",
            )
            verdict = netpol.verdict(
                origin, Party(service.external_name), _as_number(port), protocol, self.policies
            )
            return PathVerdict(
                verdict.allowed, False, verdict.decided_by, (step, *_policy_steps(verdict))
            )
        chosen = next(
            (
                p
                for p in service.targets
                if protocol == p.protocol and port in (str(p.number), p.name)
            ),
            None,
        )
        if chosen is None:
            have = ", ".join(service.ports) or "none"
            step = PathStep(
                f"Service {name}", "stops", f"it has no port {port}/{protocol}; it has {have}"
            )
            return PathVerdict(False, False, None, (step,))
        address = ", ".join(service.ips) or "headless: its name stands for the pods' own addresses"
        steps = [
            PathStep(
                f"Service {name}:{chosen.number}/{protocol}",
                "ok",
                f"{address}; to targetPort {chosen.target}",
            )
        ]
        if service.ips and (own := netpol.over(origin, ":" in service.ips[0])).ips:
            origin = own  # its address says which family is spoken
        ends, note = self._backends.of(service, chosen, origin)
        if not ends:
            return PathVerdict(False, False, None, (*steps, PathStep("endpoints", "stops", note)))
        steps.append(PathStep("endpoints", "ok", note))
        if origin.labels is None and service.type in OUTWARD and service.external_policy != "Local":
            steps.append(PathStep(f"from {origin.name}", "note", MASQUERADED))
        verdicts = []
        for end, number in ends:
            verdict = netpol.verdict(origin, end, number, protocol, self.policies)
            verdicts.append((verdict, _steps(verdict, end, number, protocol)))
        return _all_of(steps, verdicts)


def _all_of(
    before: list[PathStep], verdicts: list[tuple[Verdict, Iterator[PathStep]]]
) -> PathVerdict:
    """Of a Service: what is allowed is allowed to each of its endpoints."""
    good = sum(verdict.allowed for verdict, _ in verdicts)
    deciding = next((verdict for verdict, _ in verdicts if not verdict.allowed), verdicts[0][0])
    steps = (*before, *(step for _, told in verdicts for step in told))
    return PathVerdict(good == len(verdicts), 0 < good < len(verdicts), deciding.decided_by, steps)


def is_address(text: str) -> bool:
    """Whether a text is an IP address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _as_number(port: str) -> int:
    return int(port) if port.isdecimal() else 0


def _policy_steps(verdict: Verdict) -> Iterator[PathStep]:
    for decision in (verdict.egress, verdict.ingress):
        yield PathStep(decision.side, "ok" if decision.allowed else "stops", decision.reason)


def _steps(verdict: Verdict, end: Party, number: int, protocol: str) -> Iterator[PathStep]:
    name = f"{end.name}:{number}/{protocol}"
    for step in _policy_steps(verdict):
        yield PathStep(
            f"{step.what} to {name}" if step.what == "egress" else f"{step.what} at {name}",
            step.result,
            step.reason,
        )
    declared = {p.number for p in end.ports if p.protocol == protocol}
    if declared and number not in declared:
        have = ", ".join(map(str, sorted(declared)))
        yield PathStep(
            f"port {number} at {short(end)}",
            "note",
            f"no container declares it (declared: {have}): it may not listen",
        )
