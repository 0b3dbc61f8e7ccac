"""Each rule for workloads, and the nearest that is accepted."""

from __future__ import annotations

import pytest

from tests.support.refusals import refused

POD = "spec: {containers: [{name: c, image: i}]}"
ONCE = "template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}"
TEMPLATE = f"template: {{metadata: {{labels: {{a: b}}}}, {POD}}}"
SELECTED = f"selector: {{matchLabels: {{a: b}}}}, {TEMPLATE}"
APPS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")


def workload(kind: str, spec: str, api_version: str = "apps/v1") -> dict[str, str]:
    return refused(api_version, kind, f"spec: {{{spec}}}")


@pytest.mark.parametrize("kind", APPS)
def test_a_selector_matches_the_template(kind: str) -> None:
    assert workload(kind, SELECTED) == workload(kind, TEMPLATE) == {}
    assert "is required" in workload(kind, f"selector: {{}}, {TEMPLATE}")["spec.selector"]
    other = workload(kind, f"selector: {{matchLabels: {{a: c}}}}, {TEMPLATE}")
    assert other == {"spec.selector": "does not match the labels of the template"}
    bad = "selector: {matchExpressions: [{key: a, operator: In}]}"
    assert "values" in str(workload(kind, f"{bad}, {TEMPLATE}"))


@pytest.mark.parametrize(
    ("spec", "field", "reason"),
    [
        ("replicas: -1, " + SELECTED, "spec.replicas", "negative"),
        (SELECTED.replace("containers", "restartPolicy: Never, containers"),
         "spec.template.spec.restartPolicy", "must be Always in a Deployment"),
        (SELECTED.replace("containers", "activeDeadlineSeconds: 5, containers"),
         "spec.template.spec.activeDeadlineSeconds", "may not be set"),
        (SELECTED.replace("image: i", "command: []"),
         "spec.template.spec.containers[0].image", "is required"),
        (SELECTED.replace("labels: {a: b}}", "labels: {a: b}, annotations: {'a b': c}}"),
         "spec.template.metadata.annotations[a b]", "not a label key"),
    ],
)  # fmt: skip
def test_deployments(spec: str, field: str, reason: str) -> None:
    found = workload("Deployment", spec)
    assert reason in found.get(field, ""), found


def test_a_replication_controller_selects_by_its_template() -> None:
    assert workload("ReplicationController", TEMPLATE, "v1") == {}
    assert workload("ReplicationController", f"selector: {{a: b}}, {TEMPLATE}", "v1") == {}
    empty = workload("ReplicationController", f"selector: {{}}, template: {{{POD}}}", "v1")
    assert "is required" in empty["spec.selector"]


def test_jobs_end() -> None:
    def job(spec: str) -> dict[str, str]:
        return workload("Job", spec, "batch/v1")

    assert job(ONCE) == {}
    always = job(f"template: {{{POD}}}")
    assert "OnFailure or Never" in always["spec.template.spec.restartPolicy"]
    assert "negative" in job(f"parallelism: -1, {ONCE}")["spec.parallelism"]
    manual = job(f"manualSelector: true, selector: {{matchLabels: {{a: b}}}}, {ONCE}")
    assert "does not match" in manual["spec.selector"]


def test_cron_jobs() -> None:
    def cron_job(spec: str, name: str = "a") -> dict[str, str]:
        text = f"metadata: {{name: {name}}}\nspec: {{{spec}, jobTemplate: {{spec: {{{ONCE}}}}}}}"
        return refused("batch/v1", "CronJob", text)

    assert cron_job("schedule: '@daily'", "a" * 52) == {}
    assert "longer than 52" in cron_job("schedule: '@daily'", "a" * 53)["metadata.name"]
    assert "is required" in cron_job("suspend: true")["spec.schedule"]


def test_metadata() -> None:
    def config(metadata: str) -> dict[str, str]:
        return refused("apps/v1", "Deployment", f"metadata: {{{metadata}}}\nspec: {{{SELECTED}}}")

    assert config("generateName: web-") == {}
    assert config("name: a.b, annotations: {Example.com/A_b: 'any text\n'}") == {}
    assert "not a DNS name" in config("generateName: -")["metadata.generateName"]
    assert "not a DNS name" in config("name: A")["metadata.name"]
    assert "is required" in config("labels: {}")["metadata.name"]
    assert (
        "not a label key"
        in config("name: a, annotations: {a/b/c: d}")["metadata.annotations[a/b/c]"]
    )
    large = config(f"name: a, annotations: {{a: {'x' * (256 << 10)}}}")
    assert "more than 262144 bytes" in large["metadata.annotations"]
