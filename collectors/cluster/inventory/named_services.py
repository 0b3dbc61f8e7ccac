"""Services that a pod is configured to ask: names of the cluster in its commands, arguments and
environment. Other values of the environment are not kept.

Form of the names: https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from collectors.cluster.api.fields import list_at
from collectors.cluster.inventory.object_fields import Object
from collectors.sanitize import sanitize

MOST = 20  # Services a pod
LONGEST = 4_096  # characters of a value that are looked at
LABEL = r"[a-z0-9-]{1,63}"
NAME = re.compile(rf"(?<![\w.-])(?:{LABEL}\.)?({LABEL})\.({LABEL})\.svc(?![\w-])")


def named_services(containers: Iterable[Object]) -> tuple[str, ...]:
    """As namespace/name, each once, in the order in which they are written."""
    found = dict.fromkeys(one for text in _texts(containers) for one in _services(text))
    return tuple(found)[:MOST]


def _services(text: str) -> Iterator[str]:
    for name, namespace in NAME.findall(text[:LONGEST]):
        yield sanitize(f"{namespace}/{name}", 130)


def _texts(containers: Iterable[Object]) -> Iterator[str]:
    for container in containers:
        values = (*list_at(container, "command"), *list_at(container, "args"))
        variables = (one.get("value") for one in list_at(container, "env"))
        yield from (value for value in (*values, *variables) if isinstance(value, str))
