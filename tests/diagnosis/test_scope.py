"""Of which findings a check speaks: a namespace's, and those of what it depends on."""

from __future__ import annotations

from dataclasses import replace

from collectors.events import NamespaceRow, ServicePort, ServiceRow
from collectors.findings import Finding, Subject
from diagnosis.scope import in_scope
from diagnosis.snapshot import Conversation, Snapshot
from tests.support.snapshots import API, NODE, POD, node

BANK = replace(API, namespace="bank", name="ledger-1", ip="10.2.0.9", workload="Deployment/ledger")
DNS = ServiceRow(
    "kube-system",
    "kube-dns",
    ("10.96.0.10",),
    ("53/UDP",),
    "ClusterIP",
    targets=(ServicePort("dns", 53, "UDP", "53"),),
)
LEDGER = ServiceRow("bank", "ledger", ("10.96.7.7",), ("80/TCP",), "ClusterIP")


def about(namespace: str, name: str, kind: str = "service", port: int = 0) -> Finding:
    subject = Subject(kind=kind, namespace=namespace, name=name, port=port)  # type: ignore[arg-type]
    return Finding(rule="endpoints", severity="warning", subject=subject, title="x")


OWN = about("shop", "api")
FINDINGS = (
    OWN,
    about("", "n1", "node"),
    about("kube-system", "kube-dns"),
    about("bank", "ledger", port=80),
    about("bank", "other"),
    about("", "203.0.113.5", "address", 443),
)


def snapshot(*talks: Conversation, namespace: str = "shop") -> Snapshot:
    return Snapshot(
        at=1.0,
        targets=(replace(node(), conversations=talks),),
        pods=(POD, API, BANK),
        nodes=(NODE,),
        services=(DNS, LEDGER),
        namespaces=(NamespaceRow("shop"), NamespaceRow("bank")),
        namespace=namespace,
    )


def said(moment: Snapshot) -> list[str]:
    return [finding.where for finding in in_scope(moment, FINDINGS)]


def test_another_namespaces_findings_are_not_said() -> None:
    assert said(snapshot()) == ["svc/shop/api", "n1", "svc/kube-system/kube-dns"]
    assert len(said(snapshot(namespace=""))) == len(FINDINGS)


def test_what_its_pods_have_asked_is_said() -> None:
    talks = (
        Conversation("TCP", POD.ip, LEDGER.ips[0], 80, flows=1),
        Conversation("TCP", POD.ip, "203.0.113.5", 443, flows=1),
    )
    assert {"svc/bank/ledger:80", "203.0.113.5:443"} <= set(said(snapshot(*talks)))
    others = tuple(replace(one, client=BANK.ip) for one in talks)
    assert said(snapshot(*others)) == said(snapshot())


def test_objects_of_a_namespace_that_is_being_deleted_are_silent() -> None:
    going = replace(snapshot(namespace=""), namespaces=(NamespaceRow("bank", terminating=True),))
    assert [f.where for f in in_scope(going, FINDINGS) if f.subject.namespace == "bank"] == []
    assert OWN in in_scope(going, FINDINGS)
