"""Addresses that are no one end's: loopback, unspecified, multicast, broadcast, link-local.

Sources: RFC 6890 (registries of special-purpose addresses), RFC 4291 (IPv4-mapped addresses), ip(7)
(INADDR_ANY as a destination is loopback).
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

Address = IPv4Address | IPv6Address
BROADCAST = ip_address("255.255.255.255")
METADATA = tuple(map(ip_address, ("169.254.169.254", "fd00:ec2::254", "169.254.170.2")))
NO_GROUP_OF = ("TCP", "SCTP")  # that have no connections with a group


def canonical(text: str) -> str:
    """As the kernel reads it: an IPv4-mapped address is IPv4, and the zone of an IPv6 address is
    left out."""
    found = ip_address(text)
    if isinstance(found, IPv6Address):
        found = found.ipv4_mapped or ip_address(text.partition("%")[0])
    return str(found)


def is_own(address: str) -> bool:
    """Whether as a destination it is the network namespace of the source itself."""
    found = ip_address(address)
    return found.is_loopback or found.is_unspecified


def own_reason(address: str) -> str:
    reason = "loopback is never policed: it is the network namespace of the source itself"
    if ip_address(address).is_unspecified:
        return f"as a destination it is loopback to the kernel; {reason}"
    return reason


def group_of(address: str) -> str:
    """`multicast` or `broadcast`, '' for an address of one end."""
    found = ip_address(address)
    if found.is_multicast:
        return "multicast"
    return "broadcast" if found == BROADCAST else ""


def why_no_source(address: str) -> str:
    """Why no connection comes from an address; '' where it may."""
    found = ip_address(address)
    if found.is_loopback:
        return "loopback, which each host has for itself: name the pod or the node that it is on"
    if found.is_unspecified:
        return "no address of any host: give one, such as 203.0.113.9 for a client outside"
    if group := group_of(address):
        return f"a {group} address, from which nothing is sent: name the pod or the node"
    return ""


def note(address: str) -> str:
    """What is to be said of a destination beside what policies say; '' for nothing."""
    found = ip_address(address)
    if found in METADATA:
        return (
            "the metadata service of clouds: policies are not all that decides (an agent of the "
            "node may answer instead, a hop limit of 1 drops answers to pods)"
        )
    if found.is_link_local:
        return "link-local: it goes no further than the link, so that only the node answers"
    return ""


def may_be_nodes(address: str) -> str:
    """Why an address that is in no list may be a node's."""
    if ip_address(address).is_link_local:
        return f"{address} is link-local: it may be the node's own"
    return ""
