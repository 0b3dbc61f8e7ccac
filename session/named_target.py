"""A target by the names that kubectl has: pod/web, shop/web, deploy/web, svc/web, node/n1, ns/shop.

Used by the console's command line and by `podwire check`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from collectors.errors import ConfigError, Forbidden
from collectors.frozen import frozen
from collectors.objects import NodeRow, PodRow, ServiceRow
from collectors.sanitize import sanitize
from diagnosis.edit_distance import distance, near
from diagnosis.reachability.end_kinds import NAMESPACE, NODE, POD, SERVICE, kind_of, short_name
from session.store import Store

FORMS = (
    "NAMESPACE/POD; with -n pod/NAME, deploy/NAME (sts, ds, job) or svc/NAME; node/NAME; or "
    "ns/NAMESPACE"
)
OF_NAMESPACE = "Namespace"
NAMED = 4  # namespaces that have a target of that name


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
    found = pods_of(target, store)
    if not found:
        where = sanitize(f"svc/{target.name} in {target.namespace}", 300)
        raise ConfigError(f"There is no pod behind {where}: nothing can be opened.")
    return found[0], len(found) - 1


def node_of(target: NamedTarget, store: Store) -> NodeRow:
    """ConfigError where it is not there."""
    names = {row.name: row for row in store.rows("nodes") if isinstance(row, NodeRow)}
    if target.name not in names:
        raise _not_there(target, names)
    return names[target.name]


def pods_of(target: NamedTarget, store: Store) -> list[PodRow]:
    """The pod, or those of the workload or behind the Service, the worst first. ConfigError where
    there is none, or where it is not said of which namespace. Of a Service without pods: none."""
    target = located(target, store)
    own = [pod for pod in store.pods() if pod.namespace == target.namespace]
    services = _services(store, target.namespace)
    found = _pods(target, own) or _of_workload(target, own) or _of_service(target, own, services)
    if not found and _service(target, services) is None:
        _check_namespace(target, store)
        raise _not_there(target, _names(target.kind, own, services))
    return sorted(found, key=_worst_first)


def _services(store: Store, namespace: str) -> list[ServiceRow]:
    services = (row for row in store.rows("services") if isinstance(row, ServiceRow))
    return [row for row in services if row.namespace == namespace]


def located(target: NamedTarget, store: Store) -> NamedTarget:
    """With -A a name is of the one namespace that has it. ConfigError where several have it."""
    if target.namespace or target.kind == NODE:
        return target
    rows = (row for row in store.rows("services") if isinstance(row, ServiceRow))
    having = {row.namespace for row in rows if _service(target, [row]) is not None}
    having |= {pod.namespace for pod in store.pods() if _pods(target, [pod]) or _is_of(target, pod)}
    first, *others = sorted(having) or [""]
    if others:
        some = sanitize(", ".join([first, *others][:NAMED]), 300)
        more = f" and {len(having) - NAMED} more" if len(having) > NAMED else ""
        raise ConfigError(f"{target.text} is in {some}{more}: say which, with -n.")
    return replace(target, namespace=first)


def _check_namespace(target: NamedTarget, store: Store) -> None:
    """ConfigError where it is not there: a kind that is not known is read as one (ing/web)."""
    is_complete = store.coverage("namespaces").state == "complete"
    if not target.namespace or not is_complete:
        return
    if store.listing("namespaces").get("", target.namespace) is None:
        name = sanitize(target.namespace, 80)
        raise ConfigError(f"There is no namespace {name!r}. Write {FORMS}.")


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
    service = _service(target, services)
    if service is None:
        return []
    return [pod for pod in pods if not pod.ended and service.selects(pod)]


def _service(target: NamedTarget, services: Iterable[ServiceRow]) -> ServiceRow | None:
    if target.kind not in ("", SERVICE):
        return None
    return next((row for row in services if row.name == target.name), None)


def can_be_entered(pod: PodRow) -> bool:
    """Whether it has a network: also where its containers wait or end again and again."""
    is_there = bool(pod.node and pod.ip)
    return is_there and not pod.ended and pod.phase != "Terminating"


def _worst_first(pod: PodRow) -> tuple[bool, bool, int, str]:
    """Those that are not ready, those with most restarts, and last what cannot be entered."""
    return not can_be_entered(pod), pod.all_ready, -pod.restarts, pod.name


def _names(kind: str, pods: Iterable[PodRow], services: Iterable[ServiceRow]) -> Iterable[str]:
    """That a name of that kind may have been meant for."""
    if kind == SERVICE:
        return {row.name for row in services}
    owners = (pod.workload.partition("/") for pod in pods)
    workloads = {name for owner, _, name in owners if name and kind in ("", POD, owner)}
    return {pod.name for pod in pods} | workloads if kind in ("", POD) else workloads


def _not_there(target: NamedTarget, names: Iterable[str]) -> ConfigError:
    """Workloads are known by their pods: whether one without pods is there is not."""
    nearest = near(target.name, (name for name in names if _alike(name, target.name)))
    meant = f" There is {sanitize(nearest, 200)}." if nearest else f" Write {FORMS}."
    is_workload = target.kind not in ("", POD, NODE, SERVICE)
    what = f"pod of {target.text}" if is_workload else target.text
    return ConfigError(f"There is no {what}.{meant}")


def _alike(name: str, wanted: str) -> bool:
    letters, longest = distance(name, wanted), max(len(name), len(wanted))
    return letters < 2 or 3 * letters <= longest or sorted(name) == sorted(wanted)
