"""/proc parsers, the sampler's frames, rates: real text, any text, resets and gaps."""

from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from collectors.kernel import procfs, sampler
from collectors.kernel.counters import COUNTERS, describe

CONNTRACK = (
    "entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  "
    "expect_new expect_create expect_delete search_restart\n"
    "000017ac  00000001 00000002 0 0000000a 0 0 0 0 00000003 000000ff 00000010 0 0 0 0 00000007\n"
    "000017ac  00000000 00000001 0 00000000 0 0 0 0 00000000 00000001 00000000 0 0 0 0 00000000\n"
)


def test_conntrack_rows_are_summed_but_not_the_repeated_total() -> None:
    values = procfs.conntrack(CONNTRACK)
    assert values["conntrack_drop"] == 256
    assert values["conntrack_insert_failed"] == 3
    assert values["conntrack_found"] == 3
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


# --- frames


FRAME = b"\x1eframe 0\n\x1euptime\n12.50\n\x1enetns\nnet:[42]\n\x1efiles\n==> /proc/net/snmp <==\nTcp: RetransSegs\nTcp: 7\n\x1eend\n"


@given(st.lists(st.integers(1, 40), max_size=20))
def test_frames_come_out_of_any_pieces(sizes: list[int]) -> None:
    reader, frames, stream = sampler.FrameReader(), [], FRAME * 3
    while stream:
        size = sizes.pop() if sizes else len(stream)
        frames += list(reader.feed(stream[:size]))
        stream = stream[size:]
    assert len(frames) == 3
    found = sampler.sample(frames[0], "pod/a/b", 1.0)
    assert (found.clock, found.netns, found.values) == (12.5, "net:[42]", {"TcpRetransSegs": 7})
    assert "/proc/net/netstat" in found.missing


@given(st.binary(max_size=300))
def test_no_output_breaks_the_frame_reader(data: bytes) -> None:
    for frame in sampler.FrameReader().feed(data + b"\x1eend\n"):
        try:
            list(sampler.events(frame, "x", 0.0))
        except sampler.SamplerError as error:
            assert str(error)


def test_settings_go_on_until_they_are_read_again() -> None:
    def frame(kind: str, text: str) -> sampler.SamplerFrame:
        raw = f"\x1eframe 0\n\x1euptime\n1\n\x1enetns\nn\n\x1e{kind}\n{text}\x1eend\n".encode()
        (found,) = sampler.FrameReader().feed(raw)
        return found

    limit = "==> /proc/sys/net/netfilter/nf_conntrack_max <==\n{}\n\n"
    count = "==> /proc/sys/net/netfilter/nf_conntrack_count <==\n7\n"
    settings: procfs.Values = {}
    first = sampler.sample(frame("all files", limit.format(100) + count), "x", 0, settings)
    second = sampler.sample(frame("files", count), "x", 1, settings)
    third = sampler.sample(frame("all files", limit.format(200) + count), "x", 2, settings)
    gone = sampler.sample(frame("all files", count), "x", 3, settings)
    limits = [s.values.get("conntrack_max") for s in (first, second, third, gone)]
    assert limits == [100, 100, 200, None] and second.values["conntrack_count"] == 7
    assert "/proc/net/snmp" in second.missing and not any(
        "sys/net/core" in path for path in second.missing
    )


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


def test_one_sample_costs_little_where_it_is_taken() -> None:
    """Few processes a tick: on a node of many pods each is felt. tail, readlink, two ss, sleep."""
    assert "cat " not in sampler.PROGRAM, "one process reads all files of a tick"
