"""Fields that objects of several kinds have, made safe to show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_network
from typing import Any

from collectors.address_text import canonical, is_address, unpadded
from collectors.cluster.api.fields import text_at
from collectors.objects import ContainerPort
from collectors.sanitize import sanitize

Object = Mapping[str, Any]
Texts = tuple[str, ...]


def name_of(item: Object, field: str = "name") -> str:
    return sanitize(item.get("metadata", {}).get(field) or "", 253)


# replicas have equal labels: one tuple for all of them
_SHARED: dict[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]] = {}


def labels_of(labels: Object | None) -> tuple[tuple[str, str], ...]:
    """Labels or a selector, sorted."""
    found = tuple(sorted(map(_safe_label, (labels or {}).items())))
    if len(_SHARED) > 50_000:
        _SHARED.clear()
    return _SHARED.setdefault(found, found)


def _safe_label(label: tuple[str, Any]) -> tuple[str, str]:
    return sanitize(label[0], 320), sanitize(label[1], 64)


def port_number(value: object) -> int:
    """A port's number; 0 where it is none."""
    return value if isinstance(value, int) and 0 < value < 65_536 else 0


def container_port(port: Object, field: str) -> ContainerPort:
    return ContainerPort(
        text_at(port, "name", 63),
        port_number(port.get(field)),
        sanitize(port.get("protocol") or "TCP", 8),
        port_number(port.get("hostPort")),
        text_at(port, "hostIP", 64),
    )


def address_text(text: object) -> str:
    return canonical(sanitize(text or "", 64))


def checked_address(text: object) -> str:
    """'' for none; ValueError for what is not an address: by what it is reached is not known."""
    found = address_text(text)
    if found and not is_address(found):
        raise ValueError(f"{found} is not an address")
    return found


def checked_ranges(texts: Iterable[object] | None) -> tuple[str, ...]:
    """ValueError where one of them is no range."""
    found = ranges_of(texts)
    for text in found:
        ip_network(text, strict=False)
    return found


def addresses_of(texts: Iterable[object] | None) -> tuple[str, ...]:
    """Those of some texts that are addresses: status may hold anything."""
    return tuple(filter(is_address, map(address_text, texts or ())))


def ranges_of(texts: Iterable[object] | None) -> tuple[str, ...]:
    """With white space around them, as an API server accepts them."""
    found = (unpadded(sanitize(text or "", 80).strip()) for text in texts or ())
    return tuple(filter(None, found))
