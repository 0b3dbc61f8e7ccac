"""Which traffic the policies of service meshes, enforced by sidecar or node proxies, may refuse.

According to the documentation of Istio and Linkerd: a policy that cannot refuse anything is
ignored, one in the root namespace applies to all namespaces, and UDP bypasses the proxies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from collectors.cluster.api.foreign_kinds import ISTIO, ISTIO_NETWORKING, LINKERD
from collectors.events import ForeignPolicyRow
from collectors.frozen import frozen
from diagnosis.reachability.certainty import Match
from diagnosis.reachability.may_decide import (
    EVERYONE,
    TCP,
    Concern,
    Known,
    Reader,
    Reading,
    Spec,
    pods_of,
    selector_of,
)
from diagnosis.reachability.network_policy import PodsOfNamespace
from diagnosis.reachability.parties import Party
from diagnosis.reachability.policy_model import PolicySubject, Port
from diagnosis.reachability.selectors import EVERYTHING, LabelSelector

ROOT = "istio-system"  # Istio's root namespace, unless it is configured to be another
OUT_OF_MESH = ("kube-system", "kube-public", "kube-node-lease")  # where nothing is injected
INJECT, INJECTION, MODE = (
    "sidecar.istio.io/inject",
    "istio-injection",
    "istio.io/dataplane-mode",
)
OPEN = ("all-unauthenticated", "audit")  # accessPolicy of a Server that refuses nothing
Rules = Sequence[Mapping[str, Any]]


@frozen
class InIstio:
    """Pods of a namespace, or of all if it is ''; except pods known to be outside the mesh.
    `without` are namespaces to which another object applies."""

    namespace: str
    pods: LabelSelector
    without: frozenset[str] = frozenset()

    def match(self, party: Party) -> Match:
        if party.namespace in self.without or out_of_istio(party):
            return False
        return PodsOfNamespace(self.namespace or party.namespace, self.pods).match(party)


def out_of_istio(party: Party) -> bool:
    """Whether a pod is known to have neither an Istio sidecar nor Istio's proxy on its node."""
    if party.namespace in OUT_OF_MESH:
        return True
    own, around = party.labels or {}, party.namespace_labels or {}
    if own.get(MODE, around.get(MODE)) == "ambient":
        return False
    if INJECT in own:
        return own[INJECT] == "false"
    return party.namespace_known and around.get(INJECTION) == "disabled"


def _workloads(row: ForeignPolicyRow, *, without: frozenset[str] = frozenset()) -> InIstio:
    wanted = row.spec.get("selector") or row.spec.get("workloadSelector") or {}
    labels = wanted.get("matchLabels") or wanted.get("labels") or {}
    namespace = "" if row.namespace == ROOT else row.namespace
    return InIstio(namespace, selector_of({"matchLabels": labels}), without)


# --- Istio


def _authorization(row: ForeignPolicyRow, known: Known) -> Iterator[Reading]:
    action, rules = str(row.spec.get("action") or "ALLOW"), row.spec.get("rules") or ()
    if _refuses(action, rules):
        yield Reading(_workloads(row), (Concern("ingress", _ports(action, rules)),))


def _refuses(action: str, rules: Rules) -> bool:
    """Whether it may refuse anything. ALLOW refuses what matches no rule, unless an empty rule
    matches all; DENY and CUSTOM may refuse what matches one."""
    if action == "ALLOW":
        return all(rules)
    return action != "AUDIT" and bool(rules)


def _ports(action: str, rules: Rules) -> tuple[Port, ...]:
    """The ports that rules of DENY or CUSTOM list; all TCP ports if a rule lists none."""
    found: list[Port] = []
    for rule in rules if action != "ALLOW" else ():
        targets: Rules = rule.get("to") or ({},)
        for to in targets:
            ports = (to.get("operation") or {}).get("ports")
            if not ports:
                return TCP
            found += [Port("TCP", int(port)) for port in ports]
    return tuple(found) or TCP


def _peer_authentication(row: ForeignPolicyRow, known: Known) -> Iterator[Reading]:
    ports = _strict_ports(row.spec)
    if ports:
        mesh_wide = row.namespace == ROOT and not row.spec.get("selector")
        without = _own_modes(known.rows) if mesh_wide else frozenset[str]()
        note = "it asks for mutual TLS"
        yield Reading(_workloads(row, without=without), (Concern("ingress", ports),), note)


def _strict_ports(spec: Spec) -> tuple[Port, ...]:
    if _mode(spec) == "STRICT":
        return TCP
    by_port = spec.get("portLevelMtls") or {}
    strict = (port for port, given in by_port.items() if (given or {}).get("mode") == "STRICT")
    return tuple(Port("TCP", int(port)) for port in strict)


def _mode(spec: Spec) -> str:
    return str((spec.get("mtls") or {}).get("mode") or "UNSET")


def _own_modes(rows: Sequence[ForeignPolicyRow]) -> frozenset[str]:
    """The namespaces with a mode of their own, which overrides that of the mesh."""
    return frozenset(
        row.namespace
        for row in rows
        if row.object_kind == "PeerAuthentication"
        and row.namespace != ROOT
        and not row.spec.get("selector")
        and _mode(row.spec) != "UNSET"
    )


def _sidecar(row: ForeignPolicyRow, known: Known) -> Iterator[Reading]:
    mode = (row.spec.get("outboundTrafficPolicy") or {}).get("mode")
    if mode == "ALLOW_ANY" or (mode is None and not _narrows(row.spec)):
        return
    note = "proxies may not know destinations that it does not list"
    yield Reading(_workloads(row), (Concern("egress", TCP),), note)


def _narrows(spec: Spec) -> bool:
    """Whether it omits any host of the mesh."""
    listed = [host for one in spec.get("egress") or () for host in one.get("hosts") or ()]
    return bool(listed) and "*/*" not in listed


# --- Linkerd


def _server(row: ForeignPolicyRow, known: Known) -> Iterator[Reading]:
    selector = row.spec.get("podSelector")
    if selector is None or row.spec.get("accessPolicy") in OPEN:
        return
    port = row.spec["port"]
    wanted = Port("TCP", name=port) if isinstance(port, str) else Port("TCP", int(port))
    yield Reading(pods_of(row.namespace, selector), (Concern("ingress", (wanted,)),))


def _server_authorization(row: ForeignPolicyRow, known: Known) -> Iterator[Reading]:
    server = row.spec.get("server") or {}
    yield from _without_server(row, known, str(server.get("name") or ""))


def _target_authorization(row: ForeignPolicyRow, known: Known) -> Iterator[Reading]:
    target = row.spec.get("targetRef") or {}
    name = str(target.get("name") or "") if target.get("kind") == "Server" else ""
    yield from _without_server(row, known, name)


def _without_server(row: ForeignPolicyRow, known: Known, name: str) -> Iterator[Reading]:
    """An authorization only adds to what a Server admits: if the Server was read, its own reading
    covers both."""
    servers = [one for one in known.rows if one.group == LINKERD and one.object_kind == "Server"]
    if any(one.namespace == row.namespace and name in ("", one.name) for one in servers):
        return
    concerns = (Concern("ingress", TCP),)
    yield Reading(pods_of(row.namespace), concerns, "the Server that it is for was not seen")


# --- others


def _whole_mesh(row: ForeignPolicyRow, known: Known) -> Iterator[Reading]:
    """It selects pods by services of the mesh, which are not known here."""
    yield Reading(EVERYONE, (Concern("ingress", TCP),))


def _traffic_target(row: ForeignPolicyRow, known: Known) -> Iterator[Reading]:
    namespace = (row.spec.get("destination") or {}).get("namespace") or row.namespace
    subject: PolicySubject = PodsOfNamespace(str(namespace), EVERYTHING)
    yield Reading(subject, (Concern("ingress", TCP),))


READERS: dict[tuple[str, str], tuple[str, Reader]] = {
    (ISTIO, "AuthorizationPolicy"): ("Istio", _authorization),
    (ISTIO, "PeerAuthentication"): ("Istio", _peer_authentication),
    (ISTIO_NETWORKING, "Sidecar"): ("Istio", _sidecar),
    (LINKERD, "Server"): ("Linkerd", _server),
    (LINKERD, "ServerAuthorization"): ("Linkerd", _server_authorization),
    (LINKERD, "AuthorizationPolicy"): ("Linkerd", _target_authorization),
    ("consul.hashicorp.com", "ServiceIntentions"): ("Consul", _whole_mesh),
    ("kuma.io", "MeshTrafficPermission"): ("Kuma", _whole_mesh),
    ("access.smi-spec.io", "TrafficTarget"): ("SMI", _traffic_target),
}
