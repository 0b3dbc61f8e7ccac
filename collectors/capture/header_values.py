"""Numbers in headers that every packet is asked for; links, tunnels and layers have the others."""

from __future__ import annotations

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR, NS = (1 << bit for bit in range(9))
# A sequence number is ahead of another where it is at most this far behind it, modulo 2^32
# (RFC 9293 3.4)
MASK, AHEAD = 0xFFFFFFFF, 0x7FFFFFFF
TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58
# link types (tcpdump.org/linktypes.html)
ETHERNET, LINUX_SLL, IPV4_ONLY, IPV6_ONLY, LINUX_SLL2 = 1, 113, 228, 229, 276
OUTGOING = 4  # packet type in the header of a cooked capture
RAW_TYPES = (101, 12, 14, IPV4_ONLY, IPV6_ONLY)
VXLAN_PORTS = (4789, 8472)  # 8472: Linux's default, used by flannel and Cilium
VXLAN_GPE_PORT, GENEVE_PORT, MPLS_PORT = 4790, 6081, 6635
TUNNEL_PORTS = frozenset((*VXLAN_PORTS, VXLAN_GPE_PORT, GENEVE_PORT, MPLS_PORT))
