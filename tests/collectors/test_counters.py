"""The table of counters, against the counters of this machine's kernel."""

from pathlib import Path

import pytest

from collectors.kernel import procfs
from collectors.kernel.counter_table import TABLE
from collectors.kernel.counters import COUNTERS, describe
from tests.support.counter_rows import row_problems

ROWS = TABLE.strip().splitlines()
GOOD = "TcpExtListenDrops | netns | connections | ! | SYNs dropped by a listener"


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


def test_every_row_of_the_table_is_right() -> None:
    wrong = [sentence for row in ROWS for sentence in row_problems(row)]
    assert not wrong, "\n".join(wrong)
    names = [row.split(" |")[0] for row in ROWS]
    twice = sorted({name for name in names if names.count(name) > 1})
    assert not twice, f"collectors/kernel/counter_table.py has {', '.join(twice)} twice."


def test_a_good_row_is_one() -> None:
    assert not row_problems(GOOD)


@pytest.mark.parametrize(
    ("right", "mistake", "sentence"),
    [
        ("ListenDrops |", "ListenDrop |", "Is 'TcpExtListenDrops' meant?"),
        ("netns", "netnss", "the scope 'netnss' is none of netns, node, global."),
        ("netns", "node", "the scope is node, and all of /proc/net/netstat is of netns."),
        ("connections", "conections", "the unit 'conections' is none of buckets, bytes, conn"),
        ("| !", "| x", "the flag 'x' is neither ! (trouble when it moves) nor empty."),
        ("| SYNs dropped by a listener", "| ", "it has no meaning."),
        ("| ! ", "", "4 cells; there are 5: name | scope | unit | ! or nothing | meaning."),
    ],
)
def test_a_row_that_is_written_wrongly_is_said_in_a_sentence(
    right: str, mistake: str, sentence: str
) -> None:
    assert right in GOOD
    found = row_problems(GOOD.replace(right, mistake, 1))
    assert any(sentence in text for text in found), found
