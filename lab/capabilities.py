"""Which capabilities a container of the lab gets, and the command prefix that gives exactly those.

Default set: containerd pkg/oci/spec.go, as measured on a real node (CapEff a80425fb).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

CONTAINERD_DEFAULT = (
    "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP",
    "SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
)  # fmt: skip


def capabilities_of(security_context: Mapping[str, Any]) -> tuple[str, ...]:
    """The capability names (without CAP_) that this securityContext leaves, sorted."""
    fields = security_context.get("capabilities") or {}
    drop = {str(c).upper().removeprefix("CAP_") for c in fields.get("drop") or ()}
    add = {str(c).upper().removeprefix("CAP_") for c in fields.get("add") or ()}
    kept = set() if "ALL" in drop else set(CONTAINERD_DEFAULT) - drop
    return tuple(sorted(kept | add))


def confine(security_context: Mapping[str, Any]) -> list[str]:
    """A `setpriv` prefix: run what follows with exactly the container's capabilities.

    Where the lab itself runs as root, uid 0 gets them through the bounding set. In an ordinary user's
    namespace only that user's id exists, so they are passed on as ambient capabilities instead.
    """
    names = ",".join(f"+{name.lower()}" for name in capabilities_of(security_context))
    wanted = "-all" + (f",{names}" if names else "")
    if os.getuid() == 0:
        prefix = ["setpriv", f"--bounding-set={wanted}", "--inh-caps=-all"]
    else:
        prefix = [
            "setpriv", f"--inh-caps={wanted}", f"--ambient-caps={wanted}", f"--bounding-set={wanted}",
        ]  # fmt: skip
    if security_context.get("allowPrivilegeEscalation") is False:
        prefix.append("--no-new-privs")
    return [*prefix, "--"]
