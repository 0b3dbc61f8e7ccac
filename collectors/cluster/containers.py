"""What podwire adds to a cluster, as specs: the ladder of debug containers, and the node pod (DESIGN 'Targets').

Ephemeral containers can never be removed: each has a main process that ends by itself, and so do all commands
exec'd into it, since they share its process namespace.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import Any

PREFIX = "podwire-"
IMAGE = "nicolaka/netshoot"
LIFETIME_S = 4 * 3600
MANAGED_BY = {"app.kubernetes.io/managed-by": "podwire"}


@dataclass(frozen=True, slots=True)
class Rung:
    """One way to add a debug container; `cost` is what it cannot do, told to the user."""

    name: str
    cost: str
    security: dict[str, Any] = field(default_factory=dict)


LADDER = (
    Rung(
        "full",
        "",
        {
            "capabilities": {"drop": ["ALL"], "add": ["NET_RAW", "NET_ADMIN", "SETUID", "SETGID"]},
            "runAsUser": 0,
            "runAsNonRoot": False,
            "allowPrivilegeEscalation": False,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    ),
    Rung(
        "default capabilities",
        "conntrack of the pod's own namespace is read from /proc; capture only if the runtime grants NET_RAW",
        {
            "runAsUser": 0,
            "runAsNonRoot": False,
            "allowPrivilegeEscalation": False,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    ),
    Rung(
        "restricted",
        "no capture here: sockets and counters only",
        {
            "capabilities": {"drop": ["ALL"]},
            "runAsUser": 65532,
            "runAsNonRoot": True,
            "allowPrivilegeEscalation": False,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    ),
)


def unique(prefix: str) -> str:
    return f"{prefix}{secrets.token_hex(3)}"


def debug_container(rung: Rung, image: str) -> dict[str, Any]:
    return {
        "name": unique(PREFIX),
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sleep", str(LIFETIME_S)],
        "terminationMessagePolicy": "File",
        "securityContext": rung.security,
    }


def node_pod(node: str, image: str, owner: str) -> dict[str, Any]:
    """The small node pod: host network, two capabilities that matter, no privilege, no host PID, no host path."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": unique("podwire-node-"),
            "labels": dict(MANAGED_BY),
            "annotations": {"podwire/owner": owner, "podwire/created": str(int(time.time()))},
        },
        "spec": {
            "nodeName": node,
            "hostNetwork": True,
            "restartPolicy": "Never",
            "activeDeadlineSeconds": LIFETIME_S,
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "tolerations": [{"operator": "Exists"}],
            "containers": [
                {
                    "name": "podwire",
                    "image": image,
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["sleep", str(LIFETIME_S)],
                    "resources": {"limits": {"memory": "256Mi"}, "requests": {"cpu": "10m", "memory": "32Mi"}},
                    "securityContext": LADDER[0].security,
                }
            ],
        },
    }
