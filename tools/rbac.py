"""`python -m tools.rbac --write`: docs/rbac/*.yaml, what to grant for each level of access, and the
page docs/access.md with them, from what `podwire doctor` asks for and what is listed."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from collectors.cluster.api.access_review import NEEDS, RBAC, Need
from collectors.cluster.api.foreign_kinds import FOREIGN_KINDS, UNEVALUATED_KINDS
from collectors.cluster.inventory.network_settings import SOURCES
from collectors.cluster.inventory.scaled_to_zero import RESOURCES
from collectors.frozen import frozen

DOCS = Path(__file__).parent.parent / "docs"
OF_PODS = ("debug containers", "running commands in them")  # uses of NEEDS
OF_NODES = ("node pods", "running commands in them")
_CRD = re.compile(r"/apis/([\w.]+)/v1/(\w+)(?:/\w+)?$")
Object = dict[str, Any]


@frozen
class Level:
    """What is granted by one file. `gives` is what is to be had by it, beside that of the level
    before; `adds` what podwire may add to the cluster by it."""

    file: str
    title: str
    gives: str
    adds: str
    documents: tuple[Object, ...]


def _rule(group: str, resources: Iterable[str], verbs: Iterable[str]) -> Object:
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}


def _role(name: str, rules: list[Object], namespace: str = "") -> tuple[Object, Object]:
    """A Role with its binding to a group, a ClusterRole where there is no namespace."""
    kind = "Role" if namespace else "ClusterRole"
    head: Object = {"name": name, **({"namespace": namespace} if namespace else {})}
    role = {"apiVersion": f"{RBAC}/v1", "kind": kind, "metadata": head, "rules": rules}
    binding = {
        "apiVersion": f"{RBAC}/v1",
        "kind": f"{kind}Binding",
        "metadata": head,
        "roleRef": {"apiGroup": RBAC, "kind": kind, "name": name},
        "subjects": [{"kind": "Group", "name": "network-support", "apiGroup": RBAC}],
    }
    return role, binding


def _of_uses(uses: Iterable[str]) -> list[Object]:
    wanted = set(uses)
    return list(_rules(need for need in NEEDS if need.use in wanted))


def _rules(needs: Iterable[Need]) -> Iterator[Object]:
    """Needs of one group with the same verbs are one rule."""
    together: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for need in needs:
        together.setdefault((need.group, need.verbs), []).append(need.path)
    for (group, verbs), paths in together.items():
        yield _rule(group, paths, verbs)


def seen() -> list[Need]:
    """What reads alone."""
    return [need for need in NEEDS if need.use not in (*OF_PODS, *OF_NODES)]


def _settings() -> list[Object]:
    """Objects of a CNI that have settings."""
    paths = [_CRD.search(path) for _, places, _ in SOURCES for path, _ in places]
    return [_rule(found[1], [found[2]], ["get", "list"]) for found in paths if found]


def _policies() -> list[Object]:
    """Of other APIs, also of those that a cluster does not serve: such a right changes nothing."""
    by_group: dict[str, list[str]] = {}
    for kind in (*FOREIGN_KINDS, *UNEVALUATED_KINDS):
        by_group.setdefault(kind.group, []).append(kind.resource)
    verbs = ["list", "watch"]
    return [_rule(group, sorted(set(names)), verbs) for group, names in by_group.items()]


def _in_its_namespace(need: Need) -> tuple[Object, Object]:
    return _role("podwire-see", list(_rules([need])), need.namespace)


SEE = (
    "The cluster's objects: all that `podwire check` without `--yes`, `podwire policy` and the"
    " lists show."
)
POLICIES = (
    "Verdicts on a cluster with Calico's, Cilium's or other policies than NetworkPolicy; without it"
    " such verdicts are unknown. Groups that the cluster does not serve do no harm."
)
PODS = "Packets, sockets, counters, DNS and probes of the pods of one namespace, here `shop`."
NODES = (
    "Figures and captures of nodes. podwire's pods go to one namespace, here `podwire`, that admits"
    " host network, NET_RAW and NET_ADMIN (label it `pod-security.kubernetes.io/enforce:"
    " privileged`); `node_namespace` names it."
)


def levels() -> tuple[Level, ...]:
    container = "an ephemeral debug container in a pod that is opened"
    pod = "a pod on a node that is opened, removed on leaving"
    pods = _role("podwire-pods", _of_uses(OF_PODS), "shop")
    nodes = _role("podwire-nodes", _of_uses(OF_NODES), "podwire")
    return (
        Level("see", "See", SEE, "nothing", _of_objects()),
        Level(
            "policies",
            "See other APIs' policies",
            POLICIES,
            adds="nothing",
            documents=_role("podwire-policies", _policies()),
        ),
        Level("pods", "Open pods of a namespace", PODS, container, pods),
        Level("nodes", "Open nodes", NODES, pod, nodes),
    )


def _of_objects() -> tuple[Object, ...]:
    everywhere = [need for need in seen() if not need.namespace]
    scaled = _rule("apps", RESOURCES, ["list"])
    own = (part for need in seen() if need.namespace for part in _in_its_namespace(need))
    return (*_role("podwire-see", [*_rules(everywhere), scaled, *_settings()]), *own)


HEAD = """# Access: what to grant

Made by `python -m tools.rbac --write` from what `podwire doctor` asks for and what podwire lists.
Four levels, each a file of [docs/rbac](rbac/see.yaml): grant the first, and of the others what is
wanted. The subject is the group `network-support`, the namespaces are `shop` and `podwire`: put
yours there. `podwire doctor` says afterwards what is missing, with the smallest Role for it.

A missing right is reported where it matters: a list that is refused makes an answer unknown,
and is not hidden. Outside of the namespace for node pods nothing here changes or deletes an object;
an ephemeral container stays in its pod's spec until that goes. Flannel and Cilium may keep their
settings in namespaces of their own (`kube-flannel`, `cilium`): `get` on configmaps there lets
podwire read them. Who may run commands in pods reads what they read: `pods/exec` and
`pods/ephemeralcontainers` are as strong as a shell in them. [security.md](security.md) says what
podwire does with them.
"""


def text_of(level: Level) -> str:
    about = f"# {level.title}. Made by tools/rbac.py; docs/access.md says more.\n"
    return about + str(yaml.safe_dump_all(level.documents, sort_keys=False))


def page() -> str:
    sections = (
        f"\n## {level.title}\n\n{level.gives} podwire adds {level.adds}.\n\n"
        f"`kubectl apply -f docs/rbac/{level.file}.yaml`\n\n```yaml\n{text_of(level)}```\n"
        for level in levels()
    )
    return HEAD + "".join(sections)


def files() -> dict[Path, str]:
    made = {DOCS / "rbac" / f"{level.file}.yaml": text_of(level) for level in levels()}
    return {DOCS / "access.md": page(), **made}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the files; else print the page")
    if not parser.parse_args().write:
        sys.stdout.write(page())
        return 0
    for path, text in files().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
