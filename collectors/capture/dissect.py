"""A captured frame into its layers. Pure, bounded, and never raises: what is short or wrong says so in
`problem`. Each layer has a module: link_layers, ip_layers, transport_layers.
"""

from __future__ import annotations

import contextlib
import struct

from collectors.capture.ip_layers import (
    GENEVE_PORT as GENEVE_PORT,
    TUNNEL_PORTS as TUNNEL_PORTS,
    VXLAN_PORTS as VXLAN_PORTS,
)
from collectors.capture.layer_reader import MAX_DEPTH, Short, Wrong
from collectors.capture.layers import TCP, UDP, Frame, Quoted
from collectors.capture.link_layers import (
    ETHERNET as ETHERNET,
    LINUX_SLL as LINUX_SLL,
    LINUX_SLL2 as LINUX_SLL2,
    RAW_TYPES as RAW_TYPES,
    LinkLayers,
)
from collectors.capture.transport_layers import DNS_PORTS as DNS_PORTS, TransportLayers


def dissect(linktype: int, data: bytes, length: int) -> Frame:
    """`data` is a frame as captured, `length` what it measured on the wire."""
    frame = Frame()
    try:
        Dissector(frame, data, max(length, len(data))).link(linktype)
    except Short:
        if not frame.problem:
            cut = f"cut short after {len(data)} of {length} bytes"
            frame.problem = cut if len(data) < length else "ends before its headers do"
    except Wrong as error:
        frame.problem = str(error)
    return frame


class Dissector(LinkLayers, TransportLayers):
    def quoted(self, offset: int) -> Quoted | None:
        """The packet inside an ICMP error, as far as it is there; its own oddities are not this packet's."""
        inner = Frame()
        reader = Dissector(inner, self.data, self.length)
        reader.depth = MAX_DEPTH  # no tunnels: the quote is short
        with contextlib.suppress(Short, Wrong):
            reader.raw(offset)
        ip = inner.ip
        if ip is None:
            return None
        found = Quoted(ip.source, ip.destination, ip.protocol)
        head = self.data[reader.transport_at :][:8]  # RFC 792 promises no more than these
        if ip.protocol in (TCP, UDP) and not ip.fragment_offset and len(head) >= 4:
            found.source_port, found.destination_port = struct.unpack("!HH", head[:4])
            if ip.protocol == TCP and len(head) == 8:
                found.sequence = int.from_bytes(head[4:], "big")
        return found
