# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Compiled: flows as lines of JSON, written without an object between.

The same bytes as flow_objects.plain_flow_line gives, which says what the fields are and which runs where
this module was not built. What is rare (a time before 1970, a duration of eleven days or of less
than 100 ns, text that needs escapes) is left to it or to its encoder. Every write compares the room
that is left first.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.memoryview cimport PyMemoryView_FromMemory
from cpython.buffer cimport PyBUF_READ
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.math cimport fabs, floor
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy, strlen

cimport cython
from collectors.capture.direction cimport Direction, DurationStats, SegmentCounts
from collectors.capture.flow_events cimport Event, FlowWithEvents
from collectors.capture.tcp cimport TcpFlow
from collectors.capture.tracked_flow cimport TrackedFlow
from collectors.capture.udp cimport UdpDirection, UdpFlow

from collectors.capture import flow_objects
from collectors.capture.direction import NOTHING_COUNTED
from collectors.capture.flow_event import KINDS

cdef enum:
    MOST_DIGITS = 20
    ROOM = 4096
    PIECE = 131_072  # bytes that are written at once
    OCTET = 4  # bytes of one in _octets: its size and its digits

cdef int64_t SECOND = 1_000_000_000
cdef int64_t LONGEST = 1_000_000_000_000_000  # nanoseconds whose milliseconds are exact
cdef int64_t SHORTEST = 100  # below, the encoder writes exponents
cdef double LONGEST_MEAN = 1e11
cdef const char *NO_COUNTS = (
    b',"retransmissions":0,"fast_retransmissions":0,"timeout_retransmissions":0'
    b',"syn_retransmissions":0,"fin_retransmissions":0,"spurious_retransmissions":0'
    b',"out_of_order":0,"duplicate_acks":0,"zero_windows":0,"window_full":0,"keep_alives":0'
)
cdef Py_ssize_t NO_COUNTS_SIZE = strlen(NO_COUNTS)
cdef SegmentCounts _nothing = NOTHING_COUNTED
cdef double TIE = 1e-3  # so near to the middle of two the encoder's own rounding decides

cdef list _quoted = [b'"%s"' % kind.encode() for kind in KINDS]  # none needs an escape
cdef const char *_kinds[32]
for _place in range(len(_quoted)):
    _kinds[_place] = PyBytes_AS_STRING(_quoted[_place])

cdef char[200] _pairs  # the digits of 0 to 99
cdef char[1024] _octets  # the digits of 0 to 255, behind how many they are
for _value in range(100):
    _pairs[2 * _value], _pairs[2 * _value + 1] = 48 + _value // 10, 48 + _value % 10
for _value in range(256):
    for _place, _digit in enumerate(b"%d" % _value):
        _octets[OCTET * _value] = _place + 1
        _octets[OCTET * _value + 1 + _place] = _digit


class _Rare(Exception):
    """A line that plain_flow_line writes."""


@cython.final
cdef class FlowLines:
    """Lines one behind another in one piece of memory, which `write` is given when it is large, and
    at `flush`. `name` is the file's, where there are several."""

    cdef char *_start
    cdef Py_ssize_t _used, _room
    cdef bint _is_writing
    cdef object _write
    cdef str _name
    cdef int64_t _second  # of the time that was written last, and its digits
    cdef char[MOST_DIGITS] _digits
    cdef int _digit_count

    def __cinit__(self):
        self._start = NULL
        self._used = self._room = 0
        self._second = -1

    def __init__(self, write not None, str name not None = ""):
        self._write, self._name = write, name

    def __dealloc__(self):
        PyMem_Free(self._start)

    def add(self, TrackedFlow flow not None):
        """One line more."""
        cdef Py_ssize_t before = self._used
        cdef bytes line
        if self._is_writing:
            raise RuntimeError("lines are being written")
        try:
            self._line(flow)
        except (_Rare, OverflowError):
            self._used = before
            line = flow_objects.plain_flow_line(flow, self._name)
            self._put(PyBytes_AS_STRING(line), PyBytes_GET_SIZE(line))
        if self._used >= PIECE:
            self.flush()

    def flush(self):
        """Write what there is."""
        if not self._used or self._is_writing:
            return
        self._is_writing = True
        view = PyMemoryView_FromMemory(self._start, self._used, PyBUF_READ)
        self._used = 0
        try:
            self._write(view)
        finally:
            self._is_writing = False
            view.release()

    cdef int _grow(self, Py_ssize_t size) except -1:
        cdef Py_ssize_t room = 2 * (self._used + size) + ROOM
        cdef char *moved = <char *>PyMem_Realloc(self._start, room)
        if moved is NULL:
            raise MemoryError()
        self._start, self._room = moved, room
        return 0

    cdef inline int _put(self, const char *text, Py_ssize_t size) except -1:
        if size > self._room - self._used:
            self._grow(size)
        memcpy(self._start + self._used, text, size)
        self._used += size
        return 0

    cdef inline int _raw(self, const char *text) except -1:
        return self._put(text, strlen(text))

    cdef int _number(self, int64_t value) except -1:
        cdef char[MOST_DIGITS] digits
        cdef int at = MOST_DIGITS, pair
        cdef uint64_t left = <uint64_t>value
        if 0 <= value < 256:
            at = OCTET * <int>value
            return self._put(_octets + at + 1, _octets[at])
        if value < 0:
            raise _Rare()
        while left >= 100:
            pair = 2 * <int>(left % 100)
            left //= 100
            at -= 2
            digits[at], digits[at + 1] = _pairs[pair], _pairs[pair + 1]
        if left >= 10:
            at -= 2
            digits[at], digits[at + 1] = _pairs[2 * left], _pairs[2 * left + 1]
        else:
            at -= 1
            digits[at] = <char>(48 + left)
        return self._put(digits + at, MOST_DIGITS - at)

    cdef inline int _field(self, const char *name, int64_t value) except -1:
        """`name` with its comma, quotes and colon."""
        self._raw(name)
        return self._number(value)

    cdef int _text(self, str text) except -1:
        """A string, in quotes."""
        cdef Py_ssize_t size, at
        cdef const char *raw = PyUnicode_AsUTF8AndSize(text, &size)
        cdef uint8_t octet
        cdef bytes escaped
        for at in range(size):
            octet = <uint8_t>raw[at]
            if octet < 0x20 or octet > 0x7E or octet == 0x22 or octet == 0x5C:
                escaped = flow_objects.encoded(text).rstrip()
                return self._put(PyBytes_AS_STRING(escaped), PyBytes_GET_SIZE(escaped))
        self._put(b'"', 1)
        self._put(raw, size)
        return self._put(b'"', 1)

    cdef int _padded(self, int64_t value, int width) except -1:
        """With zeros in front; of at most MOST_DIGITS."""
        cdef char[MOST_DIGITS] digits
        cdef uint64_t left = <uint64_t>value
        cdef int at = width, pair
        while at >= 2:
            pair = 2 * <int>(left % 100)
            left //= 100
            at -= 2
            digits[at], digits[at + 1] = _pairs[pair], _pairs[pair + 1]
        if at:
            digits[0] = <char>(48 + left % 10)
        return self._put(digits, width)

    cdef int _seconds(self, const char *name, int64_t ns) except -1:
        """A time, in quotes: exact."""
        cdef int64_t second
        cdef Py_ssize_t before
        if ns < 0:
            raise _Rare()
        self._raw(name)
        self._put(b'"', 1)
        second = ns // SECOND
        if second == self._second:
            self._put(self._digits, self._digit_count)
        else:
            before = self._used
            self._number(second)
            self._digit_count = <int>(self._used - before)
            memcpy(self._digits, self._start + before, self._digit_count)
            self._second = second
        self._put(b".", 1)
        self._padded(ns % SECOND, 9)
        return self._put(b'"', 1)

    cdef int _milliseconds(self, const char *name, int64_t ns) except -1:
        """A duration: up to six decimals, without zeros behind, one at least."""
        cdef int64_t rest
        cdef int width = 6
        if ns >= LONGEST or ns < 0 or 0 < ns < SHORTEST:
            raise _Rare()
        self._raw(name)
        self._number(ns // 1_000_000)
        rest = ns % 1_000_000
        if not rest:
            return self._put(b".0", 2)
        self._put(b".", 1)
        while width > 1 and rest % 10 == 0:
            rest //= 10
            width -= 1
        return self._padded(rest, width)

    cdef int _times(self, const char *name, DurationStats times) except -1:
        cdef double scaled, whole
        self._raw(name)
        self._field(b'{"count":', times.count)
        self._milliseconds(b',"min":', times.smallest)
        if times.wholes:
            raise _Rare()
        if times.count == 1:
            self._milliseconds(b',"mean":', times.rest)
        else:
            scaled = <double>times.rest / <double>times.count
            if scaled > LONGEST_MEAN:
                raise _Rare()
            whole = floor(scaled)
            if fabs(scaled - whole - 0.5) < TIE:
                raise _Rare()
            self._milliseconds(
                b',"mean":', <int64_t>(whole + (1 if scaled - whole > 0.5 else 0))
            )
        self._milliseconds(b',"max":', times.largest)
        return self._put(b"}", 1)

    cdef int _address(self, bytes packed) except -1:
        cdef const uint8_t *at = <const uint8_t *>PyBytes_AS_STRING(packed)
        cdef int place
        if PyBytes_GET_SIZE(packed) != 4:
            return self._text(flow_objects.address(packed))
        for place in range(4):
            self._put(b"." if place else b'"', 1)
            self._number(at[place])
        return self._put(b'"', 1)

    cdef inline int _sent(
        self, bytes address, int64_t port, int64_t packets, int64_t size, int64_t payload
    ) except -1:
        """What an end of either protocol has, with its opening brace."""
        self._raw(b'{"address":')
        self._address(address)
        self._field(b',"port":', port)
        self._field(b',"packets":', packets)
        self._field(b',"bytes":', size)
        return self._field(b',"payload":', payload)

    cdef int _end(self, Direction own) except -1:
        self._sent(own.address, own.port, own.packets, own.bytes, own.payload)
        self._field(b',"segments":', own.segments)
        if own.counts is _nothing:
            self._put(NO_COUNTS, NO_COUNTS_SIZE)
        else:
            self._counts(own.counts)
        if own.mss >= 0:
            self._field(b',"mss":', own.mss)
        if own.scale >= 0:
            self._field(b',"window_scale":', own.scale)
        if own.rtt.count:
            self._times(b',"rtt_ms":', own.rtt)
        return self._put(b"}", 1)

    cdef int _counts(self, SegmentCounts counts) except -1:
        cdef int64_t data = counts.fast + counts.timeouts + counts.spurious
        self._field(
            b',"retransmissions":', data + counts.syn_retransmitted + counts.fin_retransmitted
        )
        self._field(b',"fast_retransmissions":', counts.fast)
        self._field(b',"timeout_retransmissions":', counts.timeouts)
        self._field(b',"syn_retransmissions":', counts.syn_retransmitted)
        self._field(b',"fin_retransmissions":', counts.fin_retransmitted)
        self._field(b',"spurious_retransmissions":', counts.spurious)
        self._field(b',"out_of_order":', counts.out_of_order)
        self._field(b',"duplicate_acks":', counts.duplicate_acks)
        self._field(b',"zero_windows":', counts.zero_windows)
        self._field(b',"window_full":', counts.window_full)
        return self._field(b',"keep_alives":', counts.keep_alives)

    cdef int _udp_end(self, UdpDirection own) except -1:
        self._sent(own.address, own.port, own.packets, own.bytes, own.payload)
        return self._put(b"}", 1)

    cdef int _connection(self, TcpFlow flow) except -1:
        if flow.syn_at and flow.synack_at >= flow.syn_at:
            self._milliseconds(
                b',"handshake":{"syn_to_synack_ms":', flow.synack_at - flow.syn_at
            )
            if flow.acked_at >= flow.synack_at:
                self._milliseconds(b',"synack_to_ack_ms":', flow.acked_at - flow.synack_at)
            self._put(b"}", 1)
        if flow.reset_by is not None:
            self._raw(
                b',"reset":{"by":"client"' if flow.reset_by.client else b',"reset":{"by":"server"'
            )
            self._seconds(b',"at":', flow.reset_by.reset_at)
            self._raw(b',"phase":')
            self._text(flow_objects.reset_phase(flow))
            self._put(b"}", 1)
        return self._events(flow)

    cdef int _events(self, FlowWithEvents flow) except -1:
        cdef Event *event
        cdef int place
        self._raw(b',"events":[')
        for place in range(flow._count):
            event = flow._events + place
            self._seconds(b',{"at":' if place else b'{"at":', event.at)
            self._raw(
                b',"by":"client","kind":' if event.by_client else b',"by":"server","kind":'
            )
            self._raw(_kinds[event.kind])
            self._field(b',"count":', event.count)
            if event.size:
                self._field(b',"bytes":', event.size)
            if event.note:
                self._raw(b',"note":')
                self._text(flow._note_of(event))
            self._put(b"}", 1)
        return self._put(b"]", 1)

    cdef int _line(self, TrackedFlow flow) except -1:
        cdef TcpFlow tcp = flow if isinstance(flow, TcpFlow) else None
        cdef UdpFlow udp = None if tcp is not None else flow
        cdef bint one_sided
        self._put(b"{", 1)
        if self._name:
            self._raw(b'"file":')
            self._text(self._name)
            self._put(b",", 1)
        self._field(b'"number":', flow.number)
        self._raw(
            b',"protocol":"UDP","state":' if tcp is None else b',"protocol":"TCP","state":'
        )
        self._text(flow.state)
        self._raw(b',"client":')
        if tcp is not None:
            self._end(tcp.client)
            self._raw(b',"server":')
            self._end(tcp.server)
            one_sided = not tcp.client.packets or not tcp.server.packets
        else:
            self._udp_end(udp.client)
            self._raw(b',"server":')
            self._udp_end(udp.server)
            one_sided = not udp.client.packets or not udp.server.packets
        self._seconds(b',"first":', flow.first_ns)
        self._seconds(b',"last":', flow.last_ns)
        self._milliseconds(b',"duration_ms":', max(flow.last_ns - flow.first_ns, 0))
        self._raw(b',"one_sided":true' if one_sided else b',"one_sided":false')
        if tcp is not None:
            self._connection(tcp)
        if flow.waits.count:
            self._times(b',"answer_ms":' if tcp is None else b',"application_wait_ms":', flow.waits)
        if flow.copies:
            self._field(b',"copies":', flow.copies)
        if flow.icmp:
            self._field(b',"icmp_errors":{"count":', flow.icmp)
            self._raw(b',"last":')
            self._text(flow.icmp_note)
            self._put(b"}", 1)
        return self._put(b"}\n", 2)


def is_plain(TrackedFlow flow not None):
    """Whether its line is written here, and not by plain_flow_line."""
    try:
        FlowLines(list)._line(flow)
    except (_Rare, OverflowError):
        return False
    return True
