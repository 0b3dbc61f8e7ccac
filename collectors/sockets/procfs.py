"""/proc/net/tcp and /proc/net/udp as socket rows: what is left where the image has no `ss`."""

from __future__ import annotations

import ipaddress

from collectors.sockets.rows import SocketRow

STATES = {
    1: "ESTAB",
    2: "SYN-SENT",
    3: "SYN-RECV",
    4: "FIN-WAIT-1",
    5: "FIN-WAIT-2",
    6: "TIME-WAIT",
    7: "UNCONN",
    8: "CLOSE-WAIT",
    9: "LAST-ACK",
    10: "LISTEN",
    11: "CLOSING",
    12: "SYN-RECV",
}
TIMERS = {0: "", 1: "on", 2: "keepalive", 3: "timewait", 4: "persist"}


def _endpoint(text: str) -> tuple[str, int]:
    address, port = text.split(":")
    raw = bytes.fromhex(address)
    words = b"".join(
        raw[i : i + 4][::-1] for i in range(0, len(raw), 4)
    )  # little-endian 32-bit words
    return str(ipaddress.ip_address(words)), int(port, 16)


def _row(line: str, protocol: str) -> SocketRow | None:
    fields = line.split()
    try:
        local, local_port = _endpoint(fields[1])
        peer, peer_port = _endpoint(fields[2])
        send_q, recv_q = (int(part, 16) for part in fields[4].split(":"))
        timer = TIMERS.get(int(fields[5].split(":")[0], 16), "")
        state, retries = STATES[int(fields[3], 16)], int(fields[6], 16)
    except (ValueError, IndexError, KeyError):
        return None
    return SocketRow(
        protocol, state, local, local_port, peer, peer_port, recv_q, send_q, timer, retries
    )


def parse(text: str, protocol: str) -> tuple[SocketRow, ...]:
    rows = (_row(line, protocol) for line in text.splitlines()[1:])
    return tuple(row for row in rows if row is not None)
