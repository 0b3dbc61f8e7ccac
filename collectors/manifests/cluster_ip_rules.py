"""The addresses of a Service and their families, as the API server validates them
(pkg/apis/core/validation, ValidateServiceClusterIPsRelatedFields; where it allocates them,
pkg/registry/core/service)."""

from __future__ import annotations

from typing import Any

from collectors.manifests.address_tests import core_address, family_of
from collectors.manifests.field_tests import one_of
from collectors.manifests.problems import FieldProblems

_family = one_of(("IPv4", "IPv6"))
_family_policy = one_of(("SingleStack", "PreferDualStack", "RequireDualStack"))
NO_ADDRESS = "None"
MOST = 2


def cluster_ips(spec: Any) -> list[str]:
    """With what the server fills in where only clusterIP is given."""
    single = spec.get("clusterIP")
    return list(spec.get("clusterIPs") or ([single] if single else []))


def is_headless(spec: Any) -> bool:
    return cluster_ips(spec) == [NO_ADDRESS]


def check_cluster_ips(spec: Any, problems: FieldProblems) -> None:
    """`problems` are those of the spec, which is of no ExternalName."""
    _check_agreement(spec, problems)
    _check_headless(spec, problems)
    _check_families(spec, problems)
    if not _check_values(spec, problems):
        _check_family_of_each(spec, problems)


def _check_agreement(spec: Any, problems: FieldProblems) -> None:
    single, several = spec.get("clusterIP") or "", spec.get("clusterIPs") or ()
    if several and not single:
        problems.add(("clusterIPs",), "must be absent where clusterIP is")
    elif several and several[0] != single:
        problems.add(("clusterIPs", 0), "must be the clusterIP")
    if len(several) > MOST:
        problems.add(("clusterIPs",), "holds more than two addresses")


def _check_headless(spec: Any, problems: FieldProblems) -> None:
    kind = spec.get("type")
    if is_headless(spec) and kind in ("NodePort", "LoadBalancer"):
        problems.add(("clusterIP",), f"may not be None for the type {kind}")


def _check_families(spec: Any, problems: FieldProblems) -> None:
    families, policy = spec.get("ipFamilies") or (), spec.get("ipFamilyPolicy")
    problems.test_each(families, ("ipFamilies",), _family)
    problems.test(policy, ("ipFamilyPolicy",), _family_policy)
    if len(set(families)) < len(families):
        problems.add(("ipFamilies", 1), "is there twice")
    for field in ("clusterIPs", "ipFamilies"):
        if policy == "SingleStack" and len(spec.get(field) or ()) == MOST:
            reason = f"must be PreferDualStack or RequireDualStack where {field} holds two"
            problems.add(("ipFamilyPolicy",), reason)


def _check_values(spec: Any, problems: FieldProblems) -> bool:
    """Whether one of them is not an address."""
    before, several = len(problems.found), spec.get("clusterIPs") or ()
    if not several and spec.get("clusterIP") != NO_ADDRESS:
        problems.test(spec.get("clusterIP") or None, ("clusterIP",), core_address)
    for number, value in enumerate(several):
        if value == NO_ADDRESS and number == 0:
            if len(several) > 1:
                problems.add(("clusterIPs",), "None must be the only value")
        else:
            problems.test(value, ("clusterIPs", number), core_address)
    return len(problems.found) > before


def _check_family_of_each(spec: Any, problems: FieldProblems) -> None:
    ips = [ip for ip in cluster_ips(spec) if ip != NO_ADDRESS]
    found = [family_of(ip) for ip in ips]
    if len(set(found)) < len(found):
        problems.add(("clusterIPs", 1), f"is of {found[1]}, as another one is")
    for number, (has, wanted) in enumerate(zip(found, spec.get("ipFamilies") or (), strict=False)):
        if has != wanted and wanted in ("IPv4", "IPv6"):
            path = ("clusterIPs", number) if spec.get("clusterIPs") else ("clusterIP",)
            problems.add(path, f"is of {has}, and ipFamilies[{number}] is {wanted}")
