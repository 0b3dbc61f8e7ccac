"""Names of the cluster's Services in what a pod's containers are configured with."""

from __future__ import annotations

from typing import Any

import pytest

from collectors.cluster.inventory.named_services import LONGEST, MOST, named_services
from collectors.cluster.inventory.row_builders import pod_row


@pytest.mark.parametrize(
    ("text", "services"),
    [
        ("http://backend.shop.svc:8080/", ("shop/backend",)),
        ("backend.shop.svc.cluster.local", ("shop/backend",)),
        ("db-0.db.shop.svc.cluster.local:5432", ("shop/db",)),
        ("a.shop.svc,b.shop.svc", ("shop/a", "shop/b")),
        ("backend.shop.svcs", ()),
        ("backend.shop", ()),
        ("shop.svc", ()),
        ("a.b.c.shop.svc.example.org", ()),
        ("-" * LONGEST + ".backend.shop.svc", ()),
    ],
)
def test_names_of_services(text: str, services: tuple[str, ...]) -> None:
    assert named_services([{"args": [text]}]) == services


def test_commands_arguments_and_environment_of_all_containers() -> None:
    containers: list[Any] = [
        {"command": ["run", "a.shop.svc"], "args": ["--to=b.shop.svc", 7]},
        {"env": [{"name": "C", "value": "c.shop.svc"}, {"name": "D", "valueFrom": {}}]},
    ]
    assert named_services(containers) == ("shop/a", "shop/b", "shop/c")


def test_no_more_than_a_few() -> None:
    many = [f"s{number}.shop.svc" for number in range(3 * MOST)]
    assert len(named_services([{"args": many}])) == MOST


def test_a_pods_row_has_the_names_and_no_values() -> None:
    env = [{"name": "URL", "value": "http://user:password@backend.shop.svc"}]
    item = {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "a", "env": env}]}}
    row = pod_row({**item, "status": {}})
    assert row.asks == ("shop/backend",)
    assert "password" not in repr(row)
