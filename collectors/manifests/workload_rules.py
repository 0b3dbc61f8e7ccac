"""Workloads as the API server validates them, as far as podwire reads them
(pkg/apis/apps/validation, pkg/apis/batch/validation)."""

from __future__ import annotations

from typing import Any

from collectors.manifests.field_tests import not_negative
from collectors.manifests.pod_rules import check_pod_spec
from collectors.manifests.problems import FieldProblems
from collectors.manifests.selector_rules import (
    check_annotations,
    check_labels,
    check_selector,
    matches,
)

JOBS = ("Job", "CronJob")
CONTROLLER = "ReplicationController"  # whose selector is labels, by default those of its template
LONGEST_CRON_JOB = 52  # characters of its name: its Jobs have 11 more


def check_workload(body: Any, kind: str, problems: FieldProblems) -> None:
    spec, within = body.get("spec") or {}, problems.within("spec")
    for field in ("replicas", "minReadySeconds"):
        within.test(spec.get(field), (field,), not_negative)
    if kind == "CronJob":
        _check_cron_job(body, problems)
        spec = (spec.get("jobTemplate") or {}).get("spec") or {}
        within = within.within("jobTemplate", "spec")
    template = spec.get("template") or {}
    _check_template(template, kind, within.within("template"))
    if kind in JOBS:
        _check_job(spec, kind, within)
    else:
        _check_selector(spec, kind, within)


def labels_of(template: Any) -> dict[str, str]:
    labels: dict[str, str] = (template.get("metadata") or {}).get("labels") or {}
    return labels


def _check_template(template: Any, kind: str, problems: FieldProblems) -> None:
    check_labels(labels_of(template), ("metadata", "labels"), problems)
    annotations = (template.get("metadata") or {}).get("annotations") or {}
    check_annotations(annotations, problems.within("metadata"))
    spec, within = template.get("spec") or {}, problems.within("spec")
    check_pod_spec(spec, within)
    policy = spec.get("restartPolicy") or "Always"
    if kind in JOBS and policy == "Always":
        within.add(("restartPolicy",), f"must be OnFailure or Never in a {kind}")
    if kind not in JOBS and policy in ("OnFailure", "Never"):
        within.add(("restartPolicy",), f"must be Always in a {kind}")
    if kind not in JOBS and spec.get("activeDeadlineSeconds") is not None:
        within.add(("activeDeadlineSeconds",), f"may not be set in a {kind}")


def _check_selector(spec: Any, kind: str, problems: FieldProblems) -> None:
    """One that is left out is read as the labels of the template, as extensions/v1beta1 did: what
    people write to ask about lacks it, and no verdict rests on it."""
    if spec.get("selector") is None:
        return
    labels = labels_of(spec.get("template") or {})
    selector = spec.get("selector") or {}
    if kind == CONTROLLER:
        selector = {"matchLabels": selector or labels}
    if not any(selector.get(field) for field in ("matchLabels", "matchExpressions")):
        problems.add(("selector",), "is required, with labels of the template")
        return
    _check_match(selector, labels, problems)


def _check_match(selector: Any, labels: dict[str, str], problems: FieldProblems) -> None:
    before = len(problems.found)
    check_selector(selector, ("selector",), problems)
    if len(problems.found) == before and not matches(selector, labels):
        problems.add(("selector",), "does not match the labels of the template")


def _check_job(spec: Any, kind: str, problems: FieldProblems) -> None:
    """The selector of a Job is made for it, unless manualSelector is true."""
    for field in ("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit"):
        problems.test(spec.get(field), (field,), not_negative)
    if kind == "CronJob" and spec.get("selector") is not None:
        problems.add(("selector",), "is made for each Job: it may not be set")
    if kind == "Job" and spec.get("manualSelector"):
        _check_match(spec.get("selector") or {}, labels_of(spec.get("template") or {}), problems)


def _check_cron_job(body: Any, problems: FieldProblems) -> None:
    problems.required((body.get("spec") or {}).get("schedule"), ("spec", "schedule"))
    name = (body.get("metadata") or {}).get("name") or ""
    if len(name) > LONGEST_CRON_JOB:
        problems.add(("metadata", "name"), f"is longer than {LONGEST_CRON_JOB} characters")
