"""What people write for an end and its port, as text: a URL, address:port, [v6]:port, svc/x:80.

Ports of URLs: the registry of service names (IANA), by scheme.
"""

from __future__ import annotations

import re
from ipaddress import ip_network
from urllib.parse import SplitResult, urlsplit

from collectors.address_text import is_address
from collectors.frozen import frozen

SCHEMES = {
    "http": "80",
    "https": "443",
    "ws": "80",
    "wss": "443",
    "postgres": "5432",
    "postgresql": "5432",
    "mysql": "3306",
    "mongodb": "27017",
    "redis": "6379",
    "rediss": "6379",
    "amqp": "5672",
    "amqps": "5671",
    "nats": "4222",
    "ldap": "389",
    "ldaps": "636",
    "ssh": "22",
}
PROTOCOLS = ("TCP", "UDP", "SCTP")
FORMS = (
    "NAMESPACE/NAME, pod/NAME, deploy/NAME or svc/NAME with -n NAMESPACE, node/NAME, or an address"
)
PORT_NAME = re.compile(r"(?=.*[a-z])[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?")
NO_PORT = "--port is missing: write --port 80/TCP, or the port with the destination, as in {}:80."


class Unknown(Exception):
    """An end that is not there, or that is not understood; the message says which, and the form
    that would be."""


@frozen
class AskedPort:
    """A number, or the name of a port; of a name `protocol` may be '', the port's own. `text` is
    how it is shown."""

    port: str
    protocol: str

    @property
    def text(self) -> str:
        return f"{self.port}/{self.protocol}" if self.protocol else self.port


def asked_port(text: str, where: str = "") -> AskedPort:
    """`80`, `80/TCP`, `http`, `53/udp`. `where` it was written, --port by default."""
    where = where or f"--port {text!r}"
    port, slash, protocol = text.strip().partition("/")
    protocol = protocol.upper() if slash else "TCP"
    if protocol not in PROTOCOLS:
        raise Unknown(f"{where}: {protocol!r} is not a protocol; write it as 80/TCP, 53/UDP.")
    if not (port.isdecimal() and port.isascii()):
        if not PORT_NAME.fullmatch(port):
            raise Unknown(f"{where} is neither a number nor a port's name: write 80 or 80/TCP.")
        return AskedPort(port, protocol if slash else "")
    if not 0 < int(port.lstrip("0")[:9] or "0") < 65_536:
        raise Unknown(f"{where}: a port is a number from 1 to 65535.")
    return AskedPort(port.lstrip("0"), protocol)


@frozen
class WrittenEnd:
    """`plain` is the end without what surrounds it, `port` what it says of its port, '' for
    nothing; `protocol` whether that is more than a number."""

    text: str
    plain: str
    port: str = ""

    @property
    def asked(self) -> AskedPort | None:
        return asked_port(self.port, f"the port of {self.text!r}") if self.port else None


def written_end(text: str) -> WrittenEnd:
    """Without brackets, a URL's scheme and path, a /32 and a port. Unknown for what is no end."""
    written = text.strip()
    if "://" in written:
        return _of_url(written)
    if written.startswith("["):
        return _bracketed(written)
    host, slash, _ = written.partition("/")
    if slash and is_address(host):
        return WrittenEnd(written, _single_address(written))
    host, colon, port = written.rpartition(":")
    if not colon or is_address(written):
        return WrittenEnd(written, written)
    if not host or ":" in host:
        raise Unknown(f"{written!r} is not understood: write {FORMS}.")
    return WrittenEnd(written, host, port)


def port_of(end: WrittenEnd, asked: str | None) -> AskedPort:
    """What --port says, or the destination itself. Unknown where they differ, or neither does."""
    given, own = asked_port(asked) if asked else None, end.asked
    if given is None and own is None:
        raise Unknown(NO_PORT.format(end.plain or "svc/NAME"))
    if given is None or own is None:
        return own or given or AskedPort("", "")
    check_port(end, given.port)
    if "/" not in (asked or ""):
        return own if own.port == given.port else given
    if own.protocol != given.protocol and "/" in end.port:
        raise Unknown(f"{end.text!r} is of {own.protocol}, and --port says {asked}.")
    return given


def check_port(end: WrittenEnd, port: str) -> None:
    """Unknown where an end says another port than `port`, '' for none."""
    own = end.asked
    if own is None or own.port == port or (port and not port.isdecimal()):
        return
    if not port:
        raise Unknown(f"{end.text!r} has a port in it: write {end.plain} and --port {own.port}.")
    raise Unknown(
        f"{end.text!r} is of port {own.port}, and --port says {port}: give --port {own.port}."
    )


def check_source(end: WrittenEnd) -> None:
    """Unknown for a source with a port: it is any."""
    if end.port:
        raise Unknown(f"{end.text!r}: a connection comes from any port: write {end.plain}.")


def _of_url(text: str) -> WrittenEnd:
    url, number = _url(text)
    host = url.hostname if url else ""
    if url is None or not host:
        raise Unknown(f"{text!r} is not a URL with a host: write {FORMS}.")
    protocol = url.scheme.upper() if url.scheme.upper() in PROTOCOLS else ""
    port = str(number) if number else SCHEMES.get(url.scheme, "")
    return WrittenEnd(text, host, f"{port}/{protocol}" if port and protocol else port)


def _url(text: str) -> tuple[SplitResult | None, int | None]:
    try:
        url = urlsplit(text)
        return url, url.port
    except ValueError:
        return None, None


def _bracketed(text: str) -> WrittenEnd:
    inner, closed, rest = text[1:].partition("]")
    if not closed or not is_address(inner) or (rest and not rest.startswith(":")):
        raise Unknown(
            f"{text!r} is not an address in brackets: write [2001:db8::1] or [2001:db8::1]:80."
        )
    return WrittenEnd(text, inner, rest.removeprefix(":"))


def _single_address(text: str) -> str:
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise Unknown(f"{text!r} is not an address: write one without a prefix length.") from None
    if network.num_addresses > 1:
        first = text.partition("/")[0]
        example = network[1] if first == str(network.network_address) else first
        raise Unknown(
            f"{text!r} is a range of addresses, which may differ from one to the next: "
            f"give one of them, such as {example}."
        )
    return str(network.network_address)
