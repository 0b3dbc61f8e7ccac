"""Which figures of a sample are kept: levels at once, rates never across a gap."""

import math

from collectors.kernel.deltas import between
from session.series import figures
from tests.support.samples import sample


def test_a_reset_or_another_namespace_gives_no_value_and_no_spike() -> None:
    first, fallen = (
        sample(10, TcpRetransSegs=500, sock_tcp_tw=3),
        sample(11, TcpRetransSegs=4, sock_tcp_tw=4),
    )
    values = figures(between(first, fallen), fallen)
    assert math.isnan(values["TcpRetransSegs"]) and math.isnan(values["=retransmits"])
    assert values["sock_tcp_tw"] == 4, "a level is known at once"
    other = sample(12, "another", TcpRetransSegs=90_000, sock_tcp_tw=9)
    levels = {"=conntrack", "=conntrack_fill", "sock_tcp_tw"}
    assert set(figures(between(fallen, other), other)) == levels
