"""The user and capabilities that a container of the lab gets, and the command prefix that gives
exactly those.

Default set: containerd pkg/oci/spec.go, as measured on a real node (CapEff a80425fb).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

CONTAINERD_DEFAULT = (
    "CHOWN",
    "DAC_OVERRIDE",
    "FSETID",
    "FOWNER",
    "MKNOD",
    "NET_RAW",
    "SETGID",
    "SETUID",
    "SETFCAP",
    "SETPCAP",
    "NET_BIND_SERVICE",
    "SYS_CHROOT",
    "KILL",
    "AUDIT_WRITE",
)
INHERITED = ("runAsUser", "runAsGroup", "runAsNonRoot", "seccompProfile")
Context = Mapping[str, Any]


def effective(pod_spec: Mapping[str, Any], container: Mapping[str, Any]) -> dict[str, Any]:
    """The container's securityContext with what it leaves to the pod's filled in, field by
    field."""
    pod = pod_spec.get("securityContext") or {}
    own = container.get("securityContext") or {}
    inherited = {key: pod[key] for key in INHERITED if key in pod}
    return {**inherited, **{key: value for key, value in own.items() if value is not None}}


def capabilities_of(security_context: Context) -> tuple[str, ...]:
    """The capability names (without CAP_) that this securityContext leaves, sorted; `ALL` for a
    privileged one."""
    add = _named(security_context, "add")
    if security_context.get("privileged") or "ALL" in add:
        return ("ALL",)
    return tuple(sorted(_kept(security_context) | add))


def _kept(security_context: Context) -> set[str]:
    """Of those that containerd gives every container."""
    drop = _named(security_context, "drop")
    return set() if "ALL" in drop else set(CONTAINERD_DEFAULT) - drop


def _named(security_context: Context, change: str) -> set[str]:
    names = (security_context.get("capabilities") or {}).get(change) or ()
    return set(map(_bare_name, names))


def _bare_name(capability: object) -> str:
    return str(capability).upper().removeprefix("CAP_")


def refusal(context: Mapping[str, Any], image_user: int, where: str) -> str:
    """Why the kubelet will not start such a container (runAsNonRoot); empty where it will."""
    if not context.get("runAsNonRoot"):
        return ""
    if context.get("runAsUser") == 0:
        return f"container's runAsUser breaks non-root policy ({where})"
    if "runAsUser" not in context and image_user == 0:
        return f"container has runAsNonRoot and image will run as root ({where})"
    return ""


def confine(context: Context, image_user: int = 0) -> list[str]:
    """A `setpriv` prefix: run what follows with exactly the container's user, capabilities and
    no-new-privileges."""
    user, wanted = int(context.get("runAsUser", image_user)), _wanted(context)
    options = _as_root(context, user, wanted) if os.getuid() == 0 else _as_user(user, wanted)
    if context.get("allowPrivilegeEscalation") is False:
        options.append("--no-new-privs")
    return ["setpriv", *options, "--"]


def _wanted(context: Context) -> str:
    """Its capabilities as setpriv reads them."""
    names = capabilities_of(context)
    if names == ("ALL",):
        return "+all"
    return ",".join(["-all", *(f"+{name.lower()}" for name in names)])


def _as_root(context: Context, user: int, wanted: str) -> list[str]:
    """Where the lab itself runs as root, uid 0 gets them through the bounding set, and another uid
    has them in its bounding set only, as under containerd."""
    options = [f"--bounding-set={wanted}", "--inh-caps=-all"]
    group = int(context.get("runAsGroup") or 0)
    return options + _identity(user, group) if user or group else options


def _identity(user: int, group: int) -> list[str]:
    return [f"--reuid={user}", f"--regid={group}", "--clear-groups"]


def _as_user(user: int, wanted: str) -> list[str]:
    """In an ordinary user's namespace only that user's id exists: there a container of root gets
    them as ambient capabilities, and one of another user none."""
    held = "-all" if user else wanted
    return [f"--inh-caps={held}", f"--ambient-caps={held}", f"--bounding-set={wanted}"]
