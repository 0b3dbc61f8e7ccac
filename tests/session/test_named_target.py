"""Targets by the names that kubectl has, and what is opened of several pods."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collectors.errors import ConfigError, Forbidden
from collectors.events import InventoryList, NamespaceRow, NodeRow, PodRow, ServiceRow
from session.named_target import (
    OF_NAMESPACE,
    NamedTarget,
    first_row,
    is_listed,
    located,
    named_target,
    pods_of,
)
from session.store import Store
from tests.support.snapshots import NODE, POD

WEB = replace(POD, name="web-1", workload="Deployment/web", labels=(("app", "web"),))
BROKEN = replace(WEB, name="web-2", ready="0/1")
LOOPS = replace(BROKEN, name="web-4", phase="CrashLoopBackOff", restarts=9)
WAITS = replace(WEB, name="web-3", phase="Pending", ready="0/1", node="")
JOB = replace(POD, name="backup-29391840-x", workload="Job/backup-29391840", labels=())
SERVICE = ServiceRow("shop", "front", ("10.96.0.7",), ("80/TCP",), "ClusterIP", (("app", "web"),))
EMPTY = replace(SERVICE, name="empty", selector=(("app", "none"),))


def store(*pods: PodRow) -> Store:
    known = Store()
    known.apply(InventoryList(1.0, "", "pods", pods or (WEB, BROKEN, WAITS, JOB)))
    known.apply(InventoryList(1.0, "", "nodes", (NODE,)))
    known.apply(InventoryList(1.0, "", "services", (SERVICE, EMPTY)))
    known.apply(InventoryList(1.0, "", "namespaces", (NamespaceRow("shop"), NamespaceRow("bank"))))
    return known


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("web-1", ("", "shop", "web-1")),
        ("bank/web-1", ("", "bank", "web-1")),
        ("pod/web-1", ("Pod", "shop", "web-1")),
        ("po/bank/web-1", ("Pod", "bank", "web-1")),
        ("bank/pod/web-1", ("Pod", "bank", "web-1")),
        ("deployments.apps/web", ("Deployment", "shop", "web")),
        ("sts/db", ("StatefulSet", "shop", "db")),
        ("svc/front", ("Service", "shop", "front")),
        ("no/n1", ("Node", "", "n1")),
        ("ns/bank", (OF_NAMESPACE, "", "bank")),
    ],
)
def test_names_as_kubectl_has_them(text: str, target: tuple[str, str, str]) -> None:
    assert named_target(text, "shop") == NamedTarget(*target)


@pytest.mark.parametrize("text", ["", "/", "pod/", "/web", "a/b/c/d", "shop/cow/web"])
def test_what_names_no_target_says_the_forms(text: str) -> None:
    with pytest.raises(ConfigError, match="names no target: write NAMESPACE/POD"):
        named_target(text, "shop")


@pytest.mark.parametrize("text", ["deploy/web", "svc/front", "web", "front"])
def test_of_several_pods_the_worst_that_can_be_entered_is_first(text: str) -> None:
    target = named_target(text, "shop")
    assert [pod.name for pod in pods_of(target, store())] == ["web-2", "web-1", "web-3"]
    assert first_row(target, store()) == (BROKEN, 2)


def test_a_pod_that_ends_again_and_again_has_a_network_and_is_the_worst() -> None:
    row, _ = first_row(named_target("deploy/web", "shop"), store(WEB, BROKEN, LOOPS, WAITS))
    assert row == LOOPS


def test_of_all_namespaces_a_name_is_of_the_one_that_has_it() -> None:
    """`check pod/web-1 -A`: it is not that there is none."""
    known = store(WEB, replace(WEB, namespace="bank"), BROKEN)
    with pytest.raises(ConfigError, match="pod/web-1 is in bank, shop: say which, with -n"):
        pods_of(named_target("pod/web-1", ""), known)
    assert pods_of(named_target("pod/web-2", ""), known) == [BROKEN]
    assert pods_of(named_target("svc/front", ""), known) == [BROKEN, WEB]
    assert located(named_target("svc/empty", ""), known).namespace == "shop"


def test_a_node_a_pod_and_a_cron_jobs_pod() -> None:
    known = store()
    assert first_row(named_target("node/n1", "shop"), known) == (NODE, 0)
    assert first_row(named_target("web-1", "shop"), known) == (WEB, 0)
    assert first_row(named_target("cj/backup", "shop"), known) == (JOB, 0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pod/web-4", r"There is no pod/web-4 in namespace shop\. There is web-1\."),
        ("deploy/wbe", r"There is no pod of deploy/wbe in namespace shop\. There is web\."),
        ("job/wbe", r"There is no pod of job/wbe in namespace shop\. Write NAMESPACE"),
        ("wab-3", "There is no wab-3 in namespace shop. There is web-3"),
        ("wxb-9", "There is no wxb-9 in namespace shop. Write NAMESPACE"),
        ("ing/web", r"There is no namespace 'ing'\. Write NAMESPACE"),
        ("svc/frnt", r"There is no svc/frnt in namespace shop\. There is front\."),
        ("node/n2", r"There is no node/n2\. There is n1\."),
        ("shop/nothing-like-it", "There is no nothing-like-it in namespace shop. Write NAMESPACE"),
        ("svc/empty", "There is no pod behind svc/empty in shop"),
        ("pod/web", "There is no pod/web in namespace shop"),
    ],
)
def test_what_is_not_there_is_a_sentence_with_the_name_that_was_meant(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        first_row(named_target(text, "shop"), store())


def test_lists_that_are_not_there_yet_or_refused() -> None:
    target, known = named_target("svc/front", "shop"), Store()
    known.apply(InventoryList(1.0, "", "pods", (WEB,)))
    assert not is_listed(target, known) and is_listed(named_target("pod/web-1", "shop"), known)
    known.apply(InventoryList(1.0, "", "services", (), "You may not list services."))
    with pytest.raises(
        Forbidden, match=r"svc/front in namespace shop cannot be looked up\. You may"
    ):
        is_listed(target, known)


def test_nodes_are_rows_of_nodes() -> None:
    row, _ = first_row(named_target("node/n1", ""), store())
    assert isinstance(row, NodeRow)
