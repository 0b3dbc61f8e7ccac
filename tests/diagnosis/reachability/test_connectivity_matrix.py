"""The matrix says of each pair what a single verdict says, with policies of every API and with
what is not known."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml

from diagnosis.reachability.blind_spots import BlindSpot, BlindSpots
from diagnosis.reachability.connectivity_matrix import reach
from tests.support.policy_coverage import DATA, FILES, CoverageCase, cases
from tests.support.reachability import ask, cluster_of_files, cluster_of_text

ALL = [(name, case) for name in FILES for case in cases(name)]
PORTS = ((5432, "TCP"), (80, "TCP"), (53, "UDP"))
BLIND = (
    BlindSpots(),
    BlindSpots((BlindSpot("networkpolicies", "no", frozenset(("web",))),)),
    BlindSpots((BlindSpot("foreignpolicies", "no"),)),
    BlindSpots((BlindSpot("cuttingpolicies", "no"),)),
)


@pytest.mark.parametrize(
    "blind", BLIND, ids=["all read", "policies of web", "no foreign", "no cutting"]
)
@pytest.mark.parametrize(("name", "case"), ALL, ids=[f"{n}: {c.name}" for n, c in ALL])
def test_as_single_verdicts(
    tmp_path: Path, name: str, case: CoverageCase, blind: BlindSpots
) -> None:
    file = tmp_path / "policies.yaml"
    file.write_text(case.policies)
    cluster = cluster_of_files([DATA / "world.yaml", file], blind)
    ends = [cluster.party(pod) for pod in cluster.pods] + [cluster.node_party("n1")]
    for port in PORTS:
        table = reach(ends, *port, cluster.policies.stacks)
        for a, source in enumerate(ends):
            for b, destination in enumerate(ends):
                if a == b:
                    continue
                single = cluster.policies.verdict(source, destination, *port)
                assert table.outcome(a, b) == single.verdict, (source.name, destination.name)


def test_three_hundred_endpoints_make_a_readable_answer(tmp_path: Path) -> None:
    """And 1,000 pods by 200 policies are asked in less than two seconds."""
    pods = [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"p{n}", "namespace": "shop", "labels": {"app": f"a{n % 3}"}},
            "spec": {"nodeName": f"n{n % 9}", "containers": [{"name": "c", "image": "i"}]},
            "status": {"phase": "Running", "podIP": f"10.0.{n // 250}.{n % 250 + 1}"},
        }
        for n in range(1000)
    ]
    policies = [
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": f"p{n}", "namespace": "shop"},
            "spec": {
                "podSelector": {"matchLabels": {"app": "a0"}},
                "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": f"x{n}"}}}]}],
            },
        }
        for n in range(200)
    ]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "s", "namespace": "shop"},
        "spec": {"clusterIP": "10.96.0.1", "selector": {"app": "a0"}, "ports": [{"port": 80}]},
    }
    cluster = cluster_of_text(tmp_path, yaml.safe_dump_all([*pods, *policies, service]))
    began = time.process_time()
    answer = ask(cluster, "shop/p1", "svc/shop/s", "80")
    assert time.process_time() - began < 2
    assert answer.verdict == "denied" and len(answer.path) < 15
    assert any("334 ready" in step.reason for step in answer.path)
    assert any("and 331 more" in step.what for step in answer.path)
