"""What people type for an end with its port: understood, or refused with the form that would be."""

from __future__ import annotations

import pytest

from diagnosis.reachability.written_ends import (
    AskedPort,
    Unknown,
    asked_port,
    check_source,
    port_of,
    written_end,
)


@pytest.mark.parametrize(
    ("text", "port", "protocol"),
    [
        ("80", "80", "TCP"),
        ("53/udp", "53", "UDP"),
        ("http", "http", ""),
        ("http/tcp", "http", "TCP"),
        ("080", "80", "TCP"),
    ],
)
def test_ports(text: str, port: str, protocol: str) -> None:
    asked = asked_port(text)
    assert (asked.port, asked.protocol) == (port, protocol)


@pytest.mark.parametrize(
    "text", ["0", "65536", "80/HTTP", "", "80/", "a_b", "1-2", "-1", "٣", "8080x/"]
)
def test_what_is_no_port(text: str) -> None:
    with pytest.raises(Unknown, match="--port"):
        asked_port(text)


@pytest.mark.parametrize(
    ("text", "plain", "port"),
    [
        ("http://db.shop/x", "db.shop", "80/TCP"),
        ("https://db.shop:8443/x?y", "db.shop", "8443/TCP"),
        ("postgres://user:word@db.shop/name", "db.shop", "5432/TCP"),
        ("udp://10.96.0.10:53", "10.96.0.10", "53/UDP"),
        ("http://[fd00::1]:8080/", "fd00::1", "8080/TCP"),
        ("[fd00::1]:53/udp", "fd00::1", "53/UDP"),
        ("10.96.0.9:80", "10.96.0.9", "80/TCP"),
        ("10.96.0.9:53/udp", "10.96.0.9", "53/UDP"),
        ("svc/db:pg", "svc/db", "pg"),
        ("shop/deploy/web:8080", "shop/deploy/web", "8080/TCP"),
        ("db.shop.svc:5432", "db.shop.svc", "5432/TCP"),
    ],
)
def test_the_destination_may_say_the_port(text: str, plain: str, port: str) -> None:
    end = written_end(text)
    assert end.plain == plain and port_of(end, None).text == port


@pytest.mark.parametrize(
    ("text", "asked", "port"),
    [
        ("svc/db", "5432", "5432/TCP"),
        ("svc/db:5432", "5432", "5432/TCP"),
        ("udp://10.96.0.10:53", "53", "53/UDP"),
        ("svc/dns:53", "53/UDP", "53/UDP"),
        ("http://db.shop/x", "web", "web"),
    ],
)
def test_both_may_say_it(text: str, asked: str, port: str) -> None:
    assert port_of(written_end(text), asked).text == port


@pytest.mark.parametrize(
    ("text", "asked", "said"),
    [
        ("svc/db", None, "--port is missing: write --port 80/TCP, or .* svc/db:80"),
        ("ftp://db.shop", None, "--port is missing"),
        ("https://db.shop", "80", "is of port 443, and --port says 80: give --port 443"),
        ("udp://10.96.0.10:53", "53/tcp", "is of UDP, and --port says 53/tcp"),
        ("svc/db:99999", None, "the port of 'svc/db:99999': a port is a number from 1"),
        ("svc/db:a_b", None, "neither a number nor a port's name"),
        ("svc/db:80/HTTP", None, "'HTTP' is not a protocol"),
        ("svc/db:", None, "--port is missing"),
        (":80", None, "is not understood"),
        ("a:b:80", None, "is not understood"),
        ("http://", "80", "is not a URL with a host"),
        ("http://[fd00::1", "80", "is not a URL with a host"),
        ("http://db:port", "80", "is not a URL with a host"),
        ("[fd00::1]/64", "80", r"write \[2001:db8::1\] or \[2001:db8::1\]:80"),
        ("fd00::/64", "80", "such as fd00::1"),
        ("10.1.2.3/8", "80", "such as 10.1.2.3"),
    ],
)
def test_what_is_refused_with_a_form(text: str, asked: str | None, said: str) -> None:
    with pytest.raises(Unknown, match=said):
        port_of(written_end(text), asked)


def test_a_source_has_any_port() -> None:
    check_source(written_end("shop/web"))
    with pytest.raises(Unknown, match="comes from any port: write shop/web"):
        check_source(written_end("shop/web:8080"))


def test_a_port_of_thousands_of_digits() -> None:
    assert asked_port("0" * 5000 + "80") == AskedPort("80", "TCP")
    with pytest.raises(Unknown):
        asked_port("1" * 5000)
