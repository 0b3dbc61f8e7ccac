"""Workloads beside their pods, as `kubectl get all -o yaml` prints them: the pods count."""

from __future__ import annotations

from pathlib import Path

import pytest

from collectors.manifests import read
from collectors.objects import PodRow

TEMPLATE = "template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: i}]}}"
ONCE = TEMPLATE.replace("containers", "restartPolicy: Never, containers")
DEPLOYMENT = f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: shop, uid: d1}}
spec: {{selector: {{matchLabels: {{app: web}}}}, {TEMPLATE}}}
"""


def replica_set(hashed: str, replicas: int) -> str:
    labels = f"{{app: web, pod-template-hash: {hashed}}}"
    return f"""
apiVersion: apps/v1
kind: ReplicaSet
metadata: {{name: web-{hashed}, namespace: shop, uid: r-{hashed}, ownerReferences: [{{kind: Deployment, name: web, uid: d1, controller: true}}]}}
spec: {{replicas: {replicas}, selector: {{matchLabels: {labels}}}, template: {{metadata: {{labels: {labels}}}, spec: {{containers: [{{name: c, image: i}}]}}}}}}
"""


def pod(name: str, owner: str = "", labels: str = "{app: web}", status: str = "Running") -> str:
    kind, _, owned_by = owner.partition("/")
    owners = f"[{{kind: {kind}, name: {owned_by}, uid: x, controller: true}}]" if owner else "[]"
    return f"""
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: shop, labels: {labels}, ownerReferences: {owners}}}
spec: {{containers: [{{name: c, image: i}}]}}
{f"status: {{phase: {status}}}" if status else ""}
"""


def rows(folder: Path, *texts: str) -> list[tuple[str, str]]:
    """(name, workload) of the pods that count."""
    file = folder / "all.yaml"
    file.write_text("\n---\n".join(texts))
    found = (row for row in read([file]).rows["pods"] if isinstance(row, PodRow))
    return sorted((row.name, row.workload) for row in found)


def test_pods_stand_for_their_deployment(tmp_path: Path) -> None:
    hashed = "{app: web, pod-template-hash: abc}"
    pods = [pod("web-1", "ReplicaSet/web-abc", hashed), pod("web-2", "ReplicaSet/web-abc", hashed)]
    sets = replica_set("abc", 2), replica_set("old", 0)
    expected = [("web-1", "Deployment/web"), ("web-2", "Deployment/web")]
    assert rows(tmp_path, *pods, DEPLOYMENT, *sets) == expected
    assert rows(tmp_path, DEPLOYMENT, *sets, *pods) == expected
    assert rows(tmp_path, DEPLOYMENT, *pods) == expected


def test_the_chain_of_owners_leads_over_the_replica_set(tmp_path: Path) -> None:
    """Also where the pod's labels do not say its hash."""
    own = pod("web-1", "ReplicaSet/web-abc")
    found = rows(tmp_path, own, DEPLOYMENT, replica_set("abc", 1))
    assert found == [("web-1", "Deployment/web")]


def test_a_pod_without_an_owner_is_of_the_workload_that_selects_it(tmp_path: Path) -> None:
    assert rows(tmp_path, DEPLOYMENT, pod("web-1")) == [("web-1", "Deployment/web")]
    elsewhere = pod("web-1").replace("namespace: shop", "namespace: data")
    assert rows(tmp_path, DEPLOYMENT, elsewhere) == [("web", "Deployment/web"), ("web-1", "")]
    other = pod("api-1", labels="{app: api}")
    assert rows(tmp_path, DEPLOYMENT, other) == [("api-1", ""), ("web", "Deployment/web")]


def test_a_pod_that_is_only_a_manifest_is_beside_the_workload(tmp_path: Path) -> None:
    found = rows(tmp_path, DEPLOYMENT, pod("debug", status=""))
    assert found == [("debug", ""), ("web", "Deployment/web")]


def test_a_replica_set_of_a_deployment_never_counts_beside_it(tmp_path: Path) -> None:
    sets = replica_set("abc", 2), replica_set("old", 0)
    assert rows(tmp_path, DEPLOYMENT, *sets) == [("web", "Deployment/web")]
    assert rows(tmp_path, *sets) == [
        ("web-abc", "ReplicaSet/web-abc"),
        ("web-old", "ReplicaSet/web-old"),
    ]


@pytest.mark.parametrize(
    ("kind", "version", "spec", "owner"),
    [
        (
            "StatefulSet",
            "apps/v1",
            f"selector: {{matchLabels: {{app: web}}}}, {TEMPLATE}",
            "StatefulSet/web",
        ),
        (
            "DaemonSet",
            "apps/v1",
            f"selector: {{matchLabels: {{app: web}}}}, {TEMPLATE}",
            "DaemonSet/web",
        ),
        ("ReplicationController", "v1", f"selector: {{app: web}}, {TEMPLATE}", ""),
        ("Job", "batch/v1", ONCE, "Job/web"),
        (
            "CronJob",
            "batch/v1",
            f"schedule: '@daily', jobTemplate: {{spec: {{{ONCE}}}}}",
            "Job/web-29000000",
        ),
    ],
)
def test_every_kind_of_workload(
    tmp_path: Path, kind: str, version: str, spec: str, owner: str
) -> None:
    metadata = "{name: web, namespace: shop}"
    workload = f"apiVersion: {version}\nkind: {kind}\nmetadata: {metadata}\nspec: {{{spec}}}"
    job = (
        "apiVersion: batch/v1\nkind: Job\nmetadata: {name: web-29000000, namespace: shop, "
        "ownerReferences: [{kind: CronJob, name: web, uid: c, controller: true}]}\n"
        f"spec: {{{ONCE}}}"
    )
    owned = pod("web-x", owner)
    others = [job] if kind == "CronJob" else []
    assert [name for name, _ in rows(tmp_path, workload, *others, owned)] == ["web-x"]
    assert len(rows(tmp_path, workload, *others)) == 1
