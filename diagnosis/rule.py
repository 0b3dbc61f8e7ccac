"""What a rule declares of itself: the one row from which the screens, the guide and the documents
read its name, its thresholds with their sources, and where its findings can be seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from collectors.findings import Confidence, Evidence, Finding, FixKind, Severity, Stage, Subject
from collectors.frozen import frozen_by_name

CONVENTION = "a convention, not from a source"
SymptomName = Literal["connect", "timeout", "slow", "reset", "name", "nodes", "large", "load"]
Scope = Literal["pod", "node", "pod or node", "Service", "policy", "connection", "cluster"]
Screen = Literal[
    "conntrack",
    "counters",
    "dns",
    "flows",
    "graphs",
    "node",
    "pods",
    "policy",
    "services",
    "sockets",
]
SYMPTOMS: dict[SymptomName, str] = {
    "connect": "cannot connect (refused, no route)",
    "timeout": "connections time out",
    "slow": "it is slow",
    "reset": "connections are reset",
    "name": "a name does not resolve",
    "nodes": "it works on one node and not on another",
    "large": "large responses hang",
    "load": "it breaks under load",
}
INPUTS = {
    "capture": "packets captured at a pod or a node, as conversations",
    "conntrack": "the conntrack table of a node",
    "CPU": "CPU time by kind, /proc/stat",
    "DNS": "DNS queries and answers in captures",
    "ethtool": "the driver's own counters",
    "events": "kube events: probes that fail",
    "Ingresses": "Ingress objects",
    "interfaces": "counters of interfaces, /proc/net/dev",
    "links": "interfaces, routes, neighbours, forwarding entries of a network namespace",
    "namespaces": "Namespace objects",
    "NetworkPolicies": "NetworkPolicy objects",
    "nodes": "Node objects",
    "packet filter": "how many rules iptables, nftables and IPVS hold",
    "pods": "Pod objects",
    "resolv.conf": "the resolver's configuration in a pod",
    "Services": "Services and their EndpointSlices",
    "settings": "the configuration of CNI and kube-proxy",
    "sockets": "the kernel's socket table",
    "sysctls": "kernel settings",
}  # counters are named as the kernel names them


@dataclass(slots=True, eq=False)
class Threshold:
    """`name` reads before the figure: 'warning from', 'at least'. `source` is who says so, or
    CONVENTION. `fixed`: the value is that of another module, which compares with it, and so cannot
    be set by itself. Only diagnosis/thresholds.py sets the others, before anything is looked at."""

    name: str
    value: float
    unit: str
    source: str
    fixed: bool = False

    @property
    def text(self) -> str:
        return " ".join(part for part in (self.name, f"{self.value:,g}", self.unit) if part)


@frozen_by_name
class Rule:
    """`title` says in general what a finding says of one case. `criterion` is what is compared
    beside, or instead of, numbers; `inputs` are keys of INPUTS or names of counters;
    `false_friends` look the same and are something else.

    What follows is what its findings have unless a case says otherwise. `disproof`, `fix` and
    `verify` are templates of `str.format`: a finding gives the values of their placeholders."""

    id: str
    title: str
    scope: Scope
    stage: Stage
    inputs: tuple[str, ...]
    symptoms: tuple[SymptomName, ...]
    screen: Screen
    criterion: str = ""
    thresholds: tuple[Threshold, ...] = ()
    false_friends: tuple[str, ...] = ()
    severity: Severity = "warning"
    confidence: Confidence = "likely"
    disproof: str = ""
    fix: str = ""
    fix_kind: FixKind = "text"
    verify: str = ""

    @property
    def figures_text(self) -> str:
        """The thresholds, those of one source together."""
        by_source: dict[str, list[str]] = {}
        for threshold in self.thresholds:
            by_source.setdefault(threshold.source, []).append(threshold.text)
        return "; ".join(f"{', '.join(texts)} ({source})" for source, texts in by_source.items())

    @property
    def threshold_text(self) -> str:
        return "; ".join(part for part in (self.criterion, self.figures_text) if part)

    @property
    def disproof_text(self) -> str:
        return self.disproof or ", or ".join(self.false_friends)

    def finding(
        self,
        *,
        subject: Subject,
        evidence: Iterable[Evidence],
        title: str = "",
        severity: Severity | None = None,
        confidence: Confidence | None = None,
        disproof: str = "",
        fix: str = "",
        fix_kind: FixKind | None = None,
        verify: str = "",
        screen: Screen | None = None,
        **values: object,
    ) -> Finding:
        """A case of this rule; what is not given is as the rule declares it. `values` are those of
        the placeholders in what it declares."""
        return Finding(
            rule=self.id,
            severity=severity or self.severity,
            subject=subject,
            title=title or self.title,
            evidence=tuple(evidence),
            threshold=self.threshold_text,
            confidence=confidence or self.confidence,
            disproof=disproof or self.disproof_text.format_map(values),
            fix=fix or self.fix.format_map(values),
            fix_kind=fix_kind or self.fix_kind,
            verify=verify or self.verify.format_map(values),
            screen=screen or self.screen,
            stage=self.stage,
        )


def level(value: float, warning: Threshold, critical: Threshold) -> Severity | None:
    """How bad a figure is; None below both."""
    if value >= critical.value:
        return "critical"
    return "warning" if value >= warning.value else None
