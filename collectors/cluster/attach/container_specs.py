"""What podwire adds to a cluster, as specs: debug containers of several access levels, node pods
(docs/reference/ephemeral-containers.md).

Ephemeral containers can never be removed: each has a main process that ends by itself, and so do
all commands exec'd into it, since they share its process namespace.
"""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Sequence
from dataclasses import field
from typing import Any

from collectors.account import user
from collectors.frozen import frozen
from collectors.sanitize import sanitize

PREFIX = "podwire-"
LIFETIME_S = 4 * 3600
MANAGED_BY = {"app.kubernetes.io/managed-by": "podwire"}
OWNER, SESSION, EXPIRES = "podwire/owner", "podwire/session", "podwire/expires"
TICK_S = 5
# Ends by itself, and sooner where a file appears. Not by a signal: in a pod that shares its process
# namespace, the first process is the pod's own.
MAIN = 'n=$1; while [ "$n" -gt 0 ] && [ ! -e "$2" ]; do sleep "$3"; n=$((n-1)); done; rm -f "$2"'


def end_file(container: str) -> str:
    """The file that ends a container's main process."""
    return f"/tmp/.{container}-end"


def main_command(container: str) -> list[str]:
    return [
        "sh",
        "-c",
        MAIN,
        "podwire",
        str(LIFETIME_S // TICK_S),
        end_file(container),
        str(TICK_S),
    ]


@frozen
class AccessLevel:
    """The rights of a debug container; `cost` is what it cannot do, for the user to read."""

    name: str
    cost: str
    security: dict[str, Any] = field(default_factory=dict)


NO_CAPTURE = "no capture here: sockets and counters only"
ACCESS_LEVELS = (
    AccessLevel(
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
    AccessLevel(
        "default capabilities",
        "conntrack of the pod's own namespace is read from /proc; capture only if the runtime "
        "grants NET_RAW",
        {
            "runAsUser": 0,
            "runAsNonRoot": False,
            "allowPrivilegeEscalation": False,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    ),
    AccessLevel(
        "restricted",
        NO_CAPTURE,
        {
            "capabilities": {"drop": ["ALL"]},
            "runAsUser": 65532,
            "runAsNonRoot": True,
            "allowPrivilegeEscalation": False,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    ),
)


NODE_POD_SPEC = {
    "hostNetwork": True,
    "restartPolicy": "Never",
    "activeDeadlineSeconds": LIFETIME_S,
    "terminationGracePeriodSeconds": 0,
    "automountServiceAccountToken": False,
    "enableServiceLinks": False,
    "tolerations": [{"operator": "Exists"}],
}


def unique(prefix: str) -> str:
    return f"{prefix}{secrets.token_hex(4)}"


def owner() -> str:
    """Who adds something: the account and the machine, for whoever finds it."""
    return sanitize(f"{user()}@{socket.gethostname()}", 120)


def debug_container(
    level: AccessLevel, image: str, pull_policy: str = "IfNotPresent"
) -> dict[str, Any]:
    name = unique(PREFIX)
    return _container(name, image, pull_policy) | {
        "command": main_command(name),
        "terminationMessagePolicy": "File",
        "securityContext": level.security,
    }


def _container(name: str, image: str, pull_policy: str) -> dict[str, Any]:
    return {"name": name, "image": image, "imagePullPolicy": pull_policy}


def node_pod(
    node: str,
    namespace: str,
    image: str,
    *,
    session: str = "",
    pull_policy: str = "IfNotPresent",
    pull_secrets: Sequence[str] = (),
) -> dict[str, Any]:
    """The small node pod: on the host's network, with the capabilities that capture needs; no
    privilege, no host PID, no host path."""
    name = unique("podwire-node-")
    spec: dict[str, Any] = {"nodeName": node, **NODE_POD_SPEC}
    if pull_secrets:
        spec["imagePullSecrets"] = [{"name": secret} for secret in pull_secrets]
    spec["containers"] = [_node_container(name, image, pull_policy)]
    metadata = _node_pod_metadata(name, namespace, session)
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _node_pod_metadata(name: str, namespace: str, session: str) -> dict[str, Any]:
    expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + LIFETIME_S))
    return {
        "name": name,
        "namespace": namespace,
        "labels": dict(MANAGED_BY),
        "annotations": {OWNER: owner(), SESSION: session, EXPIRES: expires},
    }


def _node_container(pod: str, image: str, pull_policy: str) -> dict[str, Any]:
    return _container("podwire", image, pull_policy) | {
        "command": main_command(pod),
        "resources": {
            "limits": {"memory": "256Mi"},
            "requests": {"cpu": "10m", "memory": "32Mi"},
        },
        "securityContext": ACCESS_LEVELS[0].security,
    }
