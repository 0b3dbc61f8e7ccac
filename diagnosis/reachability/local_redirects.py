"""CiliumLocalRedirectPolicy: what is sent to an address or a Service goes to a pod of the sender's
own node instead. Which one, and as what its policies see it, is not evaluated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from collectors.events import ForeignPolicyRow, ServiceRow
from collectors.frozen import frozen

KIND = "CiliumLocalRedirectPolicy"
Spec = Mapping[str, Any]


@frozen
class SentTo:
    """Where a connection is sent, before any translation."""

    addresses: tuple[str, ...]
    number: int | None
    protocol: str
    service: ServiceRow | None = None


def redirected(rows: Iterable[ForeignPolicyRow], sent: SentTo) -> str:
    """Why it is not known where a connection ends, '' where no policy leads it elsewhere."""
    for row in rows:
        if row.object_kind == KIND and _means(row, sent):
            return f"{KIND} {row.namespace}/{row.name} leads it to a pod of the sender's own node"
    return ""


def check(row: ForeignPolicyRow) -> None:
    """Raises what a specification of another shape than its API's leads to."""
    frontend = row.spec.get("redirectFrontend") or {}
    for matcher in ("addressMatcher", "serviceMatcher"):
        list(_ports(frontend.get(matcher) or {}))


def _means(row: ForeignPolicyRow, sent: SentTo) -> bool:
    frontend = row.spec.get("redirectFrontend") or {}
    by_address = frontend.get("addressMatcher")
    if by_address is not None:
        return by_address.get("ip") in sent.addresses and _has_port(by_address, sent)
    wanted, service = frontend.get("serviceMatcher") or {}, sent.service
    if service is None or wanted.get("serviceName") != service.name:
        return False
    namespace = wanted.get("namespace") or row.namespace
    return namespace == service.namespace and _has_port(wanted, sent)


def _has_port(matcher: Spec, sent: SentTo) -> bool:
    """No ports are all of them."""
    listed = list(_ports(matcher))
    return not listed or sent.number is None or (sent.number, sent.protocol) in listed


def _ports(matcher: Spec) -> Iterator[tuple[int, str]]:
    for one in matcher.get("toPorts") or ():
        yield int(one["port"]), str(one.get("protocol") or "TCP").upper()
