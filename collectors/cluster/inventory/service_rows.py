"""Services and EndpointSlices as rows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from collectors.cluster.api.fields import annotations_of, list_at, mapping_at, text_at
from collectors.cluster.inventory.object_facts import changed
from collectors.cluster.inventory.object_fields import (
    Object,
    Texts,
    addresses_of,
    checked_address,
    container_port,
    labels_of,
    name_of,
    port_number,
    ranges_of,
)
from collectors.objects import Endpoint, ServicePort, ServiceRow, SliceRow
from collectors.sanitize import sanitize

RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges"


def service_row(item: Object) -> ServiceRow:
    spec = mapping_at(item, "spec")
    return ServiceRow(
        namespace=name_of(item, "namespace"),
        name=name_of(item),
        ips=addresses_of(_cluster_ips(spec)),
        ports=tuple(map(_shown_port, list_at(spec, "ports"))),
        type=text_at(spec, "type", 20),
        selector=labels_of(spec.get("selector")),
        targets=tuple(map(_service_port, list_at(spec, "ports"))),
        external_policy=text_at(spec, "externalTrafficPolicy", 20),
        internal_policy=text_at(spec, "internalTrafficPolicy", 20),
        publish_not_ready=bool(spec.get("publishNotReadyAddresses")),
        external_name=text_at(spec, "externalName", 253),
        distribution=text_at(spec, "trafficDistribution", 40),
        outer_ips=addresses_of(spec.get("externalIPs")) + _balancer_ips(item),
        balancer_ips=_balancer_ips(item),
        balancer_names=_balancer_names(item),
        proxied_ips=_proxied_ips(item),
        source_ranges=ranges_of(spec.get("loadBalancerSourceRanges")) or _annotated_ranges(item),
        ranges_annotated=not spec.get("loadBalancerSourceRanges") and bool(_annotated_ranges(item)),
        headless=spec.get("clusterIP") == "None" or _cluster_ips(spec) == ["None"],
        affinity=_affinity(spec),
        families=tuple(sanitize(one, 8) for one in list_at(spec, "ipFamilies")),
    )


def _shown_port(port: Object) -> str:
    return sanitize(f"{port.get('port')}/{port.get('protocol') or 'TCP'}", 20)


def _proxied_ips(item: Object) -> Texts:
    proxied = (one for one in _balancers(item) if one.get("ipMode") == "Proxy")
    return addresses_of(one.get("ip") for one in proxied)


def _affinity(spec: Object) -> str:
    """sessionAffinity, '' for the default."""
    given = spec.get("sessionAffinity") or "None"
    return "" if given == "None" else sanitize(given, 20)


def _cluster_ips(spec: Object) -> list[str]:
    single = spec.get("clusterIP")
    return list(spec.get("clusterIPs") or ([single] if single else []))


def _balancers(item: Object) -> Sequence[Object]:
    """Where its load balancer is reached: entries with `ip` or `hostname`."""
    return tuple(list_at(item, "status", "loadBalancer", "ingress"))


def _balancer_ips(item: Object) -> Texts:
    return addresses_of(one.get("ip") for one in _balancers(item))


def _balancer_names(item: Object) -> Texts:
    names = (_host_name(one.get("hostname")) for one in _balancers(item))
    return tuple(filter(None, names))


def _host_name(written: object) -> str:
    return sanitize(str(written or "").rstrip(".").lower(), 253)


def _annotated_ranges(item: Object) -> Texts:
    """Those of the annotation that cloud controllers read where the field is empty."""
    text = str(annotations_of(item).get(RANGES) or "")
    return ranges_of(text.split(","))


def _service_port(port: Object) -> ServicePort:
    number = port_number(port.get("port"))
    return ServicePort(
        name=text_at(port, "name", 63),
        number=number,
        protocol=sanitize(port.get("protocol") or "TCP", 8),
        target=sanitize(str(port.get("targetPort") or number), 63),
        node_port=port_number(port.get("nodePort")),
    )


def slice_row(item: Object) -> SliceRow:
    labels = mapping_at(item, "metadata", "labels")
    endpoints = _slice_endpoints(item)
    return SliceRow(
        namespace=name_of(item, "namespace"),
        name=name_of(item),
        service=text_at(labels, "kubernetes.io/service-name", 253),
        ready=tuple(endpoint.address for endpoint in endpoints if endpoint.ready),
        not_ready=tuple(endpoint.address for endpoint in endpoints if not endpoint.ready),
        ports=tuple(container_port(port, "port") for port in list_at(item, "ports")),
        endpoints=endpoints,
        changed=changed(mapping_at(item, "metadata")),
    )


def _slice_endpoints(item: Object) -> tuple[Endpoint, ...]:
    """None of a slice of names: kube-proxy and DNS pass over those."""
    if item.get("addressType") == "FQDN":
        return ()
    return tuple(chain.from_iterable(map(_endpoints, list_at(item, "endpoints"))))


def _endpoints(entry: Object) -> list[Endpoint]:
    """One for each address of an entry."""
    conditions = mapping_at(entry, "conditions")
    return [
        Endpoint(
            address=_endpoint_address(address),
            ready=_is_ready(conditions),
            node=text_at(entry, "nodeName", 253),
            zone=text_at(entry, "zone", 63),
            pod=text_at(mapping_at(entry, "targetRef"), "name", 253),
            serving=_is_serving(conditions),
            terminating=bool(conditions.get("terminating")),
            hints=_hinted_zones(entry),
            hostname=text_at(entry, "hostname", 63),
        )
        for address in list_at(entry, "addresses")
    ]


def _endpoint_address(written: object) -> str:
    found = checked_address(written)
    if not found:
        raise ValueError("an endpoint without an address")
    return found


def _is_ready(conditions: Object) -> bool:
    """An absent condition means ready."""
    return conditions.get("ready") is not False


def _is_serving(conditions: Object) -> bool:
    """An absent condition means serving, as kube-proxy reads it."""
    return conditions.get("serving") is not False


def _hinted_zones(entry: Object) -> Texts:
    return tuple(text_at(zone, "name", 63) for zone in list_at(entry, "hints", "forZones"))
