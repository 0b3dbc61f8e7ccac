"""PodSecurity admission: the checks of the baseline and restricted levels, in the words of a real
API server.

Checks and their order: k8s.io/pod-security-admission/policy (baseline ones first, after them those
of restricted).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lab.api.store import Object

ENFORCE = "pod-security.kubernetes.io/enforce"
BASELINE_CAPABILITIES = frozenset(
    (
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    )
)
RESTRICTED_VOLUMES = frozenset(
    (
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    )
)
SAFE_SYSCTLS = frozenset(
    (
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.ping_group_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_wmem",
    )
)
Check = Callable[[Object], str]


def containers_of(spec: Object) -> list[Object]:
    return [
        c
        for key in ("initContainers", "containers", "ephemeralContainers")
        for c in spec.get(key) or ()
    ]


def _context(container: Object) -> Object:
    return container.get("securityContext") or {}


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{n}"' for n in names)


def _plural(names: list[str], word: str = "container") -> str:
    return f"{word}{'s' if len(names) > 1 else ''} {_quoted(names)}"


def _bad(spec: Object, test: Callable[[Object], bool]) -> list[str]:
    return [c["name"] for c in containers_of(spec) if test(_context(c))]


def _added(context: Object) -> list[str]:
    return list((context.get("capabilities") or {}).get("add") or ())


def host_namespaces(spec: Object) -> str:
    found = [f"{k}=true" for k in ("hostNetwork", "hostPID", "hostIPC") if spec.get(k)]
    return f"host namespaces ({', '.join(found)})" if found else ""


def host_paths(spec: Object) -> str:
    names = [v["name"] for v in spec.get("volumes") or () if "hostPath" in v]
    return f"hostPath volumes ({_plural(names, 'volume')})" if names else ""


def host_ports(spec: Object) -> str:
    found = [
        (c["name"], p["hostPort"])
        for c in containers_of(spec)
        for p in c.get("ports") or ()
        if p.get("hostPort")
    ]
    if not found:
        return ""
    names = list(dict.fromkeys(name for name, _ in found))
    ports = ", ".join(str(p) for p in sorted({port for _, port in found}))
    uses = f"{'use' if len(names) > 1 else 'uses'} hostPort{'s' if ',' in ports else ''}"
    return f"hostPort ({_plural(names)} {uses} {ports})"


def privileged(spec: Object) -> str:
    names = _bad(spec, lambda c: bool(c.get("privileged")))
    return (
        f"privileged ({_plural(names)} must not set securityContext.privileged=true)"
        if names
        else ""
    )


def baseline_capabilities(spec: Object) -> str:
    found = {
        c["name"]: [a for a in _added(_context(c)) if a not in BASELINE_CAPABILITIES]
        for c in containers_of(spec)
    }
    names = [name for name, added in found.items() if added]
    if not names:
        return ""
    wrong = sorted({a for added in found.values() for a in added})
    said = f"{_plural(names)} must not include {_quoted(wrong)} in securityContext.capabilities.add"
    return f"non-default capabilities ({said})"


def seccomp_baseline(spec: Object) -> str:
    def unconfined(context: Object) -> bool:
        return (context.get("seccompProfile") or {}).get("type") == "Unconfined"

    who = (["pod"] if unconfined(spec.get("securityContext") or {}) else []) + (
        [_plural(names)] if (names := _bad(spec, unconfined)) else []
    )
    said = " and ".join(who)
    return (
        f'seccompProfile ({said} must not set securityContext.seccompProfile.type to "Unconfined")'
        if who
        else ""
    )


def proc_mount(spec: Object) -> str:
    names = _bad(spec, lambda c: c.get("procMount", "Default") != "Default")
    return (
        f'procMount ({_plural(names)} must not set securityContext.procMount to "Unmasked")'
        if names
        else ""
    )


def sysctls(spec: Object) -> str:
    names = [
        s["name"]
        for s in (spec.get("securityContext") or {}).get("sysctls") or ()
        if s["name"] not in SAFE_SYSCTLS
    ]
    return f"forbidden sysctls ({', '.join(names)})" if names else ""


def escalation(spec: Object) -> str:
    names = _bad(spec, lambda c: c.get("allowPrivilegeEscalation") is not False)
    said = f"{_plural(names)} must set securityContext.allowPrivilegeEscalation=false"
    return f"allowPrivilegeEscalation != false ({said})" if names else ""


def restricted_capabilities(spec: Object) -> str:
    keeping = _bad(spec, lambda c: "ALL" not in ((c.get("capabilities") or {}).get("drop") or ()))
    adding = _bad(spec, lambda c: any(a != "NET_BIND_SERVICE" for a in _added(c)))
    said = []
    if keeping:
        said.append(f'{_plural(keeping)} must set securityContext.capabilities.drop=["ALL"]')
    if adding:
        every = {
            a for c in containers_of(spec) for a in _added(_context(c)) if a != "NET_BIND_SERVICE"
        }
        said.append(
            f"{_plural(adding)} must not include {_quoted(sorted(every))} in "
            "securityContext.capabilities.add"
        )
    return f"unrestricted capabilities ({'; '.join(said)})" if said else ""


def volumes(spec: Object) -> str:
    bad = [
        (v["name"], k)
        for v in spec.get("volumes") or ()
        for k in v
        if k != "name" and k not in RESTRICTED_VOLUMES
    ]
    if not bad:
        return ""
    kinds = sorted({kind for _, kind in bad})
    uses = (
        f"{'use' if len(bad) > 1 else 'uses'} restricted volume "
        f"type{'s' if len(kinds) > 1 else ''} {_quoted(kinds)}"
    )
    return f"restricted volume types ({_plural([name for name, _ in bad], 'volume')} {uses})"


def non_root(spec: Object) -> str:
    pod = (spec.get("securityContext") or {}).get("runAsNonRoot")
    unset = _bad(spec, lambda c: c.get("runAsNonRoot") is None) if not pod else []
    wrong = _bad(spec, lambda c: c.get("runAsNonRoot") is False)
    if wrong:
        return (
            f"runAsNonRoot != true ({_plural(wrong)} must not set "
            "securityContext.runAsNonRoot=false)"
        )
    if unset:
        return (
            f"runAsNonRoot != true (pod or {_plural(unset)} must set "
            "securityContext.runAsNonRoot=true)"
        )
    return ""


def as_user(spec: Object) -> str:
    who = ["pod"] if (spec.get("securityContext") or {}).get("runAsUser") == 0 else []
    names = _bad(spec, lambda c: c.get("runAsUser") == 0)
    who += [_plural(names)] if names else []
    return f"runAsUser=0 ({' and '.join(who)} must not set runAsUser=0)" if who else ""


def seccomp_restricted(spec: Object) -> str:
    allowed = ("RuntimeDefault", "Localhost")
    pod = ((spec.get("securityContext") or {}).get("seccompProfile") or {}).get("type")
    names = _bad(
        spec, lambda c: ((c.get("seccompProfile") or {}).get("type") or pod) not in allowed
    )
    if not names:
        return ""
    said = 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
    return f"seccompProfile (pod or {_plural(names)} {said})"


BASELINE: tuple[Check, ...] = (
    host_namespaces,
    host_paths,
    host_ports,
    privileged,
    proc_mount,
    sysctls,
)
LEVELS: dict[str, tuple[Check, ...]] = {
    "privileged": (),
    "baseline": (baseline_capabilities, *BASELINE, seccomp_baseline),
    "restricted": (
        *BASELINE,
        escalation,
        restricted_capabilities,
        volumes,
        non_root,
        as_user,
        seccomp_restricted,
    ),
}


def violation(level: str, spec: Object) -> str:
    """Why a pod spec is refused at that level; empty where it is not."""
    said = [text for check in LEVELS.get(level, ()) if (text := check(spec))]
    return f'violates PodSecurity "{level}:latest": {", ".join(said)}' if said else ""
