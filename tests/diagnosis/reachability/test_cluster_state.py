"""Objects that are not what their API promises, in a cluster that is asked all the same."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from collectors.cluster.inventory.live_policies import policies_built
from collectors.cluster.inventory.row_builders import KINDS, built
from diagnosis.reachability.cluster_state import ClusterState
from diagnosis.reachability.written_ends import Unknown
from tests.support.reachability import ask

DATA = Path(__file__).parent.parent.parent / "data" / "policy"
OF_KIND = {
    "Pod": "pods",
    "Node": "nodes",
    "Namespace": "namespaces",
    "Service": "services",
    "EndpointSlice": "endpointslices",
    "NetworkPolicy": "networkpolicies",
}
ODD: list[Any] = [7, "x", [], {}, None, [7], {"a": 7}, -1, True, "10.1.1.1/99", [None], [[]], "\0"]
QUESTIONS = (
    ("shop/web", "data/db", "5432"),
    ("shop/web", "svc/shop/db", "80"),
    ("203.0.113.9", "192.168.5.1", "30080"),
    ("203.0.113.50", "198.51.100.10", "80"),
    ("node/n1", "10.96.0.9", "5432"),
    ("shop/web", "db.data", "5432"),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    listed = value if isinstance(value, list) else ()
    for key, item in value.items() if isinstance(value, dict) else enumerate(listed):
        yield from places(item, (*path, key))


def with_odd(body: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    found, changed = list(places(body)), copy.deepcopy(body)
    path = dice.choice([path for path in found if path and path[0] not in ("kind", "apiVersion")])
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = copy.deepcopy(dice.choice(ODD))
    return changed


def cluster_of(bodies: list[dict[str, Any]]) -> ClusterState:
    rows = {}
    for kind, name in OF_KIND.items():
        own = [body for body in bodies if body["kind"] == kind]
        rows[name], _ = policies_built(own) if name == "networkpolicies" else built(name, own)
    assert set(rows) <= set(KINDS)
    return ClusterState.of(rows)


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 4))]
)
def test_an_odd_object_is_no_crash(seed: int) -> None:
    """What is left of the cluster is asked; no field of an object makes that fail."""
    files = [DATA / "base.yaml", DATA / "live" / "world.yaml", *sorted(DATA.glob("1*.yaml"))]
    bodies = [body for file in files for body in yaml.safe_load_all(file.read_text()) if body]
    bodies = [body for body in bodies if body["kind"] in OF_KIND]
    dice = random.Random(seed)
    for _ in range(100):
        number = dice.randrange(len(bodies))
        odd = with_odd(bodies[number], dice)
        cluster = cluster_of([*bodies[:number], odd, *bodies[number + 1 :]])
        for source, destination, port in QUESTIONS:
            try:
                answer = ask(cluster, source, destination, port, "shop")
            except Unknown:  # it is not there
                continue
            assert answer.verdict in ("allowed", "denied", "unknown")
