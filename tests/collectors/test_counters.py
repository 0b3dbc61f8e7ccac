"""The table of counters, against the counters of this machine's kernel."""

from pathlib import Path

from collectors.kernel import procfs
from collectors.kernel.counters import COUNTERS, describe


def test_the_table_knows_what_the_kernel_counts() -> None:
    """At least nine in ten of the TCP and IP counters of this kernel have a meaning."""
    text = Path("/proc/net/snmp").read_text()
    names = [
        n
        for n in procfs.snmp(text)
        if n.startswith(("Tcp", "Ip", "Udp")) and not n.startswith("UdpLite")
    ]
    skipped = (
        "TcpRtoAlgorithm",
        "TcpRtoMin",
        "TcpRtoMax",
        "TcpMaxConn",
        "IpForwarding",
        "IpDefaultTTL",
        "UdpIgnoredMulti",
    )
    unknown = [n for n in names if n not in COUNTERS and n not in skipped]
    assert len(unknown) <= len(names) / 10, unknown
    assert describe("conntrack_max").scope == "global"
    assert describe("softnet_dropped").scope == "node"
    assert describe("NeverHeardOf").meaning
