"""Which container images the lab can "pull", what they run by default and which commands are in
them.

Nothing is downloaded: an image is a name for what the machine has. Distroless images have no
command to exec; netshoot has everything that this machine has; every other name fails to be pulled,
as on a cluster without Internet access.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

SHELL = frozenset(
    (
        "sh",
        "ls",
        "cat",
        "env",
        "sleep",
        "id",
        "ps",
        "wc",
        "head",
        "grep",
        "echo",
        "true",
        "false",
        "getent",
        "ip",
        "nslookup",
        "test",
        "printf",
        "kill",
    )
)


@dataclass(frozen=True, slots=True)
class Image:
    """`commands` None means every command of this machine; `default` is the CMD, which a
    container's args replace.

    `program` is the entry point, a file of lab/; `programs` are those for other first arguments.
    """

    name: str
    commands: frozenset[str] | None = frozenset()
    default: tuple[str, ...] = ()
    program: str = ""
    programs: Mapping[str, str] = field(default_factory=dict)
    user: int = 0
    full_name: str = field(default="")

    @property
    def id(self) -> str:
        return f"sha256:{sha256(self.name.encode()).hexdigest()}"

    def program_for(self, arguments: Sequence[str]) -> str:
        """The file of lab/ that runs; empty where the image has no program."""
        first = arguments[0] if arguments else ""
        return self.programs.get(first, self.program)

    def has(self, command: str) -> bool:
        """Whether the image and this machine have it."""
        name = command.rpartition("/")[2]
        known = self.commands is None or name in self.commands
        return known and shutil.which(command) is not None


UDP, DNS = "udp_workload.py", "dns_workload.py"
PROGRAMS = {"echo": UDP, "report": UDP, "dns": DNS}
APP = "registry.lab/app:1"
FAULT_APP = "registry.lab/fault-app:1"  # of pods that are there while a fault is on
NOISE = "registry.lab/noise:1"
SHELL_APP = "registry.lab/shell-app:1"
PAUSE = "registry.k8s.io/pause:3.10"
KNOWN = {
    APP: Image(APP, program="workload.py", programs=PROGRAMS),
    FAULT_APP: Image(FAULT_APP, program="fault_workload.py"),
    NOISE: Image(NOISE, program="noise_workload.py"),
    SHELL_APP: Image(SHELL_APP, SHELL, program="workload.py", programs=PROGRAMS),
    PAUSE: Image(PAUSE, default=("sleep", "infinity")),
}
GENERAL = {"netshoot": None, "busybox": SHELL, "alpine": SHELL, "debian": SHELL, "ubuntu": SHELL}


def find(name: str) -> Image | None:
    """The image of that name, or None where it cannot be pulled."""
    known = KNOWN.get(name) or _general(name)
    return None if _unreachable(name) or _foreign(name) else known


def _general(name: str) -> Image | None:
    """Of an image that the lab knows by the last part of its name, whatever its registry."""
    last = name.partition("@")[0].rpartition("/")[2].partition(":")[0]
    image = Image(name, GENERAL.get(last), ("sh",), full_name=_full(name))
    return image if last in GENERAL else None


def _registry(name: str) -> str:
    first, slash, _ = name.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else ""


def _unreachable(name: str) -> bool:
    host = _registry(name).partition(":")[0]
    return host.startswith("127.") or host in ("localhost",) or host.endswith(".invalid")


def _foreign(name: str) -> bool:
    """Whether an image, by its tag, is for another architecture than the lab's nodes."""
    return name.endswith(("-s390x", "-ppc64le"))


def _full(name: str) -> str:
    """The reference with its registry and tag: `nicolaka/netshoot` is
    docker.io/nicolaka/netshoot:latest."""
    if not _registry(name):
        name = f"docker.io/{name}" if "/" in name else f"docker.io/library/{name}"
    return name if ":" in name.rpartition("/")[2] or "@" in name else f"{name}:latest"


def pull_failure(name: str) -> str:
    """Why an image cannot be pulled, in containerd's words."""
    full = _full(name)
    failed = f'failed to pull and unpack image "{full}":'
    if _foreign(name):
        return f"{failed} no match for platform in manifest: not found"
    return f"{failed} failed to resolve image: {_resolve_failure(full)}"


def _resolve_failure(full: str) -> str:
    """Why a registry does not say what the image is."""
    host, _, rest = full.partition("/")
    if host == "docker.io":
        return f"{full}: not found"
    path, _, tag = rest.rpartition(":")
    asked = f"https://{host}/v2/{path}/manifests/{tag}"
    return f'failed to do request: Head "{asked}": dial tcp{_dial_failure(host)}'


def _dial_failure(host: str) -> str:
    name, _, port = host.partition(":")
    if _unreachable(f"{host}/") and not host.endswith(".invalid"):
        return f" 127.0.0.1:{port or '443'}: connect: connection refused"
    return f": lookup {name} on 10.0.77.1:53: no such host"
