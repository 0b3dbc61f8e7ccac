"""Parsers of /proc files: real text, any text."""

from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from collectors.kernel import procfs
from collectors.kernel.counters import describe

CONNTRACK = (
    "entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  "
    "expect_new expect_create expect_delete search_restart\n"
    "000017ac  00000001 00000002 0 0000000a 0 0 00000005 0 00000003 000000ff 00000010 0 0 0 0 00000007\n"
    "000017ac  00000000 00000001 0 00000000 0 0 0 0 00000000 00000001 00000000 0 0 0 0 00000000\n"
)


def test_conntrack_rows_are_summed_but_not_the_repeated_total() -> None:
    values = procfs.conntrack(CONNTRACK)
    assert values["conntrack_drop"] == 256
    assert values["conntrack_insert_failed"] == 3
    assert values["conntrack_found"] == 3
    assert values["conntrack_chaintoolong"] == 5
    assert "conntrack_entries" not in values


def test_both_formats_of_the_conntrack_tool() -> None:
    own = "cpu=0 found=1 invalid=2 insert=0 insert_failed=3 drop=4 early_drop=5 error=6 search_restart=7\n"
    fallback = "entries=9 clashres=1 found=1 new=0 invalid=2 ignore=0 insert=0 insert_failed=3 drop=4 early_drop=5 icmp_error=6\n"
    assert procfs.conntrack_tool(own)["conntrack_drop"] == 4
    assert procfs.conntrack_tool(own + own)["conntrack_error"] == 12
    assert procfs.conntrack_tool(fallback)["conntrack_error"] == 6
    assert procfs.conntrack_tool(fallback)["conntrack_clash_resolve"] == 1


def test_softnet_of_old_and_new_kernels() -> None:
    old = "0000000a 00000002 00000001 0 0 0 0 0 0 0 0\n"
    new = "0000000a 00000002 00000001 0 0 0 0 0 0 0 00000004 00000000 00000000 00000000 00000000\n"
    sums = {name: value for name, value in procfs.softnet(old).items() if "/" not in name}
    assert sums == {
        "softnet_processed": 10,
        "softnet_dropped": 2,
        "softnet_time_squeeze": 1,
        "softnet_flow_limit": 0,
    }
    assert procfs.softnet(old + old)["softnet/1/dropped"] == 2, (
        "without a column for it, the row is the CPU"
    )
    third = new.replace(
        "00000000 00000000 00000000 00000000", "00000000 00000003 00000000 00000000"
    )
    assert procfs.softnet(third)["softnet/3/flow_limit"] == 4
    assert procfs.softnet(new + new)["softnet_flow_limit"] == 8


def test_interface_names_with_colons_and_markup() -> None:
    text = "head\nhead\n  eth0:1: 100 2 0 1 0 0 0 0 50 3 0 4 0 0 0 0\n lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n"
    values = procfs.dev(text)
    assert values["dev/eth0:1/rx_drop"] == 1
    assert values["dev/eth0:1/tx_drop"] == 4
    assert not any(name.startswith("dev/lo") for name in values)


@pytest.mark.parametrize("path", procfs.FILES)
def test_this_machines_own_files(path: str) -> None:
    """Every file that exists here is understood (at least one value)."""
    try:
        text = Path(path).read_text()
    except OSError:
        pytest.skip(f"{path} is not here")
    values = procfs.FILES[path](text)
    assert values or path.endswith(("dev", "arp_cache"))
    assert all(value >= 0 or name.startswith("TcpMaxConn") for name, value in values.items())


@given(st.sampled_from(sorted(procfs.FILES)), st.text(max_size=400))
def test_no_text_breaks_a_parser(path: str, text: str) -> None:
    procfs.FILES[path](text)
    procfs.conntrack_tool(text)


def test_pressure_cpus_and_ipv6() -> None:
    psi = "some avg10=0.00 avg60=0.00 avg300=0.00 total=123\nfull avg10=0.00 total=7\nodd\n"
    assert procfs.pressure("cpu")(psi) == {"psi_cpu_some": 123, "psi_cpu_full": 7}
    stat = "cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 0 0 2 0 0 3 4 0 0\ncpufreq 1\nintr 5\n"
    values = procfs.cpu(stat)
    assert values["cpu_total"] == 36 and values["cpu/0/softirq"] == 3 and values["cpu/0/steal"] == 4
    assert describe("cpu/0/steal").trouble and describe("cpu/0/steal").scope == "node"
    assert procfs.snmp6("Ip6InReceives   \t5\nIp6OutNoRoutes 2\nIcmp6InType135 9\nbad\n") == {
        "Ip6InReceives": 5,
        "Ip6OutNoRoutes": 2,
    }
    assert procfs.port_range("32768\t60999\n") == {
        "port_range_low": 32768,
        "port_range_high": 60999,
    }
    assert procfs.port_range("x") == {}
