# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Compiled: records of a pcap stream, and the header rows of plain IPv4 and IPv6.

The same as pcap.PcapReader's loop, header_rows.plain_headers and header_row.plain_flow_key, which say
what is read and why and which runs where this module was not built. Every offset is compared with the captured size
before a byte is read.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyTypeObject
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_SET_ITEM
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memcmp, memcpy

from collectors.capture.header_row cimport HeaderRow
from collectors.capture.tunnels import TUNNEL_PORTS, VXLAN_PORTS
from collectors.packet import Packet

cdef extern from "Python.h":
    object PyType_GenericAlloc(PyTypeObject *type, Py_ssize_t items)

cdef enum:
    TCP = 6
    UDP = 17
    IPV4_UDP = 28  # bytes of both headers without options
    IPV6_UDP = 48
    ETHERNET = 1
    LINUX_SLL = 113
    LINUX_SLL2 = 276

cdef uint8_t[65536] _tunnel_kind  # of destination ports: 1 a tunnel, 2 VXLAN
for _port in TUNNEL_PORTS:
    _tunnel_kind[_port] = 1
for _port in VXLAN_PORTS:
    _tunnel_kind[_port] = 2


cdef inline uint32_t _two(const uint8_t *at) noexcept:
    return at[0] << 8 | at[1]


cdef inline uint32_t _four(const uint8_t *at) noexcept:
    return <uint32_t>at[0] << 24 | <uint32_t>at[1] << 16 | <uint32_t>at[2] << 8 | at[3]


cdef inline uint32_t _little(const uint8_t *at) noexcept:
    return <uint32_t>at[3] << 24 | <uint32_t>at[2] << 16 | <uint32_t>at[1] << 8 | at[0]


cdef inline object _slice(const uint8_t *at, Py_ssize_t size):
    return PyBytes_FromStringAndSize(<const char *>at, size)


def cut(bytes data, Py_ssize_t position, tuple layout, list found):
    """Append the whole records from `position` on to `found`. Returns the position behind them, and
    the size that a record claims if it is too large, or 0."""
    cdef const uint8_t *start = <const uint8_t *>PyBytes_AS_STRING(data)
    cdef bint big = layout[0]
    cdef int64_t fraction = layout[1], largest = layout[3]
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data), head = layout[2], end
    cdef int64_t captured, seconds, rest, length
    cdef const uint8_t *at
    cdef object packet, value
    while position + head <= size:
        at = start + position
        if big:
            seconds, rest = _four(at), _four(at + 4)
            captured, length = _four(at + 8), _four(at + 12)
        else:
            seconds, rest = _little(at), _little(at + 4)
            captured, length = _little(at + 8), _little(at + 12)
        if captured > largest:
            return position, captured
        end = position + head + captured
        if end > size:
            break
        packet = PyType_GenericAlloc(<PyTypeObject *>Packet, 3)
        value = seconds * 1_000_000_000 + rest * fraction
        Py_INCREF(value)
        PyTuple_SET_ITEM(packet, 0, value)
        value = _slice(at + head, captured)
        Py_INCREF(value)
        PyTuple_SET_ITEM(packet, 1, value)
        value = length
        Py_INCREF(value)
        PyTuple_SET_ITEM(packet, 2, value)
        found.append(packet)
        position = end
    return position, 0


cpdef HeaderRow headers(int64_t linktype, bytes data, int64_t length):
    """The row of a packet that is plain and whole; None of all others."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
    cdef const uint8_t *at = <const uint8_t *>PyBytes_AS_STRING(data)
    cdef HeaderRow row
    if linktype == ETHERNET:
        return _by_type(data, _two(at + 12), 14, length, 0) if size > 14 else None
    if linktype == LINUX_SLL2:
        row = _by_type(data, _two(at), 20, length, _four(at + 4)) if size > 20 else None
    elif linktype == LINUX_SLL:
        row = _by_type(data, _two(at + 14), 16, length, 0) if size > 16 else None
    elif linktype == 101 or linktype == 12 or linktype == 14 or linktype == 228 or linktype == 229:
        return _of_version(data, at[0] >> 4, length) if size else None
    else:
        return None
    if row is not None:
        row.network = 0  # a capture of all interfaces sees a packet in its tunnel and out of it
    return row


cdef HeaderRow _by_type(bytes data, uint32_t kind, Py_ssize_t start, int64_t length,
                        int64_t interface):
    if kind == 0x0800:
        return _ipv4(data, start, length, interface)
    return _ipv6(data, start, length, interface) if kind == 0x86DD else None


cdef HeaderRow _of_version(bytes data, int version, int64_t length):
    if version == 4:
        return _ipv4(data, 0, length, 0)
    return _ipv6(data, 0, length, 0) if version == 6 else None


cdef HeaderRow _ipv4(bytes data, Py_ssize_t start, int64_t length, int64_t interface):
    """TCP or UDP over IPv4 without options at `start`."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
    cdef const uint8_t *at = <const uint8_t *>PyBytes_AS_STRING(data) + start
    cdef HeaderRow row
    if start + IPV4_UDP > size or at[0] != 0x45 or _two(at + 6) & 0x3FFF:
        return None
    if at[9] == TCP:
        row = _tcp(data, start + 20, <int64_t>_two(at + 2) - 20, length)
    elif at[9] == UDP:
        if _tunnel_kind[_two(at + 22)] == 2:
            return _vxlan(data, start + 20, length, interface)
        row = _udp(data, start + 20, <int64_t>_two(at + 2) - 20)
    else:
        return None
    if row is not None:
        row.source, row.destination = _slice(at + 12, 4), _slice(at + 16, 4)
        row.identification, row.interface = _two(at + 4), interface
    return row


cdef HeaderRow _ipv6(bytes data, Py_ssize_t start, int64_t length, int64_t interface):
    """TCP or UDP over IPv6 without extension headers."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
    cdef const uint8_t *at = <const uint8_t *>PyBytes_AS_STRING(data) + start
    cdef HeaderRow row
    if start + IPV6_UDP > size or at[0] >> 4 != 6:
        return None
    if at[6] == TCP:
        row = _tcp(data, start + 40, _two(at + 4), length)
    elif at[6] == UDP:
        row = _udp(data, start + 40, _two(at + 4))
    else:
        return None
    if row is not None:
        row.source, row.destination = _slice(at + 8, 16), _slice(at + 24, 16)
        row.interface = interface
    return row


cdef HeaderRow _tcp(bytes data, Py_ssize_t start, int64_t total, int64_t length):
    """`total` is of header and payload, as IP says. Without addresses."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
    cdef const uint8_t *at = <const uint8_t *>PyBytes_AS_STRING(data) + start
    cdef int64_t header
    cdef HeaderRow row
    if start + 20 > size:
        return None
    header = (at[12] >> 4) * 4
    if header < 20 or total < header or start + header > size or start + total > length:
        return None
    row = HeaderRow.__new__(HeaderRow)
    row.protocol = TCP
    row.source_port, row.destination_port = _two(at), _two(at + 2)
    row.sequence, row.acknowledgment = _four(at + 4), _four(at + 8)
    row.flags, row.window = _two(at + 12) & 0x1FF, _two(at + 14)
    row.length, row.offset = total - header, start
    return row


cdef HeaderRow _udp(bytes data, Py_ssize_t start, int64_t total):
    """Its header is known to be there."""
    cdef const uint8_t *at = <const uint8_t *>PyBytes_AS_STRING(data) + start
    cdef int64_t datagram = _two(at + 4)
    cdef HeaderRow row
    if _tunnel_kind[_two(at + 2)] or datagram < 8 or total < 8:
        return None
    row = HeaderRow.__new__(HeaderRow)
    row.protocol = UDP
    row.source_port, row.destination_port = _two(at), _two(at + 2)
    row.length, row.offset = datagram - 8, start
    return row


cdef HeaderRow _vxlan(bytes data, Py_ssize_t udp, int64_t length, int64_t interface):
    """What a plain VXLAN datagram carries; `udp` is the offset of its UDP header."""
    cdef const uint8_t *raw = <const uint8_t *>PyBytes_AS_STRING(data)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data), start = udp + 16
    cdef int64_t outer, datagram
    cdef HeaderRow row
    if start + 42 > size or _four(raw + udp + 8) != 0x08000000 or raw[start - 1]:
        return None
    if _two(raw + start + 12) != 0x0800 or raw[start + 14] != 0x45:
        return None
    outer, datagram = _two(raw + udp - 18), _two(raw + udp + 4)
    if datagram != outer - 20 or start + 14 + _two(raw + start + 16) > udp + datagram:
        return None  # lengths that contradict each other
    if udp + datagram > length:
        return None
    row = _ipv4(data, start + 14, length, interface)
    if row is None or row.network:
        return None
    row.network = (_four(raw + start - 4) >> 8) + 1
    return row


cpdef bytes flow_key(HeaderRow row):
    """How a packet's flow is found; header_row.plain_flow_key says more."""
    cdef bytes first = row.source, second = row.destination, made
    cdef Py_ssize_t one = PyBytes_GET_SIZE(first), other = PyBytes_GET_SIZE(second), size
    cdef uint32_t low = row.source_port, high = row.destination_port
    cdef int order = memcmp(PyBytes_AS_STRING(first), PyBytes_AS_STRING(second), min(one, other))
    cdef uint8_t *at
    cdef int place
    if order == 0:
        order = 1 if one > other else -1 if one < other else 1 if low > high else 0
    if order > 0:
        first, second, one, other, low, high = second, first, other, one, high, low
    size = one + other + 4 + (8 if row.network else 0)
    made = PyBytes_FromStringAndSize(NULL, size)
    at = <uint8_t *>PyBytes_AS_STRING(made)
    memcpy(at, PyBytes_AS_STRING(first), one)
    memcpy(at + one, PyBytes_AS_STRING(second), other)
    at += one + other
    at[0], at[1], at[2], at[3] = low >> 8, low & 0xFF, high >> 8, high & 0xFF
    if row.network:
        for place in range(8):
            at[4 + place] = row.network >> (56 - 8 * place) & 0xFF
    return made
