# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Compiled: flows as lines of JSON, written without an object between.

The same bytes as jsonl.plain_flow_line gives, which says what the fields are and which runs where
this module was not built. What is rare (a time before 1970, a duration of eleven days or of less
than 100 ns, text that needs escapes) is left to it or to its encoder. Every write compares the room
that is left first.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Realloc
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.math cimport fabs, floor
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy, strlen

from collectors.capture.direction cimport Direction, DurationStats, FlowEvent, SegmentCounts
from collectors.capture.tcp cimport TcpFlow
from collectors.capture.tracked_flow cimport TrackedFlow
from collectors.capture.udp cimport UdpDirection, UdpFlow

import orjson

from collectors.capture import jsonl
from collectors.capture.network_layers import address_text

cdef enum:
    MOST_DIGITS = 20
    ROOM = 4096

cdef int64_t SECOND = 1_000_000_000
cdef int64_t LONGEST = 1_000_000_000_000_000  # nanoseconds whose milliseconds are exact
cdef int64_t SHORTEST = 100  # below, the encoder writes exponents
cdef double LONGEST_MEAN = 1e11
cdef double TIE = 1e-3  # so near to the middle of two the encoder's own rounding decides

cdef char *_start = NULL  # of a line that is being written; used again for each
cdef Py_ssize_t _used = 0, _room = 0


class _Rare(Exception):
    """A line that plain_flow_line writes."""


cdef int _grow(Py_ssize_t size) except -1:
    global _start, _room
    cdef Py_ssize_t room = 2 * (_used + size) + ROOM
    cdef char *moved = <char *>PyMem_Realloc(_start, room)
    if moved is NULL:
        raise MemoryError()
    _start, _room = moved, room
    return 0


cdef inline int _put(const char *text, Py_ssize_t size) except -1:
    global _used
    if size > _room - _used:
        _grow(size)
    memcpy(_start + _used, text, size)
    _used += size
    return 0


cdef inline int _raw(const char *text) except -1:
    return _put(text, strlen(text))


cdef int _number(int64_t value) except -1:
    cdef char[MOST_DIGITS] digits
    cdef int at = MOST_DIGITS
    cdef uint64_t left = <uint64_t>value
    if value < 0:
        raise _Rare()
    while True:
        at -= 1
        digits[at] = <char>(48 + left % 10)
        left //= 10
        if not left:
            return _put(digits + at, MOST_DIGITS - at)


cdef inline int _field(const char *name, int64_t value) except -1:
    """`name` with its comma, quotes and colon."""
    _raw(name)
    return _number(value)


cdef int _text(str text) except -1:
    """A string, in quotes."""
    cdef Py_ssize_t size, at
    cdef const char *raw = PyUnicode_AsUTF8AndSize(text, &size)
    cdef uint8_t octet
    cdef bytes escaped
    for at in range(size):
        octet = <uint8_t>raw[at]
        if octet < 0x20 or octet > 0x7E or octet == 0x22 or octet == 0x5C:
            escaped = orjson.dumps(text)
            return _put(PyBytes_AS_STRING(escaped), PyBytes_GET_SIZE(escaped))
    _put(b'"', 1)
    _put(raw, size)
    return _put(b'"', 1)


cdef int _padded(int64_t value, int width) except -1:
    """With zeros in front."""
    cdef char[MOST_DIGITS] digits
    cdef int at
    for at in range(width - 1, -1, -1):
        digits[at] = <char>(48 + value % 10)
        value //= 10
    return _put(digits, width)


cdef int _seconds(const char *name, int64_t ns) except -1:
    """A time, in quotes: exact."""
    if ns < 0:
        raise _Rare()
    _raw(name)
    _put(b'"', 1)
    _number(ns // SECOND)
    _put(b".", 1)
    _padded(ns % SECOND, 9)
    return _put(b'"', 1)


cdef int _milliseconds(const char *name, int64_t ns) except -1:
    """A duration: up to six decimals, without zeros behind, one at least."""
    cdef int64_t rest
    cdef int width = 6
    if ns >= LONGEST or ns < 0 or 0 < ns < SHORTEST:
        raise _Rare()
    _raw(name)
    _number(ns // 1_000_000)
    _put(b".", 1)
    rest = ns % 1_000_000
    while width > 1 and rest % 10 == 0:
        rest //= 10
        width -= 1
    return _padded(rest, width)


cdef int _times(const char *name, DurationStats times) except -1:
    cdef int64_t total
    cdef double scaled, whole
    _raw(name)
    _field(b'{"count":', times.count)
    _milliseconds(b',"min":', times.smallest)
    total = times.total
    if times.count == 1:
        _milliseconds(b',"mean":', total)
    else:
        scaled = <double>total / <double>times.count
        if scaled > LONGEST_MEAN:
            raise _Rare()
        whole = floor(scaled)
        if fabs(scaled - whole - 0.5) < TIE:
            raise _Rare()
        _milliseconds(b',"mean":', <int64_t>(whole + (1 if scaled - whole > 0.5 else 0)))
    _milliseconds(b',"max":', times.largest)
    return _put(b"}", 1)


cdef int _address(bytes packed) except -1:
    cdef const uint8_t *at = <const uint8_t *>PyBytes_AS_STRING(packed)
    cdef int place
    if PyBytes_GET_SIZE(packed) != 4:
        return _text(address_text(packed))
    for place in range(4):
        _put(b"." if place else b'"', 1)
        _number(at[place])
    return _put(b'"', 1)


cdef int _end(Direction own) except -1:
    cdef SegmentCounts counts = own.counts
    cdef int64_t data = counts.fast + counts.timeouts + counts.spurious
    _raw(b'{"address":')
    _address(own.address)
    _field(b',"port":', own.port)
    _field(b',"packets":', own.packets)
    _field(b',"bytes":', own.bytes)
    _field(b',"payload":', own.payload)
    _field(b',"segments":', own.segments)
    _field(
        b',"retransmissions":', data + counts.syn_retransmitted + counts.fin_retransmitted
    )
    _field(b',"fast_retransmissions":', counts.fast)
    _field(b',"timeout_retransmissions":', counts.timeouts)
    _field(b',"syn_retransmissions":', counts.syn_retransmitted)
    _field(b',"fin_retransmissions":', counts.fin_retransmitted)
    _field(b',"spurious_retransmissions":', counts.spurious)
    _field(b',"out_of_order":', counts.out_of_order)
    _field(b',"duplicate_acks":', counts.duplicate_acks)
    _field(b',"zero_windows":', counts.zero_windows)
    _field(b',"window_full":', counts.window_full)
    _field(b',"keep_alives":', counts.keep_alives)
    if own.mss >= 0:
        _field(b',"mss":', own.mss)
    if own.scale >= 0:
        _field(b',"window_scale":', own.scale)
    if own.rtt.count:
        _times(b',"rtt_ms":', own.rtt)
    return _put(b"}", 1)


cdef int _udp_end(UdpDirection own) except -1:
    _raw(b'{"address":')
    _address(own.address)
    _field(b',"port":', own.port)
    _field(b',"packets":', own.packets)
    _field(b',"bytes":', own.bytes)
    _field(b',"payload":', own.payload)
    return _put(b"}", 1)


cdef inline int _side(bint client) except -1:
    return _raw(b',"by":"client"' if client else b',"by":"server"')


cdef int _connection(TcpFlow flow) except -1:
    if flow.syn_at and flow.synack_at >= flow.syn_at:
        _milliseconds(b',"handshake":{"syn_to_synack_ms":', flow.synack_at - flow.syn_at)
        if flow.acked_at >= flow.synack_at:
            _milliseconds(b',"synack_to_ack_ms":', flow.acked_at - flow.synack_at)
        _put(b"}", 1)
    if flow.reset_by is not None:
        _raw(b',"reset":{"by":"client"' if flow.reset_by.client else b',"reset":{"by":"server"')
        _seconds(b',"at":', flow.reset_by.reset_at)
        _raw(b',"phase":')
        _text(jsonl.reset_phase(flow))
        _put(b"}", 1)
    return _events(flow.events)


cdef int _events(list events) except -1:
    cdef FlowEvent event
    cdef bint first = True
    _raw(b',"events":[')
    for event in events:
        _seconds(b'{"at":' if first else b',{"at":', event.at)
        first = False
        _side(event.by_client)
        _raw(b',"kind":')
        _text(event.kind)
        _field(b',"count":', event.count)
        if event.size:
            _field(b',"bytes":', event.size)
        if event.note:
            _raw(b',"note":')
            _text(event.note)
        _put(b"}", 1)
    return _put(b"]", 1)


cdef int _line(TrackedFlow flow, str name) except -1:
    cdef TcpFlow tcp = flow if isinstance(flow, TcpFlow) else None
    cdef UdpFlow udp = None if tcp is not None else flow
    cdef bint one_sided
    _put(b"{", 1)
    if name:
        _raw(b'"file":')
        _text(name)
        _put(b",", 1)
    _field(b'"number":', flow.number)
    _raw(b',"protocol":"UDP","state":' if tcp is None else b',"protocol":"TCP","state":')
    _text(flow.state)
    _raw(b',"client":')
    if tcp is not None:
        _end(tcp.client)
        _raw(b',"server":')
        _end(tcp.server)
        one_sided = not tcp.client.packets or not tcp.server.packets
    else:
        _udp_end(udp.client)
        _raw(b',"server":')
        _udp_end(udp.server)
        one_sided = not udp.client.packets or not udp.server.packets
    _seconds(b',"first":', flow.first_ns)
    _seconds(b',"last":', flow.last_ns)
    _milliseconds(b',"duration_ms":', max(flow.last_ns - flow.first_ns, 0))
    _raw(b',"one_sided":true' if one_sided else b',"one_sided":false')
    if tcp is not None:
        _connection(tcp)
    if flow.waits.count:
        _times(b',"answer_ms":' if tcp is None else b',"application_wait_ms":', flow.waits)
    if flow.copies:
        _field(b',"copies":', flow.copies)
    if flow.icmp:
        _field(b',"icmp_errors":{"count":', flow.icmp)
        _raw(b',"last":')
        _text(flow.icmp_note)
        _put(b"}", 1)
    return _put(b"}\n", 2)


def flow_line(TrackedFlow flow not None, str name not None):
    """A flow's line of JSON; None where jsonl.plain_flow_line is to write it."""
    global _used
    _used = 0
    try:
        _line(flow, name)
    except (_Rare, OverflowError):
        return None
    return PyBytes_FromStringAndSize(_start, _used)
