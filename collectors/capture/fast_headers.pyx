# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Compiled: records of a pcap stream, and the header rows of plain IPv4 and IPv6.

The same as records.plain_whole, plain_next_record and plain_cut, header_rows.plain_headers and
header_row.plain_flow_key and plain_exchange_key, which say what is read and why and which run where this was not built. Every offset is compared with the captured size
before a byte is read.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyTypeObject
from cpython.ref cimport Py_INCREF, Py_XDECREF, PyObject
from cpython.tuple cimport PyTuple_SET_ITEM
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from collectors.capture.header_row cimport HeaderRow
from collectors.capture.header_values import TUNNEL_PORTS, VXLAN_PORTS
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
    KNOWN_BITS = 12
    RECORD = 16  # bytes of a record's header

cdef PyObject *_known[1 << KNOWN_BITS]  # addresses, by a hash of them
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


def whole(bytes data not None, Py_ssize_t position, tuple layout not None):
    """Of the whole records from `position` on: where they end, how many they are, and the size that
    the next one claims, if it is too large, or 0."""
    cdef const uint8_t *start = <const uint8_t *>PyBytes_AS_STRING(data)
    cdef bint big = layout[0]
    cdef int64_t largest = layout[3], captured
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data), head = layout[2], count = 0
    if position < 0 or head < RECORD:
        raise ValueError("no place of a record")
    while size - position >= head:
        captured = _four(start + position + 8) if big else _little(start + position + 8)
        if captured > largest:
            return position, count, captured
        if captured > size - position - head:
            break
        position += head + captured
        count += 1
    return position, count, 0


cpdef Py_ssize_t next_record(HeaderRow row, Py_ssize_t position, tuple layout) except -1:
    """The row holds the packet of the record at `position` of its data; where the next begins."""
    cdef const uint8_t *at
    cdef bint big = layout[0]
    cdef int64_t fraction = layout[1], captured
    cdef Py_ssize_t head = layout[2], size = 0 if row.data is None else PyBytes_GET_SIZE(row.data)
    if position < 0 or head < RECORD or size - position < head:
        raise ValueError("no place of a record")
    at = <const uint8_t *>PyBytes_AS_STRING(row.data) + position
    captured = _four(at + 8) if big else _little(at + 8)
    if captured > size - position - head:
        raise ValueError("a record that is not whole")
    row.ns = (_four(at) if big else _little(at)) * <int64_t>1_000_000_000
    row.ns += (_four(at + 4) if big else _little(at + 4)) * fraction
    row.wire = _four(at + 12) if big else _little(at + 12)
    row.begin = position + head
    row.end = row.begin + captured
    return row.end


def cut(bytes data not None, Py_ssize_t position, tuple layout not None, Py_ssize_t count):
    """The packets of so many records from `position` on."""
    cdef HeaderRow row = HeaderRow(0, b"", b"")
    cdef object packet, value
    cdef list found = []
    row.data = data
    for _ in range(count):
        position = next_record(row, position, layout)
        packet = PyType_GenericAlloc(<PyTypeObject *>Packet, 3)
        value = row.ns
        Py_INCREF(value)
        PyTuple_SET_ITEM(packet, 0, value)
        value = PyBytes_FromStringAndSize(PyBytes_AS_STRING(data) + row.begin, row.end - row.begin)
        Py_INCREF(value)
        PyTuple_SET_ITEM(packet, 1, value)
        value = row.wire
        Py_INCREF(value)
        PyTuple_SET_ITEM(packet, 2, value)
        found.append(packet)
    return found


cdef bytes _address(const uint8_t *at, Py_ssize_t size):
    """The same object for an address that was seen lately."""
    cdef uint64_t mixed = 0, word
    cdef Py_ssize_t place
    cdef PyObject *known
    cdef bytes made
    for place in range(0, size, 4):  # 4 or 16 bytes
        mixed = (mixed ^ _four(at + place)) * <uint64_t>0x9E3779B97F4A7C15
    place = mixed >> (64 - KNOWN_BITS)
    known = _known[place]
    if known is not NULL:
        if PyBytes_GET_SIZE(<bytes>known) == size:
            if memcmp(PyBytes_AS_STRING(<bytes>known), at, size) == 0:
                return <bytes>known
    made = PyBytes_FromStringAndSize(<const char *>at, size)
    Py_INCREF(made)
    _known[place] = <PyObject *>made
    Py_XDECREF(known)
    return made


cpdef bint read_headers(HeaderRow row, int64_t linktype) except -1:
    """Reads the headers of the packet that a row holds: whether it is plain and whole."""
    cdef const uint8_t *at
    cdef Py_ssize_t size = row.end - row.begin
    cdef bint plain
    if row.data is None or row.begin < 0 or size < 0 or row.end > PyBytes_GET_SIZE(row.data):
        raise ValueError("a row that is outside of its data")
    at = <const uint8_t *>PyBytes_AS_STRING(row.data) + row.begin
    row.network = row.identification = row.interface = 0
    if linktype == ETHERNET:
        return size > 14 and _by_type(row, at, _two(at + 12), 14)
    if linktype == LINUX_SLL2:
        if size <= 20:
            return False
        row.interface = _four(at + 4)
        plain = _by_type(row, at, _two(at), 20)
    elif linktype == LINUX_SLL:
        plain = size > 16 and _by_type(row, at, _two(at + 14), 16)
    elif linktype == 101 or linktype == 12 or linktype == 14 or linktype == 228 or linktype == 229:
        if size and at[0] >> 4 == 4:
            return _ipv4(row, at, 0)
        return size and at[0] >> 4 == 6 and _ipv6(row, at, 0)
    else:
        return False
    row.network = 0  # a capture of all interfaces sees a packet in its tunnel and out of it
    return plain


# `at` is where the row's packet begins, of which `row.end - row.begin` bytes were captured; other
# places are counted from there.


cdef bint _by_type(HeaderRow row, const uint8_t *at, uint32_t kind, Py_ssize_t start) except -1:
    if kind == 0x0800:
        return _ipv4(row, at, start)
    return kind == 0x86DD and _ipv6(row, at, start)


cdef bint _ipv4(HeaderRow row, const uint8_t *packet, Py_ssize_t start) except -1:
    """TCP or UDP over IPv4 without options at `start`."""
    cdef const uint8_t *at = packet + start
    cdef int64_t total
    if start + IPV4_UDP > row.end - row.begin or at[0] != 0x45 or _two(at + 6) & 0x3FFF:
        return False
    total = <int64_t>_two(at + 2) - 20
    if at[9] == TCP:
        if not _tcp(row, packet, start + 20, total):
            return False
    elif at[9] == UDP:
        if _tunnel_kind[_two(at + 22)] == 2:
            return _vxlan(row, packet, start + 20)
        if not _udp(row, packet, start + 20, total):
            return False
    else:
        return False
    row.source, row.destination = _address(at + 12, 4), _address(at + 16, 4)
    row.identification = _two(at + 4)
    return True


cdef bint _ipv6(HeaderRow row, const uint8_t *packet, Py_ssize_t start) except -1:
    """TCP or UDP over IPv6 without extension headers."""
    cdef const uint8_t *at = packet + start
    if start + IPV6_UDP > row.end - row.begin or at[0] >> 4 != 6:
        return False
    if at[6] == TCP:
        if not _tcp(row, packet, start + 40, _two(at + 4)):
            return False
    elif at[6] != UDP or not _udp(row, packet, start + 40, _two(at + 4)):
        return False
    row.source, row.destination = _address(at + 8, 16), _address(at + 24, 16)
    return True


cdef bint _tcp(HeaderRow row, const uint8_t *packet, Py_ssize_t start, int64_t total) noexcept:
    """`total` is of header and payload, as IP says."""
    cdef Py_ssize_t size = row.end - row.begin
    cdef const uint8_t *at = packet + start
    cdef int64_t header
    if start + 20 > size:
        return False
    header = (at[12] >> 4) * 4
    if header < 20 or total < header or start + header > size or start + total > row.wire:
        return False
    row.protocol = TCP
    row.source_port, row.destination_port = _two(at), _two(at + 2)
    row.sequence, row.acknowledgment = _four(at + 4), _four(at + 8)
    row.flags, row.window = _two(at + 12) & 0x1FF, _two(at + 14)
    row.length, row.offset = total - header, row.begin + start
    return True


cdef bint _udp(HeaderRow row, const uint8_t *packet, Py_ssize_t start, int64_t total) noexcept:
    """Its header is known to be there."""
    cdef const uint8_t *at = packet + start
    cdef int64_t datagram = _two(at + 4)
    if _tunnel_kind[_two(at + 2)] or datagram < 8 or total < 8:
        return False
    row.protocol = UDP
    row.source_port, row.destination_port = _two(at), _two(at + 2)
    row.sequence = row.acknowledgment = row.flags = row.window = 0
    row.length, row.offset = datagram - 8, row.begin + start
    return True


cdef bint _vxlan(HeaderRow row, const uint8_t *packet, Py_ssize_t udp) except -1:
    """What a plain VXLAN datagram carries; `udp` is where its UDP header is."""
    cdef Py_ssize_t start = udp + 16
    cdef int64_t outer, datagram
    if start + 42 > row.end - row.begin or _four(packet + udp + 8) != 0x08000000:
        return False
    if packet[start - 1] or _two(packet + start + 12) != 0x0800 or packet[start + 14] != 0x45:
        return False
    outer, datagram = _two(packet + udp - 18), _two(packet + udp + 4)
    if datagram != outer - 20 or start + 14 + _two(packet + start + 16) > udp + datagram:
        return False  # lengths that contradict each other
    if udp + datagram > row.wire or not _ipv4(row, packet, start + 14) or row.network:
        return False
    row.network = (_four(packet + start - 4) >> 8) + 1
    return True


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


cpdef bytes exchange_key(
    bytes client, int64_t client_port, bytes server, int64_t server_port, int64_t identity
):
    """Of a question and its answer; header_row.plain_exchange_key says more."""
    cdef Py_ssize_t one = PyBytes_GET_SIZE(client), other = PyBytes_GET_SIZE(server)
    cdef bytes made = PyBytes_FromStringAndSize(NULL, one + other + 6)
    cdef uint8_t *at = <uint8_t *>PyBytes_AS_STRING(made)
    memcpy(at, PyBytes_AS_STRING(client), one)
    memcpy(at + one, PyBytes_AS_STRING(server), other)
    at += one + other
    at[0], at[1] = client_port >> 8 & 0xFF, client_port & 0xFF
    at[2], at[3] = server_port >> 8 & 0xFF, server_port & 0xFF
    at[4], at[5] = identity >> 8 & 0xFF, identity & 0xFF
    return made
