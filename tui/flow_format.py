"""Ends, addresses and durations of flows as text."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address

from collectors.capture.direction import Direction
from collectors.capture.tcp import TcpFlow
from collectors.capture.udp import UdpDirection, UdpFlow
from tui import format as fmt

Flow = TcpFlow | UdpFlow
Names = Mapping[str, str]


def address(packed: bytes) -> str:
    return str(ip_address(packed))


def named(packed: bytes, names: Names) -> str:
    text = address(packed)
    return names.get(text, text)


def end(side: Direction | UdpDirection, names: Names) -> str:
    return f"{named(side.address, names)}:{side.port}"


def ms(ns: float | None) -> str:
    return fmt.NONE if not ns else fmt.milliseconds(ns / 1e6)
