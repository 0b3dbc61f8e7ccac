"""Names by the form in which a text has them: hosts in URLs and behind `user@`, host names by how
they end, homes of users. What is found once is a known name in every other text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from collectors.privacy.name_mask import KEPT_NAMES, LAST_PARTS

PUBLIC = (  # whose names are in what podwire itself says
    *("k8s.io", "kubernetes.io", "projectcalico.org", "cilium.io", "istio.io", "linkerd.io"),
    *("antrea.io", "openshift.io", "kernel.org", "ietf.org", "github.com", "docker.io", "cncf.io"),
)
COMMON_LABELS = frozenset(  # of hosts: alone they name nobody
    (
        *("example", "test", "invalid", "local", "localdomain", "localhost", "internal", "intern"),
        *("cluster", "compute", "corp", "home", "info", "cloud", "registry", "mail", "node"),
        *("nodes", "service", "services", "proxy", "cache", "server", "client", "http", "https"),
        *("arpa", "in-addr", "system"),
    )
)
SHORTEST_LABEL = 4  # characters
GENERATED = "bcdfghjklmnpqrstvwxz2456789"  # what Kubernetes makes suffixes of
SUFFIX = re.compile(rf"-(?:[{GENERATED}]{{8,10}}-)?([{GENERATED}]{{5}})$")
NO_SUFFIXES = frozenset(("https", "grpcs"))
OF_CLUSTER = re.compile(r"(?i)\.(?:svc|pod)(?:\.|$)")
HOST = r"[^\W_][\w.-]*"
ARN = re.compile(  # before the account, the account, the kind (where there is one), the resource
    r"(arn:[\w-]+:[\w-]*:[\w-]*:)(?:(\d+)(:(?:[\w-]+[/:])?)|()(:))(.*)", re.DOTALL
)
OF_GKE = re.compile(r"gke_([^_]+)_[^_]+_([^_]+)")  # a context: project, zone, cluster
ESCAPE = re.compile(r"%([2-6][0-9A-Fa-f]|7[0-9A-Ea-e])")
NAME_FORMS = (
    r"(?P<arn>(?<![\w:-])arn:[\w-]+:[\w-]*:[\w-]*:\d*:[\w/.:@+=,-]+)",
    r"(?P<user>[^\W_][\w.+-]*(?=@(?!sha(?:256|512):)[^\W\d_]))",
    rf"(?P<at>(?<=@)(?!sha(?:256|512):)(?=[^\W\d_]){HOST})",
    rf"(?P<url>(?<=://)(?!\d+(?:\.\d+){{3}}(?![\w.-]))(?![\w.+%-]*(?::[^/\s@]*)?@){HOST})",
    r"(?P<home>(?:(?<=/home/)|(?<=/Users/)|(?<=\\Users\\))[^\W_][\w.-]*)",
    rf"(?P<host>(?<![\w.-])(?:[\w-]+\.)+(?:{'|'.join(sorted(LAST_PARTS))}|local|svc)(?![\w-]))",
)
FORMS = re.compile("|".join(NAME_FORMS))


def without_escapes(text: str) -> str:
    """With the characters that `%2D` and the like in a URL stand for."""
    return ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)


def arn_parts(name: str) -> tuple[str, str, str, str]:
    """Of a resource's name in AWS: before the account, the account, the kind, the resource."""
    match = ARN.fullmatch(name)
    before, account, kind, _, colon, what = (
        match.groups("") if match else ("", "", "", "", "", name)
    )
    return before, account, kind or colon, what


def is_public(host: str) -> bool:
    return host.lower().rstrip(".").endswith(PUBLIC)


def names_in(text: str) -> Iterator[str]:
    """By their form, as they are."""
    for match in FORMS.finditer(without_escapes(text)):
        name = match[0].rstrip(".-")
        if not is_public(name):
            yield name


def parts_of(name: str) -> Iterator[str]:
    """What of a name is a name as well: user and host, a host's labels, a pod's suffix, the account
    and the cluster of a context."""
    if name.startswith("arn:"):
        _, account, _, what = arn_parts(name)
        yield account
        yield what
    elif (of_gke := OF_GKE.fullmatch(name)) is not None:
        yield from of_gke.groups()
    elif "@" in name:
        for part in name.split("@"):
            yield part
            yield from parts_of(part)
    elif "." in name and not is_public(name):
        yield from _labels_of(name)
    elif (match := SUFFIX.search(name)) is not None and match[1] not in NO_SUFFIXES:
        yield match[1]


def _labels_of(host: str) -> Iterator[str]:
    labels = host.split(".")
    if OF_CLUSTER.search(host):
        yield from (label for label in labels[:2] if label.lower() not in ("svc", "pod"))
        return
    for label in labels[: -1 if labels[-1].lower() in LAST_PARTS else None]:
        plain = label.lower()
        is_common = plain.isdigit() or plain in COMMON_LABELS or plain in KEPT_NAMES
        if len(plain) >= SHORTEST_LABEL and not is_common:
            yield label
