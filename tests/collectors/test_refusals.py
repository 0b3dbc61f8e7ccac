"""Each refusal that a cluster can give: the sentence, what is offered instead, and that nothing is left behind."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from collectors.cluster.api.connection import Cluster, connect
from collectors.cluster.attach.attacher import Attacher
from collectors.cluster.attach.planner import Plan
from collectors.cluster.attach.settings import AttachSettings
from collectors.errors import ClusterError, TargetGone
from collectors.kernel import sampler, sampler_program
from collectors.recording.journal import Journal
from collectors.stream import Stream
from collectors.target import Target
from lab.supervisor import Lab
from tests.support.lab_client import Client, client_of

Json = dict[str, Any]
WEBHOOK = (
    'admission webhook "deny.example.com" denied the request: no debug containers in production'
)
QUOTA = 'pods "podwire-node-x" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=20, limited: pods=20'


@pytest.fixture
async def client(own_lab: Lab) -> AsyncIterator[Client]:
    async with client_of(own_lab) as made:
        yield made
        await made.hook(do="clear")


def status(code: int, reason: str, message: str) -> str:
    return json.dumps(
        {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "code": code,
            "reason": reason,
            "message": message,
        }
    )


def pod(name: str, **status_of: Any) -> Json:
    """A pod on a node that the lab does not run, as a real API server would show it."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"nodeName": "far", "containers": [{"name": "app", "image": "registry.lab/app:1"}]},
        "status": {"phase": "Running", "podIP": "10.244.9.9", **status_of},
    }


def node(name: str, system: str = "linux", architecture: str = "amd64") -> Json:
    info = {"operatingSystem": system, "architecture": architecture}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name},
        "status": {"nodeInfo": info},
    }


def deep(item: Json, **changes: Json) -> Json:
    for part, values in changes.items():
        item[part] = {**item[part], **values}
    return item


@dataclass(frozen=True)
class Case:
    """`says` must be among the refusals of the pod's plan; `offers` and `beside` are the methods
    that are offered."""

    name: str
    says: str
    offers: str | None = None
    beside: str | None = "node pod"
    put: tuple[tuple[str, Json], ...] = ()
    rule: Json | None = None
    target: tuple[str, str] = ("shop", "search")
    context: str = "lab"
    settings: AttachSettings = field(default_factory=AttachSettings)


CASES = [
    Case(
        "RBAC: a viewer",
        r"viewer may not get and create pods/exec in shop: podwire could add a container but not "
        r"look into it, so it adds none\. `podwire doctor`",
        beside=None,
        context="viewer",
    ),
    Case(
        "RBAC: no debug containers, but exec",
        r"^No debug container: .*cannot patch resource",
        "exec",
        rule={
            "method": "PATCH",
            "match": "ephemeralcontainers$",
            "code": 403,
            "body": status(
                403,
                "Forbidden",
                'pods "search" is forbidden: User "dev" cannot patch resource "pods/ephemeralcontainers" '
                'in API group "" in the namespace "shop"',
            ),
        },
    ),
    Case(
        "PodSecurity baseline",
        r"^Not with the rights 'full': .*violates PodSecurity \"baseline:latest\"",
        "add default capabilities",
        target=("base", "idle"),
    ),
    Case(
        "PodSecurity restricted",
        r"^Not with the rights 'default capabilities': .*violates PodSecurity "
        r"\"restricted:latest\"",
        "add restricted",
        target=("locked", "idle"),
    ),
    Case(
        "a webhook that denies",
        r"^Not with the rights 'restricted': " + re.escape(WEBHOOK),
        "exec",
        rule={
            "method": "PATCH",
            "match": "ephemeralcontainers$",
            "code": 400,
            "body": status(400, "", WEBHOOK),
        },
    ),
    Case(
        "a webhook that knows no dry run",
        r"Admission cannot be asked beforehand: .*does not support dry run",
        "add full",
        rule={
            "method": "PATCH",
            "match": "ephemeralcontainers$",
            "code": 400,
            "times": 1,
            "body": status(
                400, "BadRequest", 'admission webhook "audit.example.com" does not support dry run'
            ),
        },
    ),
    Case(
        "quota",
        "",
        "add full",
        beside=None,
        rule={
            "method": "POST",
            "match": "/pods$",
            "code": 403,
            "body": status(403, "Forbidden", QUOTA),
        },
    ),
    Case(
        "a static pod",
        r"kube-apiserver-node1 is a static pod: its spec is a file on node1.*Open its node instead",
        target=("kube-system", "kube-apiserver-node1"),
    ),
    Case(
        "a mirror pod of another node",
        r"is a static pod: .* on far",
        beside=None,
        target=("shop", "mirror"),
        put=(
            (
                "pods",
                deep(pod("mirror"), metadata={"annotations": {"kubernetes.io/config.mirror": "x"}}),
            ),
        ),
    ),
    Case(
        "a Windows node",
        r"shop/iis is on the Windows node far: .*Look from the other end",
        beside=None,
        target=("shop", "iis"),
        put=(("nodes", node("far", "windows")), ("pods", pod("iis"))),
    ),
    Case(
        "a Windows pod, nodes unread",
        r"shop/iis2 is on the Windows node far",
        beside=None,
        target=("shop", "iis2"),
        put=(("pods", deep(pod("iis2"), spec={"os": {"name": "windows"}})),),
    ),
    Case(
        "another architecture",
        r"far is s390x, and nicolaka/netshoot is not built for that\. Name an image that is: "
        r"--image",
        beside=None,
        target=("shop", "z"),
        put=(("nodes", node("far", "linux", "s390x")), ("pods", pod("z"))),
    ),
    Case(
        "an image for that architecture",
        "",
        "add full",
        target=("shop", "z2"),
        put=(("nodes", node("far", "linux", "s390x")), ("pods", pod("z2"))),
        settings=AttachSettings(images={"s390x": "registry.lab/netshoot:1"}),
    ),
    Case(
        "finished",
        r"The pod shop/job has ended \(Succeeded\): it has no network any more",
        target=("shop", "job"),
        put=(("nodes", node("far")), ("pods", pod("job", phase="Succeeded"))),
    ),
    Case(
        "failed",
        r"has ended \(Failed\)",
        target=("shop", "job2"),
        put=(("pods", pod("job2", phase="Failed")),),
    ),
    Case(
        "terminating",
        r"shop/old is being deleted: nothing can be added to it\. Open the one that replaces it",
        target=("shop", "old"),
        put=(("pods", deep(pod("old"), metadata={"deletionTimestamp": "2026-11-24T00:00:00Z"})),),
    ),
    Case(
        "unknown",
        r"The node far has stopped reporting, the state of shop/lost is unknown",
        target=("shop", "lost"),
        put=(("pods", pod("lost", phase="Unknown")),),
    ),
    Case(
        "a node that stopped reporting",
        r"The node far has stopped reporting \(Kubelet stopped posting node status\): "
        r"nothing can be started or run there",
        beside=None,
        target=("shop", "on-it"),
        put=(
            (
                "nodes",
                deep(
                    node("far"),
                    status={
                        "conditions": [
                            {
                                "type": "Ready",
                                "status": "Unknown",
                                "message": "Kubelet stopped posting node status.",
                            }
                        ]
                    },
                ),
            ),
            ("pods", pod("on-it")),
        ),
    ),
    Case(
        "not scheduled",
        r"is on no node yet: 0/3 nodes are available: 3 Insufficient cpu\. Open it once it runs",
        beside=None,
        target=("shop", "wait"),
        put=(
            (
                "pods",
                deep(
                    pod(
                        "wait",
                        phase="Pending",
                        podIP="",
                        conditions=[
                            {
                                "type": "PodScheduled",
                                "status": "False",
                                "message": "0/3 nodes are available: 3 Insufficient cpu.",
                            }
                        ],
                    ),
                    spec={"nodeName": ""},
                ),
            ),
        ),
    ),
    Case(
        "no network yet",
        r"shop/new has no network yet: its sandbox is not there",
        target=("shop", "new"),
        put=(("pods", pod("new", phase="Pending", podIP="")),),
    ),
    Case(
        "runs as non-root",
        "",
        "add full",
        target=("shop", "nonroot"),
        put=(
            (
                "pods",
                deep(
                    pod("nonroot"),
                    spec={"securityContext": {"runAsNonRoot": True, "runAsUser": 1000}},
                ),
            ),
        ),
    ),
]


async def chosen(cluster: Cluster, case: Case) -> Json:
    namespace, name = case.target
    found = (await cluster.rest.get(f"/api/v1/namespaces/{namespace}/pods"))["items"]
    return next(p for p in found if p["metadata"]["name"].startswith(name))


async def everything(client: Client) -> list[tuple[str, int]]:
    """Every pod and how many debug containers it carries."""
    pods = (await client.get("/api/v1/pods"))["items"]
    return sorted(
        (p["metadata"]["name"], len(p["spec"].get("ephemeralContainers") or ())) for p in pods
    )


def method(plan: Plan | None) -> str | None:
    if plan is None or plan.offer is None:
        return None
    return f"add {plan.offer.level}" if plan.offer.method == "add" else plan.offer.method


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_refusals(own_lab: Lab, client: Client, case: Case) -> None:
    if not any(resource == "nodes" for resource, _ in case.put):
        await client.hook(do="put", resource="nodes", object=node("far"))
    for resource, item in case.put:
        await client.hook(do="put", resource=resource, object=item)
    if case.rule:
        await client.hook(do="rule", **case.rule)
    before = await everything(client)
    cluster = await connect(str(own_lab.kubeconfig), case.context)
    try:
        attacher = Attacher(cluster, Stream(), case.settings, Journal(None))
        item = await chosen(cluster, case)
        meta = item["metadata"]
        target = Target(
            "pod", meta["name"], meta["namespace"], item["spec"].get("nodeName", ""), meta["uid"]
        )
        plan = await attacher.planner.pod(target)
        assert method(plan) == case.offers, plan
        if case.says:
            assert any(re.search(case.says, said) for said in plan.refusals), plan.refusals
        else:
            assert plan.refusals == ()
        beside = None
        if target.node and "far" not in target.node:
            beside = await attacher.planner.node(
                Target("node", target.node, node=target.node), meta["namespace"]
            )
            assert method(beside) == case.beside
            if case.name == "quota":
                assert any("exceeded quota" in said for said in beside.refusals)
        if plan.offer is None:
            with pytest.raises(ClusterError) as refused:
                await attacher.attach_pod(target, lambda _: None)
            assert str(refused.value) == " ".join(plan.refusals)
        assert all(text.endswith((".", ".;", "`")) and "\n" not in text for text in plan.refusals)
        assert await everything(client) == before, "a plan adds nothing"
        assert attacher.journal.pending_deletes() == []
    finally:
        await cluster.close()


@pytest.mark.parametrize(
    ("image", "policy", "says"),
    [
        (
            "registry.invalid/none:1",
            "IfNotPresent",
            r"cannot start: ErrImagePull \(.*no such host\)\. It stays in the "
            r"pod's spec and runs nothing\. Name an image that the node can pull: --image\.",
        ),
        (
            "registry.invalid/none:1",
            "Never",
            r"ErrImageNeverPull \(.*\)\. .* not on the node and may not be pulled",
        ),
        (
            "nicolaka/netshoot:1-s390x",
            "IfNotPresent",
            r"no match for platform.*for another architecture",
        ),
    ],
)
async def test_an_image_that_does_not_come(
    own_lab: Lab, client: Client, image: str, policy: str, says: str
) -> None:
    cluster = await connect(str(own_lab.kubeconfig))
    journal = Journal(None)
    attacher = Attacher(cluster, Stream(), AttachSettings(image=image, pull_policy=policy), journal)
    found = await client.pod("shop", "catalog")
    target = Target(
        "pod",
        found["metadata"]["name"],
        "shop",
        found["spec"]["nodeName"],
        found["metadata"]["uid"],
    )
    with pytest.raises(ClusterError, match=says):
        await attacher.attach_pod(target, lambda _: None)
    pods = len((await client.get("/api/v1/pods"))["items"])
    with pytest.raises(
        ClusterError, match=says.replace(" It stays in the pod's spec and runs nothing\\.", "")
    ):
        await attacher.attach_node(Target("node", "node1", node="node1"), lambda _: None)
    assert journal.pending_deletes() == [], "the node pod that could not start is deleted"
    assert len((await client.get("/api/v1/pods"))["items"]) == pods
    await cluster.close()


async def test_a_pull_that_never_ends_is_given_up(own_lab: Lab, client: Client) -> None:
    far = pod("slow")
    await client.hook(do="put", resource="nodes", object=node("far"))
    await client.hook(do="put", resource="pods", object=far)
    cluster = await connect(str(own_lab.kubeconfig))
    attacher = Attacher(cluster, Stream(), AttachSettings(pull_timeout_s=1))
    found = await client.pod_named("shop", "slow")
    target = Target("pod", "slow", "shop", "far", found["metadata"]["uid"])
    with pytest.raises(
        ClusterError, match=r"did not start within 1 s: .*reachable from the node\? --pull-timeout"
    ):
        await attacher.attach_pod(target, lambda _: None)
    await cluster.close()


async def test_a_write_that_is_refused_after_its_dry_run_uses_the_next_level(
    own_lab: Lab, client: Client
) -> None:
    cluster = await connect(str(own_lab.kubeconfig))
    attacher = Attacher(cluster, Stream())
    found = await client.pod("shop", "checkout")
    target = Target(
        "pod",
        found["metadata"]["name"],
        "shop",
        found["spec"]["nodeName"],
        found["metadata"]["uid"],
    )
    plan = await attacher.planner.pod(target)
    assert plan.offer is not None and plan.offer.level == "full"
    body = status(403, "Forbidden", WEBHOOK)
    await client.hook(
        do="rule", method="PATCH", match="ephemeralcontainers$", code=403, times=1, body=body
    )
    attachment = await attacher.attach(plan.offer, lambda _: None)
    assert attachment.level == "default capabilities"
    await cluster.close()


async def test_the_pods_own_container_where_nothing_may_be_added(
    own_lab: Lab, client: Client
) -> None:
    body = status(
        403,
        "Forbidden",
        'pods is forbidden: User "dev" cannot patch resource "pods/ephemeralcontainers"',
    )
    await client.hook(do="rule", method="PATCH", match="ephemeralcontainers$", code=403, body=body)
    before = await everything(client)
    cluster = await connect(str(own_lab.kubeconfig))
    attacher = Attacher(cluster, Stream())
    for app, shell in (("search", True), ("backend", False)):
        found = await client.pod("shop", app)
        target = Target(
            "pod",
            found["metadata"]["name"],
            "shop",
            found["spec"]["nodeName"],
            found["metadata"]["uid"],
        )
        if not shell:
            with pytest.raises(
                ClusterError,
                match=r"has no shell: nothing can be read in it\. Its node can be opened",
            ):
                await attacher.attach_pod(target, lambda _: None)
            continue
        attachment = await attacher.attach_pod(target, lambda _: None)
        argv = sampler_program.command(1)
        running = await attachment.runner(cluster).start(argv)
        reader = sampler.FrameReader()
        frames = [f async for piece in running.output() for f in reader.feed(piece.data)]
        await running.close()
        assert sampler.sample(frames[0], target.key, 0.0).values["TcpActiveOpens"] >= 0
        assert (attachment.level, attachment.container) == ("existing container", app)
    assert await everything(client) == before
    await cluster.close()


async def test_ending_a_debug_container_on_leaving(own_lab: Lab, client: Client) -> None:
    cluster = await connect(str(own_lab.kubeconfig))
    attacher = Attacher(cluster, Stream())
    found = await client.pod("shop", "frontend")
    target = Target(
        "pod",
        found["metadata"]["name"],
        "shop",
        found["spec"]["nodeName"],
        found["metadata"]["uid"],
    )
    attachment = await attacher.attach_pod(target, lambda _: None)
    await attacher.end(attachment)
    deadline = time.monotonic() + 10
    while True:
        (state,) = (await client.pod_named("shop", target.name))["status"][
            "ephemeralContainerStatuses"
        ]
        if "terminated" in state["state"]:
            break
        assert time.monotonic() < deadline, state
        await asyncio.sleep(0.2)
    assert state["state"]["terminated"]["exitCode"] == 0
    await cluster.close()


async def test_read_only_writes_nothing_and_says_so(own_lab: Lab, client: Client) -> None:
    before = await everything(client)
    cluster = await connect(str(own_lab.kubeconfig))
    cluster.rest.read_only = True
    attacher = Attacher(cluster, Stream(), AttachSettings(read_only=True))
    found = await client.pod("shop", "search")
    target = Target(
        "pod",
        found["metadata"]["name"],
        "shop",
        found["spec"]["nodeName"],
        found["metadata"]["uid"],
    )
    plan = await attacher.planner.pod(target)
    assert plan.offer is None and plan.refusals[0].startswith(
        "--read-only: nothing is run in the cluster"
    )
    assert (await attacher.planner.node(Target("node", "node1", node="node1"))).offer is None
    for method, path in (
        ("POST", "/api/v1/namespaces/shop/pods"),
        ("DELETE", "/api/v1/namespaces/shop/pods/x"),
    ):
        with pytest.raises(ClusterError, match="started with --read-only"):
            await cluster.rest.request(method, path, body={})
    assert await everything(client) == before
    await cluster.close()


async def test_the_chosen_pod_and_no_other(own_lab: Lab) -> None:
    cluster = await connect(str(own_lab.kubeconfig))
    with pytest.raises(TargetGone, match="is gone"):
        await Attacher(cluster, Stream()).planner.pod(Target("pod", "nope", "shop", "node1", "uid"))
    await cluster.close()
