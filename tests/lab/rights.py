"""Verdicts and `check` with rights that RBAC narrows, in the lab: each kind of object refused, and
readable in one namespace only.

    python -m tests.lab.rights

Two worlds differ in what may be hidden (policies, a label of a namespace, a Service that has an
address outside). In each an answer with narrowed rights must be the one with all rights, or unknown;
so a guess is wrong in one of them. Prints what is otherwise, and the counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cli.exit_codes import FAILED, NOT_KNOWN
from cli.main import main as podwire
from lab.supervisor import Lab
from tests.support.lab_client import Client, client_of

RBAC = "/apis/rbac.authorization.k8s.io/v1"
READ = ["get", "list", "watch"]
NAMESPACE = "shop"
# as `podwire policy` and `check` name them, to the API's group
KINDS = {
    "pods": "",
    "services": "",
    "nodes": "",
    "namespaces": "",
    "endpointslices": "discovery.k8s.io",
    "networkpolicies": "networking.k8s.io",
}
NAMESPACED = ("pods", "services", "endpointslices", "networkpolicies")
QUESTIONS = (
    ("shop/frontend", "shop/backend", "8080"),
    ("shop/frontend", "shop/catalog", "8080"),
    ("base/idle", "shop/catalog", "8080"),
    ("base/idle", "svc/shop/catalog", "80"),
    ("base/idle", "203.0.113.9", "443"),
    ("shop/search", "svc/shop/backend", "80"),
    ("shop/search", "10.96.181.95", "80"),
    ("shop/search", "svc/shop/catalog", "80"),
    ("shop/search", "catalog.shop.svc.cluster.local", "80"),
    ("shop/search", "198.51.100.7", "80"),
    ("shop/search", "{backend}", "8080"),
    ("10.0.77.11", "shop/backend", "8080"),
    ("203.0.113.9", "10.0.77.11", "30080"),
    ("shop/search", "10.0.77.12", "30080"),
    ("shop/search", "node/node1", "10250"),
    ("node/node2", "shop/backend", "8080"),
)
BACKEND = {"matchLabels": {"app": "backend"}}
HIDDEN = (
    (
        f"/apis/networking.k8s.io/v1/namespaces/{NAMESPACE}/networkpolicies",
        {
            "metadata": {"name": "only-front"},
            "spec": {
                "podSelector": BACKEND,
                "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"tier": "front"}}}]}],
            },
        },
    ),
    (
        "/apis/networking.k8s.io/v1/namespaces/base/networkpolicies",
        {"metadata": {"name": "nothing"}, "spec": {"podSelector": {}, "policyTypes": ["Egress"]}},
    ),
    (
        "/api/v1/namespaces/base/services",
        {
            "metadata": {"name": "outer"},
            "spec": {
                "selector": {"app": "nobody"},
                "externalIPs": ["198.51.100.7"],
                "ports": [{"port": 80}],
            },
        },
    ),
)


@dataclass(frozen=True)
class Right:
    """A user who may read everything but one kind, or that kind in one namespace only."""

    kind: str
    own_namespace: bool = False

    @property
    def user(self) -> str:
        return f"{'own' if self.own_namespace else 'no'}-{self.kind}"

    @property
    def unseen(self) -> str:
        """As the first line of `check` names it."""
        return f"{self.kind} outside {NAMESPACE}" if self.own_namespace else self.kind


RIGHTS = (*map(Right, KINDS), *(Right(kind, own_namespace=True) for kind in NAMESPACED))


def _rules(kinds: Sequence[str]) -> list[dict[str, object]]:
    return [{"verbs": READ, "apiGroups": [KINDS[k]], "resources": [k]} for k in kinds]


async def grant(client: Client, right: Right) -> None:
    """The roles and bindings of one user."""
    others = [kind for kind in KINDS if kind != right.kind]
    await _bind(client, RBAC, "Cluster", right.user, others)
    if right.own_namespace:
        await _bind(client, f"{RBAC}/namespaces/{NAMESPACE}", "", right.user, [right.kind])


async def _bind(client: Client, path: str, scope: str, user: str, kinds: Sequence[str]) -> None:
    role = f"{scope}Role"
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": user}
    subject = {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": user}
    binding = {"metadata": {"name": user}, "subjects": [subject], "roleRef": reference}
    await _create(
        client,
        f"{path}/{role.lower()}s",
        {"metadata": {"name": user}, "rules": _rules(kinds)},
    )
    await _create(client, f"{path}/{role.lower()}bindings", binding)


async def _create(client: Client, path: str, body: object) -> None:
    status, answer = await client.call("POST", path, body)
    assert status == 201, answer


async def _label(client: Client, label: str | None) -> None:
    patch = {"metadata": {"labels": {"tier": label}}}
    status, answer = await client.call(
        "PATCH",
        f"/api/v1/namespaces/{NAMESPACE}",
        patch,
        content_type="application/merge-patch+json",
    )
    assert status == 200, answer


async def arranged(client: Client, *, hidden: bool) -> None:
    """One of the two worlds."""
    for path, body in HIDDEN:
        if hidden:
            await _create(client, path, body)
        else:
            await client.call("DELETE", f"{path}/{body['metadata']['name']}")  # type: ignore[index]
    await _label(client, "front" if hidden else None)


async def backend_address(client: Client) -> str:
    pods = await client.get("/api/v1/namespaces/shop/pods?labelSelector=app%3Dbackend")
    address: str = pods["items"][0]["status"]["podIP"]
    return address


def asked(lab: Lab, *arguments: str, user: str = "") -> tuple[int, str]:
    """The exit code of podwire and what it printed."""
    output = io.StringIO()
    who = ["--as", user] if user else []
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        code = podwire([*arguments, "--kubeconfig", str(lab.kubeconfig), "-n", NAMESPACE, *who])
    return code, output.getvalue()


def question(which: tuple[str, str, str], backend: str) -> list[str]:
    source, destination, port = which
    ends = ["--from", source, "--to", destination.format(backend=backend), "--port", port]
    return ["policy", *ends]


def verdicts(
    lab: Lab,
    rights: Sequence[Right],
    questions: Sequence[tuple[str, str, str]],
    backend: str,
    counts: Counter[str],
) -> Iterator[str]:
    """What is neither the answer with all rights nor unknown."""
    for which in questions:
        arguments = question(which, backend)
        whole, _ = asked(lab, *arguments)
        assert whole in (0, FAILED), (which, whole)
        for right in rights:
            code, text = asked(lab, *arguments, user=right.user)
            counts["unknown" if code == NOT_KNOWN else "the same"] += 1
            if code not in (whole, NOT_KNOWN):
                yield f"{right.user}: {which}: {code} instead of {whole} or unknown:\n{text}"


def checks(lab: Lab, rights: Sequence[Right]) -> Iterator[str]:
    """First lines of `check` that do not say what was not seen."""
    for right in rights:
        _, text = asked(lab, "check", "--for", "1s", "--fail-on", "never", user=right.user)
        first = text.partition("\n")[0]
        if right.unseen not in first:
            yield f"{right.user}: check begins with {first!r}, without {right.unseen!r}"


async def _prepared(lab: Lab, rights: Sequence[Right]) -> str:
    async with client_of(lab) as client:
        for right in rights:
            await grant(client, right)
        return await backend_address(client)


async def _arrange(lab: Lab, *, hidden: bool) -> None:
    async with client_of(lab) as client:
        await arranged(client, hidden=hidden)


def compared(
    lab: Lab,
    rights: Sequence[Right] = RIGHTS,
    questions: Sequence[tuple[str, str, str]] = QUESTIONS,
) -> tuple[Counter[str], list[str]]:
    """Counts of the answers, and what is wrong, in both worlds."""
    counts = Counter[str]()
    wrong: list[str] = []
    backend = asyncio.run(_prepared(lab, rights))
    for hidden in (True, False):
        asyncio.run(_arrange(lab, hidden=hidden))
        wrong += verdicts(lab, rights, questions, backend, counts)
    return counts, wrong


def main() -> int:
    with Lab() as lab:
        counts, wrong = compared(lab)
        wrong += checks(lab, RIGHTS)
    said = ", ".join(f"{number} {word}" for word, number in sorted(counts.items()))
    sys.stdout.write("\n".join([*wrong, f"{counts.total()} verdicts with narrowed rights: {said}"]))
    sys.stdout.write(f"; {len(RIGHTS)} checks; {len(wrong)} wrong\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
