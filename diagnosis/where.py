"""Where connections to a pod's port get lost, by what captures on nodes saw of their SYNs and the answers to these.

A packet that is routed through a node is captured twice there: as it comes in by one interface and as it goes out by
another. One that only came in was dropped on that node, by its rules, its routes or its reverse-path filter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from diagnosis.snapshot import Conversation, Snapshot, TargetView

LEAST = 3  # connections in 15 s
MOSTLY = 2  # times as many as went through


@dataclass(frozen=True)
class Place:
    """`request` or `answer`: it came into that node and did not leave; `delivered`: the node handed it to the pod;
    `between`: it left that node and never came to the server's."""

    what: Literal["request", "answer", "delivered", "between"]
    view: TargetView
    count: int
    server_node: str = ""


def place(snapshot: Snapshot, server: str, port: int) -> Place | None:
    """None where no node saw enough, where the server is no pod (translated packets leave as others), and where eBPF
    hands packets on unseen (Cilium)."""
    pod = snapshot.by_address.get(server)
    if pod is None or any(row.name == "cilium" for row in snapshot.settings):
        return None
    sights = [(view, _added(view, server, port)) for view in snapshot.hosts if view.conversations]
    found = [Place("request", view, one.stopped) for view, one in sights if one.stopped >= MOSTLY * one.passed]
    found += [Place("answer", view, one.answers_stopped) for view, one in sights]
    most = max(found, key=lambda one: one.count, default=None)
    if most is not None and most.count >= LEAST:
        return most
    own = next(((view, one) for view, one in sights if view.node == pod.node), None)
    if own is not None and own[1].passed >= max(LEAST, MOSTLY * own[1].stopped):
        return Place("delivered", own[0], own[1].passed)
    if own is not None and not own[1].flows:
        left = ((view, one) for view, one in sights if one.passed >= LEAST)
        return next((Place("between", view, one.passed, pod.node) for view, one in left), None)
    return None


def _added(view: TargetView, server: str, port: int) -> Conversation:
    talks = [t for t in view.conversations if (t.server, t.port, t.protocol) == (server, port, "TCP")]
    return Conversation(
        "TCP", "", server, port, flows=sum(t.flows for t in talks), stopped=sum(t.stopped for t in talks),
        passed=sum(t.passed for t in talks), answers_stopped=sum(t.answers_stopped for t in talks),
    )  # fmt: skip
