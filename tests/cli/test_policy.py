"""`podwire check` and `podwire policy` as a script runs them: on the lab, and on manifests alone."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.check_targets import selection
from cli.exit_codes import NOT_KNOWN
from cli.main import main
from collectors.events import InventoryList, NodeRow, PodRow
from lab.supervisor import Lab
from session.store import Store
from tests.lab.verdicts import compared
from tests.support.lab_client import client_of

ROOT = Path(__file__).parent.parent.parent
MANIFESTS = """
apiVersion: v1
kind: Namespace
metadata: {name: data, labels: {tier: back}}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: c, image: i}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: db, namespace: data}
spec:
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: c, image: i, ports: [{name: pg, containerPort: 5432}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: data}
spec: {selector: {app: db}, clusterIP: 10.96.0.9, ports: [{name: pg, port: 5432, targetPort: pg}, {name: gone, port: 80, targetPort: http}]}
---
apiVersion: v1
kind: List
items:
  - apiVersion: networking.k8s.io/v1
    kind: NetworkPolicy
    metadata: {name: only-back, namespace: data}
    spec: {podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {tier: back}}}], ports: [{port: pg}]}]}
"""


def podwire(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )


@pytest.fixture
def manifests(tmp_path: Path) -> str:
    path = tmp_path / "all.yaml"
    path.write_text(MANIFESTS)
    return str(path)


def asked(manifests: str, source: str, target: str, port: str) -> tuple[int, dict[str, Any]]:
    said = io.StringIO()
    words = ["--from", source, "--to", target, "--port", port, "-f", manifests, "-o", "json"]
    with contextlib.redirect_stdout(said):
        code = main(["policy", *words])
    assert code in (0, 1)
    return code, json.loads(said.getvalue())


def test_a_policy_denies_and_is_named(manifests: str) -> None:
    code, body = asked(manifests, "shop/web", "data/db", "5432/TCP")
    assert (code, body["allowed"]) == (1, False)
    assert (
        body["decided_by"]["policy"] == "data/only-back" and body["decided_by"]["side"] == "ingress"
    )
    assert body["decided_by"]["rule"] is None and any(
        step["result"] == "stops" for step in body["path"]
    )


def test_through_a_service_with_a_named_port(manifests: str) -> None:
    code, body = asked(manifests, "data/db", "svc/data/db", "5432")
    assert (code, body["allowed"]) == (0, True)
    assert [step["result"] for step in body["path"]] == ["ok"] * 4
    code, body = asked(manifests, "data/db", "data/db", "pg")
    assert body["allowed"]


def test_a_service_stops_where_its_port_leads_nowhere(manifests: str) -> None:
    code, body = asked(manifests, "data/db", "svc/data/db", "80/TCP")
    assert (code, body["allowed"], body["decided_by"]) == (1, False, None)
    assert "no container names a port http" in body["path"][-1]["reason"]
    code, body = asked(manifests, "data/db", "svc/data/db", "81")
    assert not body["allowed"] and "it has no port 81/TCP" in body["path"][0]["reason"]


def test_from_and_to_addresses(manifests: str) -> None:
    assert asked(manifests, "203.0.113.9", "data/db", "5432")[1]["allowed"] is False
    assert asked(manifests, "shop/web", "203.0.113.9", "443")[1]["allowed"] is True
    assert (
        asked(manifests, "shop/web", "10.96.0.9", "5432")[1]["decided_by"]["policy"]
        == "data/only-back"
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ("--from", "shop/none", "--to", "data/db", "--port", "1"),
            "There is no pod or Service 'shop/none'",
        ),
        (("--from", "svc/data/db", "--to", "data/db", "--port", "1"), "is a Service"),
        (("--from", "shop/web", "--to", "10.0.0.1", "--port", "http"), "no named ports"),
    ],
)
def test_what_is_not_there_is_a_sentence(
    manifests: str, arguments: tuple[str, ...], expected: str
) -> None:
    done = podwire("policy", *arguments, "-f", manifests)
    assert done.returncode == 2 and expected in done.stderr and "Traceback" not in done.stderr


def test_files_that_are_no_manifests(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("a: [1, 2\nb: {")
    for path, expected in ((bad, "not YAML: "), (tmp_path / "none", "cannot be read")):
        done = podwire("policy", "--from", "a/b", "--to", "c/d", "--port", "1", "-f", str(path))
        assert (
            done.returncode == 2 and expected in done.stderr and len(done.stderr.splitlines()) == 1
        )


# --- on the lab


async def on(lab: Lab, fault: str, state: bool) -> None:
    async with client_of(lab) as client:
        await client.fault(fault, state)


async def allowed_by_dry_run(lab: Lab, manifest: str) -> int:
    body = yaml.safe_load(manifest)
    path = f"/apis/networking.k8s.io/v1/namespaces/{body['metadata']['namespace']}/networkpolicies?dryRun=All"
    async with client_of(lab) as client:
        status, _ = await client.call("POST", path, body)
        return status


def test_a_live_verdict(own_lab: Lab) -> None:
    done = podwire(
        "policy",
        "--from",
        "shop/frontend",
        "--to",
        "svc/shop/backend",
        "--port",
        "80/TCP",
        KUBECONFIG=str(own_lab.kubeconfig),
    )
    assert done.returncode == 0, done.stderr
    assert (
        done.stdout.startswith("shop/frontend → svc/shop/backend 80/TCP: allowed")
        and "2 ready" in done.stdout
    )


def test_objects_alone_and_what_a_script_gets(own_lab: Lab) -> None:
    environment = {"KUBECONFIG": str(own_lab.kubeconfig)}
    done = podwire("check", "--for", "4s", "-o", "json", **environment)
    body = json.loads(done.stdout)
    assert (done.returncode, body["schema"], body["findings"]) == (0, 2, []), done.stdout
    assert "--yes" in body["notes"][0]
    asyncio.run(on(own_lab, "service-no-endpoints", True))
    try:
        done = podwire("check", "--for", "5s", "-o", "json", **environment)
        (finding,) = json.loads(done.stdout)["findings"]
        assert done.returncode == 1 and (finding["rule"], finding["where"]) == (
            "endpoints",
            "svc/shop/catalog",
        )
        assert podwire("check", "--for", "5s", "--fail-on", "never", **environment).returncode == 0
        assert (
            "# podwire check of lab"
            in podwire("check", "--for", "5s", "-o", "markdown", **environment).stdout
        )
    finally:
        asyncio.run(on(own_lab, "service-no-endpoints", False))


def test_a_fault_is_found_by_its_rule_and_its_fix_is_accepted(own_lab: Lab) -> None:
    environment = {"KUBECONFIG": str(own_lab.kubeconfig)}
    asyncio.run(on(own_lab, "policy-drops", True))
    try:
        done = podwire("check", "ns/shop", "--for", "14s", "--yes", "-o", "json", **environment)
    finally:
        asyncio.run(on(own_lab, "policy-drops", False))
    found = {finding["rule"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert done.returncode == 1 and "policy_drops" in found, done.stdout
    fix = found["policy_drops"]
    assert fix["where"] == "policy/shop/backend-clients" and fix["fix_kind"] == "yaml"
    assert asyncio.run(allowed_by_dry_run(own_lab, fix["fix"])) == 201
    done = podwire("check", "ns/shop", "--for", "20s", "--yes", "-o", "json", **environment)
    assert (done.returncode, json.loads(done.stdout)["findings"]) == (0, []), done.stdout


async def test_verdicts_agree_with_real_packets(lab_is_possible: None) -> None:
    """A few rounds; `python -m tests.lab.verdicts` makes as many as one likes."""
    counts = Counter[str]()
    with Lab(dual_stack=True) as lab:
        pairs, wrong = await compared(lab, 3, 20261125, counts)
    assert pairs == 75 and not wrong, "\n".join(wrong)
    for outcome in ("allowed", "denied"):
        kinds = {name.rpartition(" ")[0] for name in counts if name.endswith(outcome)}
        assert kinds == {"pod", "Service", "headless", "node port", "host port"}, counts


TWO_FAMILIES = """
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec: {containers: [{name: c, image: i}]}
status: {phase: Running, podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}, {ip: "fd00::1"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {containers: [{name: c, image: i, ports: [{name: pg, containerPort: 5432}]}]}
status: {phase: Running, podIP: 10.0.0.2, podIPs: [{ip: 10.0.0.2}, {ip: "fd00::2"}]}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {selector: {app: db}, clusterIP: 10.96.0.9, clusterIPs: [10.96.0.9, "fd96::9"], ports: [{port: 80, targetPort: pg}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: six, namespace: shop}
spec: {podSelector: {matchLabels: {app: db}}, ingress: [{from: [{ipBlock: {cidr: "fd00::/64"}}]}]}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: kube-router, namespace: kube-system}
spec:
  selector: {matchLabels: {app: kube-router}}
  template:
    metadata: {labels: {app: kube-router}}
    spec: {hostNetwork: true, containers: [{name: c, image: i}]}
"""


@pytest.mark.parametrize(
    ("target", "port", "allowed"),
    [
        ("10.0.0.2", "pg", False),
        ("fd00::2", "pg", True),
        ("shop/db", "5432", False),
        ("10.96.0.9", "80", False),
        ("fd96::9", "80", True),
        ("svc/shop/db", "80", False),
    ],
)
def test_an_address_is_asked_over_its_own_family(
    tmp_path: Path, target: str, port: str, allowed: bool
) -> None:
    path = tmp_path / "two.yaml"
    path.write_text(TWO_FAMILIES)
    body = asked(str(path), "shop/web", target, port)[1]
    assert body["allowed"] is allowed
    assert (body["decided_by"]["policy"], body["decided_by"]["side"]) == ("shop/six", "ingress")
    if target == "shop/db":
        assert body["path"][-1]["step"] == "over IPv6" and body["path"][-1]["reason"].startswith(
            "allowed"
        )


def test_a_check_bears_on_few_of_many() -> None:
    """Of 200 nodes and 500 pods a dozen each, those in trouble first, and it says so."""
    pods = [
        PodRow(
            "shop",
            f"p{n}",
            f"u{n}",
            f"n{n % 200:03}",
            f"10.0.{n // 250}.{n % 250}",
            "Running",
            "0/1" if n == 499 else "1/1",
            0,
            0.0,
            workload=f"Deployment/p{n}",
        )
        for n in range(500)
    ]
    nodes = [NodeRow(f"n{n:03}", f"192.0.2.{n}", "", True, "linux", "amd64") for n in range(200)]
    store = Store()
    store.apply(InventoryList(0.0, "cluster", "pods", tuple(pods)))
    store.apply(InventoryList(0.0, "cluster", "nodes", tuple(nodes)))
    selected = selection(argparse.Namespace(target="", all_namespaces=True), store)
    assert [row.name for row in selected.nodes[:2]] == ["n099", "n000"]
    assert (selected.pods[0].name, len(selected.pods), len(selected.nodes)) == ("p499", 12, 12)
    assert selected.notes == [
        "12 of 500 pods were chosen: name one as NAMESPACE/POD",
        "12 of 200 nodes were chosen: name one as node/NAME",
    ]
    selected = selection(argparse.Namespace(target="ns/shop", all_namespaces=False), store)
    assert selected.pods[0].name == "p499"
    assert (len(selected.pods), len(selected.nodes), len(selected.notes)) == (12, 12, 2)


@pytest.mark.parametrize("name", ["23-antrea", "24-gke-fqdn"])
def test_a_policy_of_an_api_that_is_not_known_makes_the_verdict_unknown(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ROOT / "tests" / "data" / "policy"
    ends = ["--from", "shop/web", "--to", "shop/db", "--port", "5432"]
    files = ["-f", str(data / "base.yaml"), "-f", str(data / f"{name}.yaml")]
    assert main(["policy", *files, *ends]) == NOT_KNOWN
    assert "is not evaluated" in capsys.readouterr().out


def test_an_object_that_is_called_a_policy_is_noted(
    tmp_path: Path, manifests: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of an API that is not known; it changes no verdict."""
    file = tmp_path / "fence.yaml"
    file.write_text(
        "apiVersion: acme.example/v1\nkind: HostFirewall\nmetadata: {name: f, namespace: shop}\n"
    )
    question = ["--from", "shop/web", "--to", "shop/web", "--port", "80"]
    assert main(["policy", "-f", manifests, "-f", str(file), *question]) == 0
    assert "HostFirewall of acme.example/v1 (shop/f) is not known here" in capsys.readouterr().out


def test_a_name_that_may_be_of_another_namespace_is_noted(
    manifests: str, capsys: pytest.CaptureFixture[str]
) -> None:
    question = ["--from", "shop/web", "--to", "cache.prod", "--port", "6379"]
    assert main(["policy", "-f", manifests, *question]) == 0
    assert "namespace prod is not among the objects" in capsys.readouterr().out
