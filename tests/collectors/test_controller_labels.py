"""Labels that controllers give: known where a manifest says them, else known to be unknown."""

from __future__ import annotations

from pathlib import Path

import pytest

from collectors.manifests import read
from collectors.objects import PodRow

TEMPLATE = "template: {metadata: {labels: {app: a}}, spec: {containers: [{name: c, image: i}]}}"
SELECTOR = "selector: {matchLabels: {app: a}}"
SELECTED = f"{SELECTOR}, {TEMPLATE}"
ONCE = TEMPLATE.replace("containers", "restartPolicy: Never, containers")


def rows(folder: Path, kind: str, spec: str, metadata: str = "name: a") -> list[PodRow]:
    version = "batch/v1" if kind in ("Job", "CronJob") else "apps/v1"
    file = folder / "a.yaml"
    file.write_text(
        f"apiVersion: {version}\nkind: {kind}\nmetadata: {{{metadata}}}\nspec: {{{spec}}}"
    )
    return [row for row in read([file]).rows["pods"] if isinstance(row, PodRow)]


@pytest.mark.parametrize(
    ("kind", "spec", "known", "unknown"),
    [
        ("Deployment", SELECTED, {}, {"pod-template-hash"}),
        ("ReplicaSet", SELECTED, {}, set()),
        ("DaemonSet", SELECTED, {}, {"controller-revision-hash", "pod-template-generation"}),
        (
            "Job",
            ONCE,
            {"job-name": "a", "batch.kubernetes.io/job-name": "a"},
            {"controller-uid", "batch.kubernetes.io/controller-uid"},
        ),
        (
            "Job",
            f"completionMode: Indexed, completions: 3, {ONCE}",
            {"job-name": "a", "batch.kubernetes.io/job-name": "a"},
            {
                "controller-uid",
                "batch.kubernetes.io/controller-uid",
                "batch.kubernetes.io/job-completion-index",
            },
        ),
        ("Job", f"manualSelector: true, {SELECTOR}, {ONCE}", {}, set()),
        (
            "CronJob",
            f"schedule: '@daily', jobTemplate: {{spec: {{{ONCE}}}}}",
            {},
            {
                "job-name",
                "batch.kubernetes.io/job-name",
                "controller-uid",
                "batch.kubernetes.io/controller-uid",
            },
        ),
    ],
)
def test_labels_of_each_kind(
    tmp_path: Path, kind: str, spec: str, known: dict[str, str], unknown: set[str]
) -> None:
    (row,) = rows(tmp_path, kind, spec)
    assert dict(row.labels) == {"app": "a", **known}
    assert set(row.generated_labels) == unknown


def test_a_stateful_sets_pods_have_their_ordinals(tmp_path: Path) -> None:
    found = rows(tmp_path, "StatefulSet", f"replicas: 2, ordinals: {{start: 3}}, {SELECTED}")
    assert [row.name for row in found] == ["a-3", "a-4"]
    assert dict(found[1].labels) == {
        "app": "a",
        "statefulset.kubernetes.io/pod-name": "a-4",
        "apps.kubernetes.io/pod-index": "4",
    }
    assert found[1].generated_labels == ("controller-revision-hash",)


def test_very_many_ordinals_are_one_row(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, "StatefulSet", f"replicas: 2000000000, {SELECTED}")
    assert "statefulset.kubernetes.io/pod-name" in row.generated_labels


def test_a_job_without_a_name_yet(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, "Job", ONCE, "generateName: a-")
    assert "job-name" in row.generated_labels and dict(row.labels) == {"app": "a"}


def test_a_hash_that_is_written_down_is_overwritten(tmp_path: Path) -> None:
    written = SELECTED.replace("labels: {app: a", "labels: {app: a, pod-template-hash: mine")
    (row,) = rows(tmp_path, "Deployment", written)
    assert dict(row.labels) == {"app": "a"} and row.generated_labels == ("pod-template-hash",)
