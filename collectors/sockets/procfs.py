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
    little_endian = [raw[i : i + 4] for i in range(0, len(raw), 4)]  # 32-bit words
    words = b"".join(word[::-1] for word in little_endian)
    return str(ipaddress.ip_address(words)), int(port, 16)


def _row(line: str, protocol: str) -> SocketRow | None:
    fields = line.split()
    try:
        local, local_port = _endpoint(fields[1])
        peer, peer_port = _endpoint(fields[2])
        send_q, recv_q = (int(part, 16) for part in fields[4].split(":"))
        return SocketRow(
            protocol=protocol,
            state=STATES[int(fields[3], 16)],
            local=local,
            local_port=local_port,
            peer=peer,
            peer_port=peer_port,
            recv_q=recv_q,
            send_q=send_q,
            timer=TIMERS.get(int(fields[5].split(":")[0], 16), ""),
            timer_retries=int(fields[6], 16),
        )
    except (ValueError, IndexError, KeyError):
        return None


def parse(text: str, protocol: str) -> tuple[SocketRow, ...]:
    rows = (_row(line, protocol) for line in text.splitlines()[1:])
    return tuple(filter(None, rows))
