"""Ingresses as the API server validates them (pkg/apis/networking/validation, validateIngress)."""

from __future__ import annotations

from typing import Any

from collectors.manifests.address_tests import core_address
from collectors.manifests.field_tests import (
    dns_subdomain,
    one_of,
    port_name,
    port_number,
    service_name,
)
from collectors.manifests.problems import FieldProblems
from collectors.sanitize import sanitize

_path_type = one_of(("Exact", "Prefix", "ImplementationSpecific"))
NOT_IN_PATHS = ("//", "/./", "/../", "%2f", "%2F")
NOT_AT_END = ("/..", "/.")
CLASS = "kubernetes.io/ingress.class"


def check_ingress(body: Any, problems: FieldProblems) -> None:
    spec, within = body.get("spec") or {}, problems.within("spec")
    default, rules = spec.get("defaultBackend"), spec.get("rules") or ()
    if default is None and not rules:
        within.add((), "needs rules or a defaultBackend")
    if default is not None:
        _check_backend(default, within.within("defaultBackend"))
    for number, rule in enumerate(rules):
        _check_rule(rule, within.within("rules", number))
    for number, entry in enumerate(spec.get("tls") or ()):
        _check_tls(entry, within.within("tls", number))
    within.test(spec.get("ingressClassName"), ("ingressClassName",), dns_subdomain)
    _check_class(body, problems)


def _check_class(body: Any, problems: FieldProblems) -> None:
    annotated = ((body.get("metadata") or {}).get("annotations") or {}).get(CLASS)
    named = (body.get("spec") or {}).get("ingressClassName")
    if annotated is not None and named is not None and annotated != named:
        reason = f"must be the ingressClassName ({sanitize(named, 60)})"
        problems.add(("metadata", "annotations", CLASS), reason)


def _check_tls(entry: Any, problems: FieldProblems) -> None:
    problems.test_each(entry.get("hosts"), ("hosts",), wildcard_name)
    problems.test(entry.get("secretName") or None, ("secretName",), dns_subdomain)


def _check_rule(rule: Any, problems: FieldProblems) -> None:
    problems.test(rule.get("host") or None, ("host",), _host)
    if (http := rule.get("http")) is None:
        return
    if not http.get("paths"):
        problems.add(("http", "paths"), "is required")
    for number, entry in enumerate(http.get("paths") or ()):
        _check_path(entry, problems.within("http", "paths", number))


def _check_path(entry: Any, problems: FieldProblems) -> None:
    kind, path = entry.get("pathType"), entry.get("path") or ""
    problems.required(kind, ("pathType",), _path_type)
    if reason := _path_reason(kind, path):
        problems.add(("path",), reason)
    _check_backend(entry.get("backend") or {}, problems.within("backend"))


def _path_reason(kind: str | None, path: str) -> str:
    if kind == "ImplementationSpecific" and not path:
        return ""
    if not path.startswith("/"):
        return f"{sanitize(path, 60)!r} must begin with /"
    if kind == "ImplementationSpecific":
        return ""
    bad = next((part for part in NOT_IN_PATHS if part in path), "")
    bad = bad or next((end for end in NOT_AT_END if path.endswith(end)), "")
    return f"must not have {bad} in it" if bad else ""


def _check_backend(backend: Any, problems: FieldProblems) -> None:
    service, resource = backend.get("service"), backend.get("resource")
    if (service is None) == (resource is None):
        problems.add((), "needs either a service or a resource")
    if service is None:
        return
    within = problems.within("service")
    within.required(service.get("name"), ("name",), service_name)
    _check_port(service.get("port") or {}, within.within("port"))


def _check_port(port: Any, problems: FieldProblems) -> None:
    name, number = port.get("name") or None, port.get("number") or None
    if (name is None) == (number is None):
        problems.add((), "needs either a name or a number")
    problems.test(name, ("name",), port_name)
    problems.test(number, ("number",), port_number)


def _host(value: str) -> str:
    if not core_address(value):
        return f"{sanitize(value, 60)!r} is an address: a host is a name in DNS"
    return wildcard_name(value)


def wildcard_name(value: str) -> str:
    """A name in DNS, whose first label may be *."""
    return dns_subdomain(value.removeprefix("*."))
