"""`ss` and /proc text into rows: real lines, odd lines, any lines."""

import re

from hypothesis import given, settings, strategies as st

from collectors.sockets import procfs, ss
from collectors.sockets.rows import SocketRow, trouble
from collectors.sockets.ss import FEW

ESTAB = (
    "ESTAB 0 120 10.244.1.6:43210 10.96.181.95:80 timer:(on,204ms,2) cubic wscale:7,7 rto:408 backoff:1 rtt:0.2/0.1 "
    "mss:1398 pmtu:1450 rcvmss:536 advmss:1398 cwnd:1 ssthresh:7 bytes_sent:240 bytes_retrans:120 segs_out:4 "
    "send 55920000bps lastsnd:100 pacing_rate 111.8Mbps delivery_rate 1.5Mbps delivered:2 app_limited busy:300ms "
    "rwnd_limited:200ms(66.7%) unacked:1 retrans:1/2 lost:1 rcv_space:14480 notsent:80 minrtt:0.05"
)


def test_a_real_line_with_everything() -> None:
    row = ss.parse_line(ESTAB, "tcp")
    assert row == SocketRow(
        "tcp",
        "ESTAB",
        "10.244.1.6",
        43210,
        "10.96.181.95",
        80,
        0,
        120,
        "on",
        2,
        0.2,
        0.1,
        0.05,
        408.0,
        1,
        1398,
        1450,
        1,
        1,
        1,
        2,
        1,
        1.5e6,
        66.7,
        None,
        True,
        80,
        0,
        0,
    )


def test_two_line_output_of_an_old_iproute2_is_joined() -> None:
    text = "ESTAB 0 0 10.0.0.1:1 10.0.0.2:2 \n\t cubic rtt:1.5/0.7 cwnd:10\nLISTEN 0 128 0.0.0.0:80 0.0.0.0:*\n"
    first, second = ss.parse(text, "tcp")
    assert (first.rtt, first.cwnd) == (1.5, 10)
    assert (second.state, second.peer_port, second.send_q) == ("LISTEN", 0, 128)


def test_ipv6_and_scoped_addresses() -> None:
    row = ss.parse_line("ESTAB 0 0 [fe80::1%eth0]:22 [2001:db8::2]:50000", "tcp")
    assert row is not None
    assert (row.local, row.peer, row.peer_port) == ("fe80::1%eth0", "2001:db8::2", 50000)


MORE = [
    *ESTAB.split(" cubic ")[1].split(" send ")[0].split(),
    "pacing_rate 111.8Mbps",
    "send 55920000bps",
    "delivery_rate 1.5Mbps",
    "app_limited",
    "busy:300ms",
    "rwnd_limited:200ms(66.7%)",
    "sndbuf_limited:3ms(1.0%)",
    "unacked:1",
    "retrans:1/2",
    "lost:1",
    "rcv_rtt:1.2",
    "notsent:80",
    "minrtt:0.05",
    "bytes_acked:240",
    "bytes_received:9",
    "bbr:(bw:0bps,mrtt:0.008)",
    "odd:1",
    "rto:1e+06",
    "rtt:x",
    "cwnd:-1",
    "bbr",
    "bbr2",
    "mss:1.5",
    "rtt:1.2.3/4",
    "count:9",
    "v6:[::1]:9",
    "ts",
    "snd_wnd:65536",
    "timer:(persist,1min2sec,9)",
]


ENDS = [
    "10.244.1.6:43210",
    "[fe80::1%eth0]:80",
    "[::ffff:10.0.0.1]:443",
    "127.0.0.53%lo:53",
    "*:*",
    "[2001:db8::a]:9",
    "x:y",
]


@settings(deadline=None)  # a machine may be busy
@given(
    st.lists(st.lists(st.sampled_from(MORE), max_size=14), min_size=1, max_size=3),
    st.sampled_from(("ESTAB", "SYN-SENT", "TIME-WAIT", "NONE")),
    st.sampled_from(ENDS),
    st.sampled_from(ENDS),
    st.data(),
)
def test_column_by_column_and_name_by_name_read_the_same(
    shapes: list[list[str]], state: str, local: str, peer: str, data: st.DataObject
) -> None:
    """In any order, with anything missing or odd, and any digits."""
    lines = []
    for fields in shapes:
        usual = f"{state} 0 120 {local} {peer} {' '.join(fields)}"
        lines += [
            re.sub("[0-9]+", lambda _: str(data.draw(numbers)), usual) for _ in range(FEW + 2)
        ]
    data.draw(st.randoms()).shuffle(lines)
    alone = [row for line in lines if (row := ss.parse_line(line, "tcp")) is not None]
    assert list(ss.parse("\n".join(lines), "tcp")) == alone


numbers = st.one_of(st.integers(0, 99_999), st.integers(0, 10**19))


def test_a_text_that_is_cut_into_pieces_is_whole() -> None:
    lines = [
        f"ESTAB 0 {n} 10.0.0.1:{n} [2001:db8::{n:x}]:80 cubic rtt:{n}.5/1 cwnd:{n}"
        for n in range(4_000)
    ]
    text = "\n".join(lines)
    assert len(text) > 2 * ss.AT_ONCE
    assert list(ss.parse(text, "tcp")) == [ss.parse_line(line, "tcp") for line in lines]


@given(st.text(max_size=300))
def test_no_text_breaks_ss(text: str) -> None:
    ss.parse(text, "tcp")
    ss.parse_line(f"ESTAB 0 0 1.1.1.1:1 2.2.2.2:2 {text}", "tcp")


@given(st.text(max_size=300))
def test_no_text_breaks_proc(text: str) -> None:
    procfs.parse(text, "tcp")
    procfs.parse("header\n" + text, "tcp")


def test_a_real_line_of_proc_net_tcp() -> None:
    text = (
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt\n"
        "   0: 0601F40A:A8CA 5FB5600A:0050 02 00000001:00000000 01:00000064 00000003 0 0 1 2 0 0\n"
    )
    (row,) = procfs.parse(text, "tcp")
    assert (row.local, row.local_port, row.peer, row.peer_port) == (
        "10.244.1.6",
        43210,
        "10.96.181.95",
        80,
    )
    assert (row.state, row.timer, row.timer_retries, row.send_q) == ("SYN-SENT", "on", 3, 1)


def test_trouble_is_named() -> None:
    base = {"protocol": "tcp", "local": "a", "local_port": 1, "peer": "b", "peer_port": 2}
    assert trouble(SocketRow(state="SYN-SENT", timer_retries=1, **base)) == "SYN unanswered"  # type: ignore[arg-type]
    assert trouble(SocketRow(state="LISTEN", recv_q=129, send_q=128, **base)) == "accept queue full"  # type: ignore[arg-type]
    assert trouble(SocketRow(state="LISTEN", recv_q=128, send_q=128, **base)) == ""  # type: ignore[arg-type]
    assert trouble(SocketRow(state="ESTAB", backoff=2, unacked=1, **base)) == "peer silent"  # type: ignore[arg-type]
    assert trouble(SocketRow(state="ESTAB", **base)) == ""  # type: ignore[arg-type]
