"""The line of ss as iproute2 5 and 6 write it (misc/ss.c, tcp_stats_print), as one pattern: field after field in their
order, twice as fast as name by name. A line that is otherwise is in the last group, to be read name by name."""

from __future__ import annotations

import re


def _skipped(*names: str) -> str:
    return "".join(rf"(?:{name}:\S++ ++)?+" for name in names)


def _count(name: str) -> str:
    return rf"(?:{name}:(\d++) ++)?+"


def _decimal(name: str) -> str:
    return rf"(?:{name}:(\d++(?:\.\d++)?+) ++)?+"


def _share(name: str) -> str:
    """`busy` time that was limited: `200ms(66.7%)`."""
    return rf"(?:{name}:\d++ms\((\d++(?:\.\d++)?+)%\) ++)?+"


_HEAD = r"([A-Z][A-Z0-9-]*+) ++(\d++) ++(\d++) ++(\S*):(\d++|\*) ++(\S*):(\d++|\*) ++"
_TIMER = r"(?:timer:\(([a-z]\w*+),[^,)\s]*+,(\d++)\) ++)?+"
_WORDS = r"(?:[a-z]\w*+(?= ) ++)*+"  # ts, sack, the congestion control
_RTT = r"(?:rtt:(\d++(?:\.\d++)?+)/(\d++(?:\.\d++)?+) ++)?+"
_RATE = r"(?:delivery_rate (\d++(?:\.\d++)?+)([KMGT]?+)bps ++)?+"

USUAL = re.compile(
    "(?:" + _HEAD + _TIMER + _WORDS + _skipped("wscale") + _decimal("rto") + _count("backoff") + _RTT
    + _skipped("ato", "qack") + r"(?:bidir ++)?+" + _count("mss") + _count("pmtu") + _skipped("rcvmss", "advmss")
    + _count("cwnd") + _skipped("ssthresh", "bytes_sent", "bytes_retrans") + _count("bytes_acked")
    + _count("bytes_received") + _skipped("segs_out", "segs_in", "data_segs_out", "data_segs_in", "bbr", "dctcp")
    + r"(?:send \S++ ++)?+" + _skipped("lastsnd", "lastrcv", "lastack") + r"(?:pacing_rate \S++ ++)?+" + _RATE
    + _skipped("delivered", "delivered_ce") + r"(app_limited ++)?+" + _skipped("busy") + _share("rwnd_limited")
    + _share("sndbuf_limited") + _count("unacked") + r"(?:retrans:(\d++)/(\d++) ++)?+" + _count("lost")
    + _skipped("sacked", "dsack_dups", "fackets", "reordering", "reord_seen", "rcv_rtt", "rcv_space", "rcv_ssthresh")
    + _count("notsent") + _decimal("minrtt") + _skipped("rcv_ooopack", "snd_wnd") + r"|(.++))$",
    re.ASCII,
)  # fmt: skip
