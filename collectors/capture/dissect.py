"""A captured frame into its layers. Pure, bounded, and never raises: what is short or wrong says so
in `problem`.

The layers are functions, each of which names the next: links.py has the outermost, ethertypes.py
what follows an Ethernet type, network_layers.py IP, tunnels.py and transports.py what IP carries.
"""

from __future__ import annotations

from collectors.capture import ethertypes, links, network_layers, transports, tunnels
from collectors.capture.dissection import Dissection, Layer, Short, Wrong
from collectors.capture.layers import Frame

LAYERS: dict[str, Layer] = {
    **links.LAYERS,
    **ethertypes.LAYERS,
    **network_layers.LAYERS,
    **tunnels.LAYERS,
    **transports.LAYERS,
}


def dissect(linktype: int, data: bytes, length: int) -> Frame:
    """`data` is a frame as captured, `length` what it measured on the wire."""
    frame = Frame()
    dissection = Dissection(frame, data)
    try:
        step = links.link(dissection, linktype, 0, max(length, len(data)))
        while step is not None:
            layer, offset, left = step
            step = LAYERS[layer](dissection, offset, left)
    except Short:
        if not frame.problem:
            cut = f"cut short after {len(data)} of {length} bytes"
            frame.problem = cut if len(data) < length else "ends before its headers do"
    except Wrong as error:
        frame.problem = str(error)
    return frame
