"""PodSecurity admission: the checks of the baseline and restricted levels, in the words of a real
API server.

Checks and their order: k8s.io/pod-security-admission/policy (baseline ones first, after them those
of restricted).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sized

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
ALLOWED_ADD = "NET_BIND_SERVICE"  # what the restricted level lets a container add
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
Capabilities = Callable[[Object], set[str]]  # of a security context
DROP_ALL = 'securityContext.capabilities.drop=["ALL"]'
SECCOMP_ALLOWED = ("RuntimeDefault", "Localhost")


CONTAINER_LISTS = ("initContainers", "containers", "ephemeralContainers")
SECCOMP_WANTED = 'securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'


def containers_of(spec: Object) -> list[Object]:
    return [c for key in CONTAINER_LISTS for c in spec.get(key) or ()]


def _context(item: Object) -> Object:
    """The security context of a container, or of a pod's spec."""
    return item.get("securityContext") or {}


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{n}"' for n in names)


def _plural(names: list[str], word: str = "container") -> str:
    return f"{_noun(word, names)} {_quoted(names)}"


def _noun(word: str, of: Sized) -> str:
    return f"{word}s" if len(of) > 1 else word


def _bad(spec: Object, test: Callable[[Object], object]) -> list[str]:
    return [one["name"] for one in containers_of(spec) if test(_context(one))]


def _added(context: Object) -> list[str]:
    return _capabilities(context, "add")


def host_namespaces(spec: Object) -> str:
    found = [f"{k}=true" for k in ("hostNetwork", "hostPID", "hostIPC") if spec.get(k)]
    return f"host namespaces ({', '.join(found)})" if found else ""


def host_paths(spec: Object) -> str:
    names = [v["name"] for v in spec.get("volumes") or () if "hostPath" in v]
    return f"hostPath volumes ({_plural(names, 'volume')})" if names else ""


def host_ports(spec: Object) -> str:
    found = {one["name"]: _host_ports(one) for one in containers_of(spec)}
    names = [name for name, ports in found.items() if ports]
    return f"hostPort ({_plural(names)} {_uses_ports(names, found)})" if names else ""


def _uses_ports(names: list[str], found: dict[str, list[int]]) -> str:
    ports = sorted(set().union(*found.values()))
    return f"{_verb('use', names)} {_noun('hostPort', ports)} {', '.join(map(str, ports))}"


def _host_ports(container: Object) -> list[int]:
    return [p["hostPort"] for p in container.get("ports") or () if p.get("hostPort")]


def _verb(word: str, subjects: list[str]) -> str:
    """`use` of several, `uses` of one."""
    return word if len(subjects) > 1 else f"{word}s"


def privileged(spec: Object) -> str:
    names = _bad(spec, lambda c: bool(c.get("privileged")))
    return (
        f"privileged ({_plural(names)} must not set securityContext.privileged=true)"
        if names
        else ""
    )


def baseline_capabilities(spec: Object) -> str:
    names = _bad(spec, _beyond_baseline)
    wrong = _quoted(sorted(_all_of(spec, _beyond_baseline)))
    said = f"{_plural(names)} must not include {wrong} in securityContext.capabilities.add"
    return f"non-default capabilities ({said})" if names else ""


def _all_of(spec: Object, wrong: Capabilities) -> set[str]:
    """What is wrong with any of the containers."""
    return {name for one in containers_of(spec) for name in wrong(_context(one))}


def _beyond_baseline(context: Object) -> set[str]:
    return set(_added(context)) - BASELINE_CAPABILITIES


def seccomp_baseline(spec: Object) -> str:
    who = _pod_and_containers(spec, _is_unconfined)
    said = f'{who} must not set securityContext.seccompProfile.type to "Unconfined"'
    return f"seccompProfile ({said})" if who else ""


def _pod_and_containers(spec: Object, test: Callable[[Object], bool]) -> str:
    """Who has such a security context: `pod and container "x"`; empty for nobody."""
    pod = ["pod"] if test(_context(spec)) else []
    names = _bad(spec, test)
    return " and ".join([*pod, _plural(names)] if names else pod)


def _seccomp_type(context: Object) -> str | None:
    found: str | None = (context.get("seccompProfile") or {}).get("type")
    return found


def _is_unconfined(context: Object) -> bool:
    return _seccomp_type(context) == "Unconfined"


def proc_mount(spec: Object) -> str:
    names = _bad(spec, lambda c: c.get("procMount", "Default") != "Default")
    return (
        f'procMount ({_plural(names)} must not set securityContext.procMount to "Unmasked")'
        if names
        else ""
    )


def sysctls(spec: Object) -> str:
    found = [one["name"] for one in _context(spec).get("sysctls") or ()]
    unsafe = ", ".join(name for name in found if name not in SAFE_SYSCTLS)
    return f"forbidden sysctls ({unsafe})" if unsafe else ""


def escalation(spec: Object) -> str:
    names = _bad(spec, lambda c: c.get("allowPrivilegeEscalation") is not False)
    said = f"{_plural(names)} must set securityContext.allowPrivilegeEscalation=false"
    return f"allowPrivilegeEscalation != false ({said})" if names else ""


def restricted_capabilities(spec: Object) -> str:
    said = list(filter(None, (_not_dropping_all(spec), _beyond_restricted(spec))))
    return f"unrestricted capabilities ({'; '.join(said)})" if said else ""


def _not_dropping_all(spec: Object) -> str:
    names = _bad(spec, lambda context: "ALL" not in _capabilities(context, "drop"))
    return f"{_plural(names)} must set {DROP_ALL}" if names else ""


def _capabilities(context: Object, change: str) -> list[str]:
    """Those that a container adds, or drops."""
    return list((context.get("capabilities") or {}).get(change) or ())


def _beyond_restricted(spec: Object) -> str:
    names = _bad(spec, _refused)
    wrong = _quoted(sorted(_all_of(spec, _refused)))
    said = f"must not include {wrong} in securityContext.capabilities.add"
    return f"{_plural(names)} {said}" if names else ""


def _refused(context: Object) -> set[str]:
    """Capabilities that the restricted level does not let a container add."""
    return set(_added(context)) - {ALLOWED_ADD}


def volumes(spec: Object) -> str:
    found = {one["name"]: _bad_kinds(one) for one in spec.get("volumes") or ()}
    names = [name for name, kinds in found.items() for _ in kinds]
    kinds = sorted(set().union(*found.values()))
    uses = f"{_verb('use', names)} restricted volume {_plural(kinds, 'type')}"
    return f"restricted volume types ({_plural(names, 'volume')} {uses})" if names else ""


def _bad_kinds(volume: Object) -> list[str]:
    return [k for k in volume if k != "name" and k not in RESTRICTED_VOLUMES]


def non_root(spec: Object) -> str:
    if wrong := _bad(spec, lambda context: context.get("runAsNonRoot") is False):
        said = f"{_plural(wrong)} must not set securityContext.runAsNonRoot=false"
        return f"runAsNonRoot != true ({said})"
    return "" if _context(spec).get("runAsNonRoot") else _unset_non_root(spec)


def _unset_non_root(spec: Object) -> str:
    unset = _bad(spec, lambda context: context.get("runAsNonRoot") is None)
    said = f"pod or {_plural(unset)} must set securityContext.runAsNonRoot=true"
    return f"runAsNonRoot != true ({said})" if unset else ""


def as_user(spec: Object) -> str:
    who = _pod_and_containers(spec, _is_root)
    return f"runAsUser=0 ({who} must not set runAsUser=0)" if who else ""


def _is_root(context: Object) -> bool:
    return context.get("runAsUser") == 0


def seccomp_restricted(spec: Object) -> str:
    pod = _seccomp_type(_context(spec))
    names = _bad(spec, lambda context: (_seccomp_type(context) or pod) not in SECCOMP_ALLOWED)
    said = f"pod or {_plural(names)} must set {SECCOMP_WANTED}"
    return f"seccompProfile ({said})" if names else ""


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
