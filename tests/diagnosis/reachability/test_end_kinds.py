"""Kinds of ends by kubectl's names for them."""

from __future__ import annotations

import pytest

from diagnosis.reachability.end_kinds import kind_of, short_name


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("po", "Pod"),
        ("Pods", "Pod"),
        ("pod.v1", "Pod"),
        ("pods.v1.", "Pod"),
        ("deployment.apps", "Deployment"),
        ("deploy.v1.apps", "Deployment"),
        ("job.batch", "Job"),
        ("deployment.batch", ""),
        ("deployment.v1beta1.apps", ""),
        ("service.serving.knative.dev", ""),
        ("ingress", ""),
        ("", ""),
    ],
)
def test_names_of_kinds(text: str, kind: str) -> None:
    assert kind_of(text) == kind


def test_they_are_shown_as_people_write_them() -> None:
    assert [short_name(kind) for kind in ("Service", "Deployment", "Other")] == [
        "svc",
        "deploy",
        "Other",
    ]
