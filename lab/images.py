"""Which container images the lab can "pull", what they run by default and which commands are in
them.

Nothing is downloaded: an image is a name for what the machine has. Distroless images have no
command to exec; netshoot has everything that this machine has; every other name fails to be pulled,
as on a cluster without Internet access.
"""

from __future__ import annotations

import shutil
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

    `workload`: the entry point is lab/workload.py.
    """

    name: str
    commands: frozenset[str] | None = frozenset()
    default: tuple[str, ...] = ()
    workload: bool = False
    user: int = 0
    full_name: str = field(default="")

    @property
    def id(self) -> str:
        return f"sha256:{sha256(self.name.encode()).hexdigest()}"

    def has(self, command: str) -> bool:
        name = command.rpartition("/")[2]
        if self.commands is not None and name not in self.commands:
            return False
        return shutil.which(command) is not None


APP = "registry.lab/app:1"
SHELL_APP = "registry.lab/shell-app:1"
PAUSE = "registry.k8s.io/pause:3.10"
KNOWN = {
    APP: Image(APP, workload=True),
    SHELL_APP: Image(SHELL_APP, SHELL, workload=True),
    PAUSE: Image(PAUSE, default=("sleep", "infinity")),
}
GENERAL = {"netshoot": None, "busybox": SHELL, "alpine": SHELL, "debian": SHELL, "ubuntu": SHELL}


def find(name: str) -> Image | None:
    """The image of that name, or None where it cannot be pulled."""
    if name in KNOWN:
        return KNOWN[name]
    last = name.partition("@")[0].rpartition("/")[2].partition(":")[0]
    if last not in GENERAL or _unreachable(name) or _foreign(name):
        return None
    return Image(name, GENERAL[last], ("sh",), full_name=_full(name))


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
    host, _, rest = full.partition("/")
    path, _, tag = rest.rpartition(":")
    if _foreign(name):
        return (
            f'failed to pull and unpack image "{full}": no match for platform in manifest: '
            "not found"
        )
    start = f'failed to pull and unpack image "{full}": failed to resolve image: '
    if _unreachable(name) and not host.endswith(".invalid"):
        port = host.partition(":")[2] or "443"
        address = f"127.0.0.1:{port}"
        return start + (
            f'failed to do request: Head "https://{host}/v2/{path}/manifests/{tag}": dial tcp '
            f"{address}: "
            "connect: connection refused"
        )
    if host == "docker.io":
        return start + f"{full}: not found"
    return start + (
        f'failed to do request: Head "https://{host}/v2/{path}/manifests/{tag}": dial tcp: lookup '
        f"{host.partition(':')[0]} on 10.0.77.1:53: no such host"
    )
