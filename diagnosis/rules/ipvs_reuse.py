"""IPVS delays or resets connections that reuse a source port within TIME_WAIT.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Evidence, Finding
from diagnosis.rule import Rule
from diagnosis.rules._packet_filters import counts, kernel_version
from diagnosis.snapshot import Snapshot, TargetView

UNKNOWN = (0, 0)
FIXED_IN = (5, 9)  # kubernetes#93297: from here on conn_reuse_mode 1 costs nothing
FIX = """# /etc/sysctl.d/99-k8s-networking.conf
# a reused port goes to the same server as before
net.ipv4.vs.conn_reuse_mode = 0
"""
RULE = Rule(
    id="ipvs_reuse",
    title="IPVS delays by 1 s, or resets, a connection whose source port was used a moment ago",
    scope="node",
    stage="cause",
    inputs=("packet filter", "sysctls", "links"),
    symptoms=("slow", "reset", "load"),
    screen="node",
    criterion="kernels before 5.9 with conn_reuse_mode 1 (kubernetes#81775, #93297)",
    false_friends=("no client reuses its ports within 2 minutes",),
    fix=FIX,
    fix_kind="sysctl",
    verify="ipvsadm -Lnc shows no TIME_WAIT that is used again",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for host in snapshot.hosts:
        servers = _virtual_servers(host)
        kernel = _kernel(snapshot, host)
        if servers and _delays(host, kernel):
            yield _finding(host, servers, kernel)


def _virtual_servers(host: TargetView) -> int:
    return sum(row.services for row in counts(host, "ipvs"))


def _kernel(snapshot: Snapshot, host: TargetView) -> str:
    """The kernel release that the node reports, else its Node object; '' if neither is known."""
    return host.kernel or next((row.kernel for row in snapshot.nodes if row.name == host.node), "")


def _delays(host: TargetView, kernel: str) -> bool:
    reuses = host.sysctl("net.ipv4.vs.conn_reuse_mode") == 1
    return reuses and UNKNOWN < kernel_version(kernel) < FIXED_IN


def _finding(host: TargetView, servers: int, kernel: str) -> Finding:
    return RULE.finding(
        subject=host.subject,
        evidence=_evidence(host, servers, kernel),
    )


def _evidence(host: TargetView, servers: int, kernel: str) -> Iterator[Evidence]:
    yield host.fact("net.ipv4.vs.conn_reuse_mode = 1", "sysctl")
    yield host.fact(f"kernel {kernel}", "uname -r")
    yield host.fact(f"{servers:,} virtual servers", "/proc/net/ip_vs")
