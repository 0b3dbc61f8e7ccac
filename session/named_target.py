"""A target by the names that kubectl has: pod/web, shop/web, deploy/web, svc/web, node/n1, ns/shop.

Used by the console's command line and by `podwire check`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from collectors.errors import ConfigError, Forbidden
from collectors.frozen import frozen
from collectors.objects import NodeRow, PodRow, ServiceRow
from collectors.sanitize import sanitize
from diagnosis.edit_distance import near
from diagnosis.reachability.end_kinds import NAMESPACE, NODE, POD, SERVICE, kind_of, short_name
from session.store import Store

FORMS = (
    "NAMESPACE/POD; with -n pod/NAME, deploy/NAME (sts, ds, job) or svc/NAME; node/NAME; or "
    "ns/NAMESPACE"
)
OF_NAMESPACE = "Namespace"


@frozen
class NamedTarget:
    """`kind` is Pod, Node, Service, Namespace, a workload's (Deployment), or '' where none is said:
    a pod, a workload or a Service of that name, in this order."""

    kind: str
    namespace: str
    name: str

    @property
    def text(self) -> str:
        """`deploy/web in namespace shop`, fit to show."""
        kind = short_name(self.kind).lower()
        name = f"{kind}/{self.name}" if kind else self.name
        where = f" in namespace {self.namespace}" if self.namespace else ""
        return sanitize(f"{name}{where}", 300)


def named_target(text: str, namespace: str) -> NamedTarget:
    """What a text names; `namespace` is that of names without one. ConfigError where it is no
    name of a target."""
    first, *rest = parts = text.strip().split("/")
    if not all(parts) or len(parts) > 3:
        raise _not_understood(text)
    if not rest:
        return NamedTarget("", namespace, first)
    if first in NAMESPACE and len(rest) == 1:
        return NamedTarget(OF_NAMESPACE, "", rest[0])
    if kind := kind_of(first):
        return _of_kind(kind, [namespace, *rest][-2:])
    if len(rest) == 1:
        return NamedTarget("", first, rest[0])
    if kind := kind_of(rest[0]):
        return _of_kind(kind, [first, rest[1]])
    raise _not_understood(text)


def _of_kind(kind: str, place: Sequence[str]) -> NamedTarget:
    namespace, name = place
    return NamedTarget(kind, "" if kind == NODE else namespace, name)


def _not_understood(text: str) -> ConfigError:
    return ConfigError(f"{sanitize(text, 200)!r} names no target: write {FORMS}.")


def is_listed(target: NamedTarget, store: Store) -> bool:
    """Whether all is listed that it needs. Forbidden where it may not be."""
    kinds = ["nodes"] if target.kind == NODE else ["pods"]
    kinds += ["services"] if target.kind == SERVICE else []
    for kind in kinds:
        if reason := store.refused.get(kind):
            raise Forbidden(f"{target.text} cannot be looked up. {reason}")
    return all(kind in store.inventory for kind in kinds)


def first_row(target: NamedTarget, store: Store) -> tuple[PodRow | NodeRow, int]:
    """The node or pod to open, of a workload's or a Service's pods the worst, and how many others
    there are. ConfigError where there is none."""
    if target.kind == NODE:
        return node_of(target, store), 0
    first, *others = pods_of(target, store)
    return first, len(others)


def node_of(target: NamedTarget, store: Store) -> NodeRow:
    """ConfigError where it is not there."""
    names = {row.name: row for row in store.rows("nodes") if isinstance(row, NodeRow)}
    if target.name not in names:
        raise _not_there(target, names)
    return names[target.name]


def pods_of(target: NamedTarget, store: Store) -> list[PodRow]:
    """The pod, or those of the workload or behind the Service, the worst first. ConfigError where
    there is none."""
    own = [pod for pod in store.pods() if pod.namespace == target.namespace]
    services = (row for row in store.rows("services") if isinstance(row, ServiceRow))
    known = [row for row in services if row.namespace == target.namespace]
    found = _pods(target, own) or _of_workload(target, own) or _of_service(target, own, known)
    if not found:
        raise _not_there(target, _names(target.kind, own, known))
    return sorted(found, key=_worst_first)


def _pods(target: NamedTarget, pods: Iterable[PodRow]) -> list[PodRow]:
    return [pod for pod in pods if target.kind in ("", POD) and pod.name == target.name]


def _of_workload(target: NamedTarget, pods: Iterable[PodRow]) -> list[PodRow]:
    return [pod for pod in pods if _is_of(target, pod)]


def _is_of(target: NamedTarget, pod: PodRow) -> bool:
    """A Job of a CronJob is named after it, with the minute: backup-29391840."""
    kind, _, name = pod.workload.partition("/")
    if target.kind == "CronJob" and kind == "Job":
        return name.rpartition("-")[0] == target.name
    return bool(name) and target.kind in ("", kind) and name == target.name


def _of_service(
    target: NamedTarget, pods: Iterable[PodRow], services: Iterable[ServiceRow]
) -> list[PodRow]:
    """ConfigError for a Service behind which there is no pod."""
    if target.kind not in ("", SERVICE):
        return []
    service = next((row for row in services if row.name == target.name), None)
    if service is None:
        return []
    found = [pod for pod in pods if not pod.ended and service.selects(pod)]
    if not found:
        raise ConfigError(f"There is no pod behind svc/{target.name} in {target.namespace}.")
    return found


def _worst_first(pod: PodRow) -> tuple[bool, bool, int, str]:
    """Those that are not ready, those with most restarts, and last what cannot be entered."""
    return pod.phase != "Running" or pod.ended, pod.all_ready, -pod.restarts, pod.name


def _names(kind: str, pods: Iterable[PodRow], services: Iterable[ServiceRow]) -> Iterable[str]:
    """That a name of that kind may have been meant for."""
    if kind == SERVICE:
        return {row.name for row in services}
    workloads = {pod.workload.partition("/")[2] for pod in pods} - {""}
    return {pod.name for pod in pods} | workloads if kind in ("", POD) else workloads


def _not_there(target: NamedTarget, names: Iterable[str]) -> ConfigError:
    nearest = near(target.name, names)
    meant = f" There is {sanitize(nearest, 200)}." if nearest else f" Write {FORMS}."
    return ConfigError(f"There is no {target.text}.{meant}")
