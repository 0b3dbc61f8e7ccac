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


def effective(pod_spec: Mapping[str, Any], container: Mapping[str, Any]) -> dict[str, Any]:
    """The container's securityContext with what it leaves to the pod's filled in, field by
    field."""
    pod = pod_spec.get("securityContext") or {}
    own = container.get("securityContext") or {}
    return {
        **{k: pod[k] for k in INHERITED if k in pod},
        **{k: v for k, v in own.items() if v is not None},
    }


def capabilities_of(security_context: Mapping[str, Any]) -> tuple[str, ...]:
    """The capability names (without CAP_) that this securityContext leaves, sorted; `ALL` for a
    privileged one."""
    fields = security_context.get("capabilities") or {}
    drop = {str(c).upper().removeprefix("CAP_") for c in fields.get("drop") or ()}
    add = {str(c).upper().removeprefix("CAP_") for c in fields.get("add") or ()}
    if security_context.get("privileged") or "ALL" in add:
        return ("ALL",)
    kept = set() if "ALL" in drop else set(CONTAINERD_DEFAULT) - drop
    return tuple(sorted(kept | add))


def refusal(context: Mapping[str, Any], image_user: int, where: str) -> str:
    """Why the kubelet will not start such a container (runAsNonRoot); empty where it will."""
    if not context.get("runAsNonRoot"):
        return ""
    if context.get("runAsUser") == 0:
        return f"container's runAsUser breaks non-root policy ({where})"
    if "runAsUser" not in context and image_user == 0:
        return f"container has runAsNonRoot and image will run as root ({where})"
    return ""


def confine(context: Mapping[str, Any], image_user: int = 0) -> list[str]:
    """A `setpriv` prefix: run what follows with exactly the container's user, capabilities and
    no-new-privileges.

    Where the lab itself runs as root, uid 0 gets them through the bounding set, and another uid has
    them in its bounding set only, as under containerd. In an ordinary user's namespace only that
    user's id exists: there a container of root gets them as ambient capabilities, and one of
    another user none.
    """
    names = capabilities_of(context)
    wanted = (
        "+all" if names == ("ALL",) else "-all" + "".join(f",+{name.lower()}" for name in names)
    )
    user = int(context.get("runAsUser", image_user))
    prefix = ["setpriv"]
    if os.getuid() == 0:
        prefix += [f"--bounding-set={wanted}", "--inh-caps=-all"]
        if user or context.get("runAsGroup"):
            prefix += [
                f"--reuid={user}",
                f"--regid={int(context.get('runAsGroup', 0))}",
                "--clear-groups",
            ]
    else:
        held = "-all" if user else wanted
        prefix += [f"--inh-caps={held}", f"--ambient-caps={held}", f"--bounding-set={wanted}"]
    if context.get("allowPrivilegeEscalation") is False:
        prefix.append("--no-new-privs")
    return [*prefix, "--"]
