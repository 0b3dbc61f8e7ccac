"""create, update, patch and delete of every resource, with the admission that users run into."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from aiohttp.web import Response, json_response

from lab.api import defaults, ephemeral, patches, podsecurity, status
from lab.api.bodies import body_of, read_any, without_kind
from lab.api.deletion import (
    begin_deletion,
    check_precondition,
    deleted,
    deleted_list,
    grace_period,
)
from lab.api.metadata import generation_of, labels_of, name_of, namespace_of, place_of, without
from lab.api.reading import ReadHandler, answer, selector_of
from lab.api.representation import whole
from lab.api.requestinfo import ApiCall
from lab.api.resources import BY_KIND, Resource
from lab.api.status import bad_request, forbidden, invalid, not_found
from lab.api.store import Object, ObjectStore
from lab.families import IPV4, Family, named, service_address

FILL: dict[str, Callable[[Object], Object]] = {
    "pods": defaults.pod,
    "services": defaults.service,
    "networkpolicies": defaults.policy,
    "deployments": defaults.workload,
    "replicasets": defaults.workload,
    "daemonsets": defaults.workload,
}
SET_BY_SERVER = ("uid", "resourceVersion", "creationTimestamp", "selfLink", "managedFields")
KEPT_ON_CHANGE = ("uid", "name", "namespace", "creationTimestamp", "resourceVersion")
CHANGEABLE = ("activeDeadlineSeconds", "tolerations")
NAMESPACED = tuple(resource for resource in BY_KIND.values() if resource.namespaced)
NODE_PORTS = range(30000, 32768)
NO_DUAL_STACK = 'Invalid value: "RequireDualStack": Cluster is not configured for dual-stack'
POD_CHANGES = (
    "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` "
    "(only additions to existing tolerations),`spec.terminationGracePeriodSeconds` "
    "(allow it to be set to 1 if it was previously negative)\n"
)
OTHER_NAMESPACE = (
    "the namespace of the provided object does not match the namespace sent on the request"
)


class Writer:
    """`schedule` names the node for a pod that has none; `address` a free cluster IP of IPv4.
    `families` are the cluster's."""

    def __init__(
        self,
        store: ObjectStore,
        reader: ReadHandler,
        schedule: Callable[[], str],
        address: Callable[[], str],
        families: Sequence[Family] = (IPV4,),
    ) -> None:
        self.store = store
        self.reader = reader
        self._schedule = schedule
        self._address = address
        self._families = families

    # --- create

    async def create(self, call: ApiCall) -> Response:
        item = await body_of(call)
        if call.resource.namespaced:
            self._check_namespace(item.setdefault("metadata", {}), call.info.namespace)
        defaults.check_name(call.resource.kind, item)
        for given in SET_BY_SERVER:
            item["metadata"].pop(given, None)
        return answer(call, self.make(call.resource, item, call.dry_run), 201)

    def make(self, resource: Resource, item: Object, dry: bool = False) -> Object:
        """Admit a new object and store it; ApiError where it is refused."""
        self._check_new(resource, item)
        item = _first_generation(self.filled(resource, item))
        self._admit_new(resource, item)
        return item if dry else self.store.put(resource.plural, item)

    def filled(self, resource: Resource, item: Object) -> Object:
        """`item` with the defaults of its kind."""
        return FILL.get(resource.plural, dict)(item)

    def _check_new(self, resource: Resource, item: Object) -> None:
        if self.store.get(resource.plural, *place_of(item)) is not None:
            raise status.exists(resource, name_of(item))

    def _check_namespace(self, metadata: Object, namespace: str) -> None:
        """The namespace of the path is filled in; ApiError for another one, or one that is not
        there."""
        if metadata.setdefault("namespace", namespace) != namespace:
            raise bad_request(OTHER_NAMESPACE)
        if self._namespace(namespace) is None:
            raise not_found(BY_KIND["Namespace"], namespace)

    def _namespace(self, name: str) -> Object | None:
        return self.store.get("namespaces", "", name)

    def _admit_new(self, resource: Resource, item: Object) -> None:
        if resource.plural == "pods":
            self._admit_pod(item)
        elif resource.plural == "services":
            self._admit_service(item)
        elif resource.plural == "namespaces":
            _admit_namespace(item)

    def _admit_pod(self, item: Object) -> None:
        _check_containers(item)
        self.check_security(item)
        item["spec"].setdefault("nodeName", self._schedule())
        item["status"] = {"phase": "Pending", "qosClass": "BestEffort"}

    def check_security(self, pod: Object) -> None:
        """PodSecurity of the namespace; 403 with every violation."""
        level = self._security_level(namespace_of(pod))
        if why := podsecurity.violation(level, pod["spec"]):
            raise forbidden(BY_KIND["Pod"], name_of(pod), why)

    def _security_level(self, namespace: str) -> str:
        found = self._namespace(namespace)
        labels = labels_of(found) if found else {}
        return str(labels.get(podsecurity.ENFORCE, "privileged"))

    def _admit_service(self, item: Object) -> None:
        """Gives it its address and node ports."""
        spec = item["spec"]
        if spec["type"] != "ExternalName":
            _check_ports(item)
            spec["ipFamilies"] = self._families_of(spec, name_of(item))
            self._give_cluster_ips(spec)
            if spec["type"] in ("NodePort", "LoadBalancer"):
                self._give_node_ports(spec["ports"])

    def _families_of(self, spec: Object, name: str) -> list[str]:
        """ipFamilies as its policy fills them; 422 for a family that the cluster has not."""
        own, wanted = [family.name for family in self._families], list(spec["ipFamilies"])
        _check_families(wanted, own, name)
        if spec["ipFamilyPolicy"] == "SingleStack":
            return wanted
        if spec["ipFamilyPolicy"] == "RequireDualStack" and len(own) < 2:
            raise invalid("Service", name, "spec.ipFamilyPolicy", NO_DUAL_STACK)
        return wanted + [family for family in own if family not in wanted]

    def _give_cluster_ips(self, spec: Object) -> None:
        """One of each family; the one that is given, if any, is of the first."""
        given = spec.get("clusterIP")
        if given == "None":
            spec["clusterIPs"] = ["None"]
            return
        addresses = self._new_addresses(spec["ipFamilies"])
        spec["clusterIPs"] = [given or addresses[0], *addresses[1:]]
        spec["clusterIP"] = spec["clusterIPs"][0]

    def _new_addresses(self, families: Iterable[str]) -> list[str]:
        number = self._address()
        return [service_address(number, family) for family in map(named, families)]

    def _give_node_ports(self, ports: list[Object]) -> None:
        free = self._free_node_ports()
        for port in ports:
            port["nodePort"] = port.get("nodePort") or next(free)

    def _free_node_ports(self) -> Iterator[int]:
        services = self.store.items("services")
        used = {port.get("nodePort") for one in services for port in one["spec"].get("ports", ())}
        return (port for port in NODE_PORTS if port not in used)

    # --- change

    async def update(self, call: ApiCall) -> Response:
        current = self.reader.found(call.info, call.resource)
        return self._replace(call, current, await body_of(call))

    async def patch(self, call: ApiCall) -> Response:
        current = self.reader.found(call.info, call.resource)
        patch = await read_any(call.request)
        wanted = patches.apply(call.request.content_type, whole(call.resource, current), patch)
        return self._replace(call, current, wanted)

    def _replace(self, call: ApiCall, current: Object, wanted: Object) -> Response:
        wanted = without_kind(wanted)
        wanted["metadata"] = _kept_metadata(call, current, wanted)
        wanted = self._admit_change(call, current, wanted)
        if wanted != current and not call.dry_run:
            wanted = self.store.put(call.resource.plural, wanted)
        return answer(call, wanted)

    def _admit_change(self, call: ApiCall, current: Object, wanted: Object) -> Object:
        if call.info.subresource == "ephemeralcontainers":
            return self._with_ephemeral(current, wanted)
        if _is_of_pods(call):
            return _changed_pod(current, wanted)
        return _next_generation(current, self.filled(call.resource, wanted))

    def _with_ephemeral(self, current: Object, wanted: Object) -> Object:
        containers = wanted.get("spec", {}).get("ephemeralContainers") or []
        changed = ephemeral.updated(current, containers)
        if changed["spec"] != current["spec"]:
            self.check_security(changed)
        return changed

    # --- delete

    async def delete(self, call: ApiCall) -> Response:
        item = self.reader.found(call.info, call.resource)
        options = await read_any(call.request) if call.request.can_read_body else {}
        check_precondition(options, call.resource, item)
        if options.get("dryRun") or call.dry_run:
            return answer(call, item)
        return self._delete(call, item, options)

    def _delete(self, call: ApiCall, item: Object, options: Object) -> Response:
        if _is_of_pods(call):
            return self._delete_pod(call, item, options)
        return self._delete_other(call, item)

    def _delete_pod(self, call: ApiCall, item: Object, options: Object) -> Response:
        has_grace = options.get("gracePeriodSeconds") is not None
        return answer(call, self.terminate(item, options if has_grace else dict(call.query)))

    def _delete_other(self, call: ApiCall, item: Object) -> Response:
        gone = self._remove(call.resource, item) or item
        if call.resource.plural != "namespaces":
            return json_response(deleted(call.resource, gone))
        self._empty(call.info.name)
        return answer(call, gone)

    def _remove(self, resource: Resource, item: Object) -> Object | None:
        return self.store.remove(resource.plural, *place_of(item))

    def terminate(self, pod: Object, options: Object) -> Object:
        """Begin a pod's graceful end, which its kubelet finishes; with no grace it is gone at once.

        Of `options` (DeleteOptions, or a query) only gracePeriodSeconds counts.
        """
        grace = grace_period(pod, options)
        begin = partial(begin_deletion, grace=grace)
        ending = self.store.edit("pods", *place_of(pod), begin) or pod
        if grace > 0:
            return ending
        return self.store.remove("pods", *place_of(pod)) or ending

    def _empty(self, namespace: str) -> None:
        for resource in NAMESPACED:
            for item in list(self.store.items(resource.plural, namespace)):
                self._remove(resource, item)

    async def delete_many(self, call: ApiCall) -> Response:
        matches, resource = selector_of(call), call.resource
        found = list(filter(matches, self.store.items(resource.plural, call.info.namespace)))
        for item in found:
            self._delete_one(call, item)
        return json_response(deleted_list(resource, found, self.store.version))

    def _delete_one(self, call: ApiCall, item: Object) -> None:
        if _is_of_pods(call):
            self.terminate(item, dict(call.query))
        else:
            self._remove(call.resource, item)


def _is_of_pods(call: ApiCall) -> bool:
    return call.resource.plural == "pods"


def _admit_namespace(item: Object) -> None:
    metadata = item["metadata"]
    metadata.setdefault("labels", {})["kubernetes.io/metadata.name"] = metadata["name"]
    item.update(spec={"finalizers": ["kubernetes"]}, status={"phase": "Active"})


def _check_containers(pod: Object) -> None:
    if not pod["spec"].get("containers"):
        raise _invalid_pod(pod, "spec.containers", "Required value")
    if pod["spec"].get("ephemeralContainers"):
        raise _invalid_pod(pod, "spec.ephemeralContainers", "Forbidden: cannot be set on create")


def _invalid_pod(pod: Object, field: str, message: str) -> status.ApiError:
    return invalid("Pod", name_of(pod), field, message)


def _check_families(wanted: list[str], own: list[str], service: str) -> None:
    for family in wanted:
        if family not in own:
            message = f'Invalid value: "{family}": not configured on this cluster'
            raise invalid("Service", service, "spec.ipFamilies[0]", message)


def _first_generation(item: Object) -> Object:
    if "spec" in item:
        item["metadata"]["generation"] = 1
    return item


def _next_generation(current: Object, wanted: Object) -> Object:
    """It counts the changes of the spec."""
    if wanted.get("spec") != current.get("spec"):
        wanted["metadata"]["generation"] = generation_of(current) + 1
    return wanted


def _check_ports(service: Object) -> None:
    spec = service["spec"]
    if not spec["ports"] and spec.get("clusterIP") != "None":
        raise invalid("Service", name_of(service), "spec.ports", "Required value")


def _kept_metadata(call: ApiCall, current: Object, wanted: Object) -> Object:
    """The metadata of a change; ApiError 409 where it was made from an older version."""
    given, had = wanted.get("metadata", {}), current["metadata"]
    if given.get("resourceVersion") not in (None, "", had["resourceVersion"]):
        raise status.conflict(call.resource, call.info.name)
    return {**given, **{k: had[k] for k in KEPT_ON_CHANGE if k in had}}


def _changed_pod(current: Object, wanted: Object) -> Object:
    """ApiError 422 where an update changes what a running pod cannot change; the status stays."""
    before, after = _unchangeable(current["spec"]), _unchangeable(wanted.get("spec") or {})
    if before != after:
        difference = ephemeral.difference_of(before, after)
        raise _invalid_pod(current, "spec", POD_CHANGES + difference)
    return {**wanted, "status": current["status"]}


def _unchangeable(spec: Object) -> Object:
    """A pod's spec without the fields that an update may change."""
    rest = without(spec, *CHANGEABLE)
    containers = [without(container, "image") for container in spec.get("containers", ())]
    return {**rest, "containers": containers} if "containers" in spec else rest
