"""What rules of other packages may rely on, under semantic versioning: `VERSION` is major.minor.
Major goes up where a name or field here goes or changes its meaning, minor where one is added. All
else of podwire may change with any version.

A rule is a module with `RULE` and `evaluate(snapshot)`; docs/extending.md says how it is made, and
how it is found.
"""

from __future__ import annotations

from collectors.events import (
    ConntrackGroup,
    ConntrackTable,
    LinkRow,
    NamespaceRow,
    NeighbourRow,
    NetworkState,
    NodeRow,
    PodRow,
    PolicyRow,
    ProbeRow,
    RouteRow,
    ServiceRow,
    SliceRow,
)
from collectors.findings import Evidence, Finding, Subject
from collectors.sockets.rows import SocketRow
from diagnosis import extensions
from diagnosis.lookups import DnsSummary
from diagnosis.rule import CONVENTION, INPUTS, SYMPTOMS, Rule, Threshold, level
from diagnosis.snapshot import WINDOW_S, Conversation, Snapshot, TargetView, listed
from diagnosis.subjects import pod_subject, service_subject, workload_subject

VERSION = ".".join(map(str, extensions.API))

__all__ = [
    "CONVENTION",
    "INPUTS",
    "SYMPTOMS",
    "VERSION",
    "WINDOW_S",
    "ConntrackGroup",
    "ConntrackTable",
    "Conversation",
    "DnsSummary",
    "Evidence",
    "Finding",
    "LinkRow",
    "NamespaceRow",
    "NeighbourRow",
    "NetworkState",
    "NodeRow",
    "PodRow",
    "PolicyRow",
    "ProbeRow",
    "RouteRow",
    "Rule",
    "ServiceRow",
    "SliceRow",
    "Snapshot",
    "SocketRow",
    "Subject",
    "TargetView",
    "Threshold",
    "level",
    "listed",
    "pod_subject",
    "service_subject",
    "workload_subject",
]
