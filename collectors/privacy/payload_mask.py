"""What stays of a TCP payload in a masked capture: the names of who was asked, masked, and how it
was answered. Of TLS the ClientHello's form with its server name (RFC 8446, 6066) and an alert in
the clear, of HTTP/1 (RFC 9112) method, version and Host, or the status. All else goes."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address

MaskName = Callable[[str], str]  # as long as what it is given
HANDSHAKE, ALERT, CLIENT_HELLO = 22, 21, 1
SERVER_NAME, ALPN, VERSIONS = 0, 16, 43
PUBLIC_PROTOCOLS = frozenset(  # of ALPN, as IANA and meshes name them
    (
        *(b"http/0.9", b"http/1.0", b"http/1.1", b"spdy/1", b"spdy/2", b"spdy/3", b"h2", b"h2c"),
        *(b"h3", b"grpc-exp", b"dot", b"doq", b"ftp", b"imap", b"pop3", b"mqtt", b"postgresql"),
        *(b"istio", b"istio-peer-exchange", b"istio-http/1.0", b"istio-http/1.1", b"istio-h2"),
    )
)
RANDOM_AT, RANDOM = 11, 32  # behind the headers of record and handshake, and the version
REQUEST = re.compile(rb"(GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH) /([^ \r\n]*) HTTP/1\.[01]\r\n")
HOST = re.compile(rb"\r\n(?i:host):[ \t]*([^\s:/]+|\[[0-9a-fA-F:.]+\])(:\d{1,5})?[ \t]*\r\n")
STATUS = re.compile(rb"HTTP/1\.[01] [1-5]\d\d ")


class PayloadMask:
    """`hosts`: those that were asked for, as they were."""

    def __init__(self, mask_name: MaskName) -> None:
        self._mask_name = mask_name
        self.hosts: list[str] = []

    def apply(self, data: bytearray, at: int, end: int) -> int:
        """Mask what is at `at`; how far of it stays."""
        piece = bytes(data[at:end])
        kept = self._of_tls(piece) or self._of_http(piece)
        data[at : at + len(kept)] = kept
        return at + len(kept)

    def _of_http(self, piece: bytes) -> bytes:
        if (status := STATUS.match(piece)) is not None:
            return status[0]
        if (request := REQUEST.match(piece)) is None:
            return b""
        begin, end = request.span(2)
        line = piece[:begin] + b"x" * (end - begin) + piece[end : request.end()]
        host = HOST.search(piece, request.end() - 2)
        return line if host is None else line + self._headers(piece, request.end(), host)

    def _headers(self, piece: bytes, at: int, host: re.Match[bytes]) -> bytes:
        """The lines until that of the host, which alone can be read."""
        before = piece[at : host.start() + 2]
        others = b"".join(
            b"x:".ljust(len(line) - 2, b"x")[: len(line) - 2] + b"\r\n"
            for line in re.findall(rb".*?\r\n", before, re.DOTALL)
        )
        begin, end = host.start() + 2, host.end()
        name, last = host.span(1)
        return others + piece[begin:name] + self._host(host[1]) + piece[last:end]

    def _host(self, host: bytes) -> bytes:
        text = host.decode("latin-1")
        try:
            ip_address(text.strip("[]"))
        except ValueError:
            return self._masked(text)
        return b"x" * len(host)  # the mask of an address may be longer

    def _masked(self, text: str) -> bytes:
        self.hosts.append(text)
        masked = self._mask_name(text).encode("latin-1", "replace")
        return masked[: len(text)].ljust(len(text), b"x")

    def _of_tls(self, piece: bytes) -> bytes:
        if len(piece) < 7 or piece[1] != 3:
            return b""
        if piece[0] == ALERT and piece[3:5] == b"\0\2":
            return piece[:7]
        if piece[0] != HANDSHAKE or piece[5] != CLIENT_HELLO:
            return b""
        try:
            return bytes(self._hello(bytearray(piece)))
        except IndexError:
            return b""

    def _hello(self, hello: bytearray) -> bytearray:
        """Until its end, or the last extension that is there whole; IndexError before any."""
        hello[RANDOM_AT : RANDOM_AT + RANDOM] = bytes(RANDOM)
        place = RANDOM_AT + RANDOM
        session = hello[place]
        hello[place + 1 : place + 1 + session] = bytes(session)
        place += 1 + session
        place += 2 + _number(hello, place)  # cipher suites
        place += 1 + hello[place]  # compression
        end = min(place + 2 + _number(hello, place), 5 + _number(hello, 3), len(hello))
        place += 2
        while place + 4 <= end:
            after = place + 4 + _number(hello, place + 2)
            if after > end:
                break
            self._extension(hello, place, after)
            place = after
        return hello[:place]

    def _extension(self, hello: bytearray, place: int, after: int) -> None:
        kind, begin = _number(hello, place), place + 4
        if kind == SERVER_NAME and after - begin >= 5:
            size = _number(hello, begin + 3)
            name = hello[begin + 5 : after].decode("latin-1")
            if len(name) == size:
                hello[begin + 5 : after] = self._masked(name)
                return
        if kind == ALPN:
            hello[begin:after] = _public_protocols(hello[begin:after])
        elif kind != VERSIONS:
            hello[begin:after] = bytes(after - begin)


def _number(data: bytearray, place: int) -> int:
    return data[place] << 8 | data[place + 1]


def _public_protocols(value: bytearray) -> bytearray:
    """The list of ALPN (RFC 7301); those that are somebody's own are `x`."""
    place = 2
    while place < len(value):
        end = place + 1 + value[place]
        if bytes(value[place + 1 : end]) not in PUBLIC_PROTOCOLS:
            value[place + 1 : end] = b"x" * (min(end, len(value)) - place - 1)
        place = end
    return value
