"""What no fault of the lab makes for real in namespaces, as objects of its API: asked for, given, exposed. Each with how
it is put there and removed, and the rule that must find it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

FLANNEL = "/api/v1/namespaces/kube-flannel/configmaps/kube-flannel-cfg"
PROXY = "/api/v1/namespaces/kube-system/configmaps/kube-proxy"
SERVICES = "/api/v1/namespaces/shop/services"
POLICIES = "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies"
INGRESSES = "/apis/networking.k8s.io/v1/namespaces/shop/ingresses"
MERGE = "application/merge-patch+json"
Request = Callable[..., Awaitable[Any]]
Write = tuple[str, str, Any]  # method, path, body


@dataclass(frozen=True, slots=True)
class Configured:
    rule: str
    on: tuple[Write, ...]
    off: tuple[Write, ...]


def net_conf(**backend: object) -> dict[str, Any]:
    text = json.dumps(
        {
            "Network": "10.244.0.0/16",
            "EnableNFTables": True,
            "Backend": {"Type": "vxlan", **backend},
        }
    )
    return {"data": {"net-conf.json": text}}


def made(path: str, rule: str, name: str, kind: str, spec: dict[str, Any]) -> Configured:
    version = "v1" if path.startswith("/api/v1") else "networking.k8s.io/v1"
    body = {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": name, "namespace": "shop"},
        "spec": spec,
    }
    return Configured(rule, (("POST", path, body),), (("DELETE", f"{path}/{name}", None),))


def wide(number: int) -> dict[str, Any]:
    """A Service of a hundred ports."""
    ports = [{"name": f"p{n}", "port": 20_000 + n, "protocol": "TCP"} for n in range(100)]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": f"wide-{number}", "namespace": "shop"},
        "spec": {"ports": ports},
    }


FRONTEND = {"matchLabels": {"app": "frontend"}}
CONFIGURED = {
    "native routing asked for (flannel DirectRouting), overlay used": Configured(
        "overlay_fallback",
        (("PATCH", FLANNEL, net_conf(DirectRouting=True)),),
        (("PATCH", FLANNEL, net_conf()),),
    ),
    "kube-proxy in iptables mode, 1,200 ports of Services": Configured(
        "service_scale",
        (
            ("PATCH", PROXY, {"data": {"config.conf": "mode: iptables\n"}}),
            *(("POST", SERVICES, wide(n)) for n in range(12)),
        ),
        (
            ("PATCH", PROXY, {"data": {"config.conf": "mode: nftables\n"}}),
            *(("DELETE", f"{SERVICES}/wide-{n}", None) for n in range(12)),
        ),
    ),
    "policy that forgets DNS over TCP": made(
        POLICIES,
        "policy_cuts_dns_tcp",
        "udp-only",
        "NetworkPolicy",
        {
            "podSelector": FRONTEND,
            "policyTypes": ["Egress"],
            "egress": [
                {"ports": [{"port": 53, "protocol": "UDP"}]},
                {"ports": [{"port": 80, "endPort": 65_535, "protocol": "TCP"}]},
            ],
        },
    ),
    "policy whose podSelector is mistyped": made(
        POLICIES,
        "policy_selects_nothing",
        "typo",
        "NetworkPolicy",
        {
            "podSelector": {"matchLabels": {"app": "frontned"}},
            "policyTypes": ["Ingress"],
        },
    ),
    "NodePort Service behind an Ingress": made(
        INGRESSES,
        "ingress_bypass",
        "front",
        "Ingress",
        {
            "ingressClassName": "haproxy",
            "defaultBackend": {"service": {"name": "storefront", "port": {"number": 80}}},
        },
    ),
    "NGINX Ingress without a rate limit": made(
        INGRESSES,
        "ingress_unlimited",
        "free",
        "Ingress",
        {
            "ingressClassName": "nginx",
            "defaultBackend": {"service": {"name": "catalog", "port": {"number": 80}}},
        },
    ),
}


async def write(request: Request, writes: tuple[Write, ...]) -> None:
    for method, path, body in writes:
        how = {"content_type": MERGE} if method == "PATCH" else {}
        await request(method, path, body=body, **how)
