"""Names in DNS of which it is not known whether they are of the cluster or outside: what looks
mistyped, what every cluster has, and what is under another domain."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches

from diagnosis.reachability import dns_names
from diagnosis.reachability.cluster_state import ClusterState
from diagnosis.reachability.written_ends import Unknown

API = ("kubernetes", "default")  # the Service that every API server makes for itself
API_UNSEEN = (
    "Service default/kubernetes, which every cluster has, is not among the objects, and so the "
    "API servers behind it are not known"
)
NEAR = 0.75  # of difflib's ratio


def check_no_srv(written: str, name: str) -> None:
    """Unknown for the name of a SRV record, whose answer is a host and a port."""
    found = re.fullmatch(r"_([a-z0-9-]+)\._(tcp|udp|sctp)\.(.+)", name, re.I)
    if found:
        port, protocol, host = found.groups()
        raise Unknown(
            f"{written!r} is the name of a SRV record, which says where a port is: write {host} "
            f"and --port {port.lower()}/{protocol.upper()}."
        )


def is_api(cluster: ClusterState, namespace: str, name: str) -> bool:
    """Whether it is the API's own Service, and not among the objects."""
    return (name, namespace) == API and cluster.service(namespace, name) is None


def why_unsure(cluster: ClusterState, labels: Sequence[str], namespace: str) -> str:
    """Of a name that no object has; '' for one that is outside."""
    if any(is_api(cluster, one.namespace, one.service) for one in _readings(labels, namespace)):
        return API_UNSEEN
    if reason := dns_names.foreign_domain(labels):
        return reason
    return _mistyped(cluster, labels) if len(labels) == 2 else ""


def read_as_outside(name: str) -> str:
    """What is to be said of a name that might be of a namespace which is not among the objects."""
    labels = name.rstrip(".").split(".")
    if len(labels) != 2:
        return ""
    return f"namespace {labels[1]} is not among the objects: the name is read as one outside"


def _readings(labels: Sequence[str], namespace: str) -> list[dns_names.NameInCluster]:
    return [one for one in dns_names.readings(labels, namespace) if not one.host]


def _mistyped(cluster: ClusterState, labels: Sequence[str]) -> str:
    """Of a name and what may be meant as a namespace."""
    name, place = labels
    known = {row.name for row in cluster.namespaces}
    known |= {row.namespace for row in cluster.services}
    known |= {row.namespace for row in cluster.pods}
    if place in known:
        return ""
    elsewhere = sorted(s.namespace for s in cluster.services if s.name == name)
    near = get_close_matches(place, known, 1, NEAR)
    if not elsewhere and not near:
        return ""
    there = f"Service {name} is in {', '.join(elsewhere[:3])}" if elsewhere else ""
    like = f"there is {near[0]}" if near else ""
    hint = "; ".join(filter(None, (there, like)))
    return f"namespace {place} is not among the objects ({hint}), or {name}.{place} is outside"
