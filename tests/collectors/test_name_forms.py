"""Names that a text has by their form, and what of a name is one as well."""

from __future__ import annotations

import pytest

from collectors.privacy.name_forms import names_in, parts_of


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("ssh oncall@bastion.", ["oncall", "bastion"]),
        ("http://grafana/x and http://evil.test:80", ["grafana", "evil.test"]),
        ("http://ledger.billing.svc/x", ["ledger.billing.svc"]),
        ("?next=http%3A%2F%2Fgrafana%2Fx", ["grafana"]),
        ("/home/oncall/.local/state", ["oncall"]),
        ("http://10.0.3.7/x of https://kubernetes.io/docs, a@sha256:01", []),
    ],
)
def test_names_by_their_form(text: str, names: list[str]) -> None:
    assert list(names_in(text)) == names


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("oncall@bastion.acme.de", {"oncall", "bastion.acme.de", "bastion", "acme"}),
        ("ledger.billing.svc.cluster.local", {"ledger", "billing"}),
        ("frontend-58cc45b5bc-757tg", {"757tg"}),
        ("agent-x2k4f", {"x2k4f"}),
        ("web-https", set()),
        ("registry.k8s.io", set()),
        ("arn:aws:eks:eu-west-1:123456789012:cluster/prod", {"123456789012", "prod"}),
        ("gke_acme_europe-west1-b_prod", {"acme", "prod"}),
        ("evil.example.com", {"evil"}),
    ],
)
def test_what_of_a_name_is_one_as_well(name: str, parts: set[str]) -> None:
    assert set(parts_of(name)) == parts
