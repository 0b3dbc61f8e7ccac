"""Manifests that are almost right, for fuzzing: objects of every kind with parts of them changed."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from collectors import manifests
from collectors.errors import ConfigError
from collectors.sanitize import sanitize
from diagnosis.reachability.blind_spots import BlindSpots, not_evaluated
from diagnosis.reachability.cluster_state import ClusterState
from diagnosis.reachability.end_names import EndFinder
from diagnosis.reachability.path import ask_ends
from diagnosis.reachability.written_ends import Unknown
from tests.support.foreign_policies import cases, policy

META = {"name": "a", "namespace": "shop", "labels": {"app": "web"}}
SELECTOR = {
    "matchLabels": {"app": "web"},
    "matchExpressions": [
        {"key": "app", "operator": "In", "values": ["web", "api"]},
        {"key": "tier", "operator": "DoesNotExist"},
    ],
}
PORTS = [{"port": 80, "endPort": 90, "protocol": "TCP"}, {"port": "http"}]
BLOCK = {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}
PEERS = [{"podSelector": SELECTOR, "namespaceSelector": {}}, {"ipBlock": BLOCK}]
CONTAINER = {
    "name": "c",
    "image": "i",
    "ports": [{"name": "http", "containerPort": 80, "hostPort": 80, "protocol": "TCP"}],
    "resources": {"limits": {"cpu": 1}},
}
TEMPLATE: dict[str, Any] = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {"containers": [CONTAINER]},
}
ONCE = {**TEMPLATE, "spec": {**TEMPLATE["spec"], "restartPolicy": "Never"}}
CONDITIONS = [{"type": "Ready", "status": "True"}]
STATUS = {
    "phase": "Running",
    "podIP": "10.1.0.1",
    "podIPs": [{"ip": "10.1.0.1"}],
    "conditions": CONDITIONS,
    "containerStatuses": [
        {"name": "c", "ready": True, "restartCount": 1, "state": {"running": {}}}
    ],
}
OBJECTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("networking.k8s.io/v1", "NetworkPolicy", {
        "spec": {
            "podSelector": SELECTOR,
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": PEERS, "ports": PORTS}],
            "egress": [{"to": PEERS, "ports": PORTS}],
        },
    }),
    ("v1", "Pod", {"spec": {"hostNetwork": True, **TEMPLATE["spec"]}, "status": STATUS}),
    ("apps/v1", "Deployment", {
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": TEMPLATE},
    }),
    ("batch/v1", "CronJob", {
        "spec": {"schedule": "@daily", "jobTemplate": {"spec": {"template": ONCE}}},
    }),
    ("v1", "Namespace", {}),
    ("v1", "Node", {
        "spec": {"podCIDRs": ["10.1.0.0/24"]},
        "status": {"addresses": [{"type": "InternalIP", "address": "1.2.3.4"}]},
    }),
    ("v1", "Service", {
        "spec": {
            "type": "LoadBalancer",
            "clusterIP": "10.96.0.1",
            "clusterIPs": ["10.96.0.1"],
            "selector": {"app": "web"},
            "ports": [{"name": "http", "port": 80, "targetPort": "http", "nodePort": 30080}],
            "externalIPs": ["1.2.3.4"],
            "loadBalancerSourceRanges": ["10.0.0.0/8"],
            "externalTrafficPolicy": "Local",
        },
        "status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.5"}]}},
    }),
    ("discovery.k8s.io/v1", "EndpointSlice", {
        "addressType": "IPv4",
        "endpoints": [
            {
                "addresses": ["10.1.0.1"],
                "conditions": {"ready": True},
                "targetRef": {"kind": "Pod", "name": "a"},
            },
        ],
        "ports": [{"name": "http", "port": 80, "protocol": "TCP"}],
    }),
    ("v1", "Endpoints", {"subsets": [{"addresses": [{"ip": "10.1.0.1"}], "ports": [{"port": 80}]}]}),
    ("networking.k8s.io/v1", "Ingress", {
        "spec": {
            "rules": [
                {
                    "host": "a.example",
                    "http": {
                        "paths": [
                            {
                                "path": "/",
                                "pathType": "Prefix",
                                "backend": {"service": {"name": "a", "port": {"number": 80}}},
                            },
                        ],
                    },
                },
            ],
        },
    }),
    ("cilium.io/v2", "CiliumNetworkPolicy", {"specs": [{"endpointSelector": {}, "ingress": [{}]}]}),
    *((made["apiVersion"], made["kind"], made) for made in map(policy, cases("accepted.yaml"))),
)  # fmt: skip
# what fields of Services, slices, pods and policies mean something by
VALUES_OF_FIELDS: tuple[Any, ...] = (
    *("None", "ClusterIP", "NodePort", "LoadBalancer", "ExternalName", "Local", "ClientIP"),
    *("10.1.0.1", "010.1.0.01", "::ffff:10.1.0.1", "fd00::1", "0.0.0.0", "224.0.0.1", "fe80::1%a"),
    *(" 10.0.0.0/8 ", "010.0.0.0/08", "0.0.0.0/0", "fd00::/64", "10.1.0.1/32"),
    *("a.shop.svc.cluster.local", "a", "shop", "IPv4", "IPv6", "FQDN", "Succeeded", "Pending"),
    *(0, 1, 80, 30080, 70000, -1, 2**31, True, 1.5),
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False)
    | st.sampled_from(
        ["", "0", "-1", "65536", "http", "10.0.0.0/33", "::/0", "{{ .x }}", "In", "a/b/c"]
    )
    | st.sampled_from(VALUES_OF_FIELDS)
    | st.text(max_size=8)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)


def harmless(text: str) -> bool:
    """Whether nothing in it would act on a terminal."""
    return all(sanitize(line, len(text)) == line for line in text.split("\n"))


def places(value: Any) -> list[tuple[Any, Any]]:
    """(container, key) of everything in a value."""
    found = []
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in list(entries):
        found.append((value, key))
        if isinstance(item, (dict, list)):
            found += places(item)
    return found


def mutate(draw: st.DrawFn, body: dict[str, Any]) -> None:
    container, key = draw(st.sampled_from(places(body)))
    how = draw(st.sampled_from(["replace", "delete", "rename", "wrap", "unwrap", "repeat"]))
    if how == "replace":
        container[key] = draw(VALUES)
    elif how == "delete":
        del container[key]
    elif how == "rename" and isinstance(container, dict):
        container[draw(st.sampled_from(["x", str(key).lower(), f"{key}s", f"{key}\x1b"]))] = (
            container.pop(key)
        )
    elif how == "wrap":
        container[key] = [container[key]]
    elif how == "unwrap" and isinstance(container[key], list) and container[key]:
        container[key] = container[key][0]
    elif how == "repeat" and isinstance(container, list):
        container.append(copy.deepcopy(container[key]))


@st.composite
def texts(draw: st.DrawFn) -> tuple[str, str]:
    """(suffix, text) of a few objects, some of them changed."""
    items = []
    for api_version, kind, rest in draw(st.lists(st.sampled_from(OBJECTS), min_size=1, max_size=3)):
        body = {"apiVersion": api_version, "kind": kind, "metadata": META, **rest}
        body = json.loads(json.dumps(body))  # a copy without shared parts
        for _ in range(draw(st.integers(0, 3))):
            mutate(draw, body)
        items.append(body)
    form = draw(st.sampled_from(["json", "list", "yaml"]))
    if form == "json":
        return "json", "\n".join(json.dumps(item) for item in items)
    if form == "list":
        return "json", json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    return "yaml", yaml.safe_dump_all(items, allow_unicode=True)


ENDS = (
    *("shop/a", "svc/shop/a", "node/a", "deploy/shop/a", "cj/shop/a", "a.shop", "a.shop.svc:80"),
    *("10.1.0.1", "203.0.113.9", "1.2.3.4", "1.2.3.5", "10.96.0.1", "10.9.9.9", "fd00::1"),
    *("127.0.0.1", "224.0.0.1", "a.example"),
)
ASKED_PORTS = (("80", "TCP"), ("http", "TCP"), ("30080", "UDP"), ("53", "UDP"))
QUESTIONS = st.tuples(st.sampled_from(ENDS), st.sampled_from(ENDS), st.sampled_from(ASKED_PORTS))


def check(path: Path, questions: list[tuple[str, str, tuple[str, str]]]) -> bool:
    """Whether the manifests are accepted, and questions about them have answers; else there is a
    sentence that is fit for a terminal. Anything else is raised."""
    try:
        found = manifests.read([path])
    except ConfigError as error:
        assert str(error) and harmless(str(error)), str(error)
        return False
    rows: dict[str, list[Any]] = {**found.rows, "foreignpolicies": list(found.foreign)}
    cluster = ClusterState.of(rows, BlindSpots(tuple(not_evaluated(found.others))))
    for source, destination, (port, protocol) in questions:
        _ask(cluster, source, destination, port, protocol)
    return True


def _ask(cluster: ClusterState, source: str, destination: str, port: str, protocol: str) -> None:
    finder = EndFinder(cluster, "shop")
    try:
        ends = finder.find(source), finder.find(destination, port)
        answer = ask_ends(cluster, *ends, port=port, protocol=protocol)
    except Unknown as error:
        assert harmless(str(error))
        return
    assert (answer.verdict == "unknown") == bool(answer.unknown_because), answer
    said = "\n".join(f"{step.what} {step.reason}" for step in answer.path)
    assert harmless(said), said
