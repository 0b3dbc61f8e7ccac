"""What can be looked at."""

from __future__ import annotations

import socket
from typing import Literal

from collectors.frozen import frozen
from collectors.sanitize import sanitize

Kind = Literal["pod", "node", "local", "recording", "pcap"]
SCOPES: dict[Kind, str] = {
    "pod": "this pod",
    "node": "whole node",
    "local": "this host",
    "recording": "recorded",
    "pcap": "this capture",
}


@frozen
class Target:
    """A network namespace to read from. `uid` pins a pod: another pod of the same name is another
    target."""

    kind: Kind
    name: str
    namespace: str = ""
    node: str = ""
    uid: str = ""

    @property
    def key(self) -> str:
        """Identifies the target on the stream, e.g. `pod/shop/frontend-1` or `node/node1`."""
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)

    @property
    def scope(self) -> str:
        """The scope of a per-namespace figure read here."""
        return SCOPES[self.kind]


def name_in(key: str) -> str:
    """A key without its kind: `shop/frontend-1` of `pod/shop/frontend-1`."""
    return key.partition("/")[2]


def pod_key(namespace: str, name: str) -> str:
    """The key of a pod's target."""
    return f"pod/{namespace}/{name}"


def node_target(name: str) -> Target:
    return Target("node", name, node=name)


def this_machine() -> Target:
    name = sanitize(socket.gethostname(), 64)
    return Target("local", name, node=name)
