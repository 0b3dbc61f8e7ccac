# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Compiled: the messages of which dumps of conntrack and inet_diag nearly all consist.

The same as conntrack.netlink_count.PlainEntries and sockets.inet_diag.tcp_rows, which say what is
read and why, and which run where this module was not built. Every offset is compared with the size
before a byte is read.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_SET_ITEM
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from os import urandom
from socket import AF_INET

from collectors.conntrack.entries import TCP_STATES
from collectors.dumps.address_texts import address_text
from collectors.sockets.procfs import STATES, TIMERS
from collectors.sockets.rows import SocketRow

cdef extern from "Python.h":
    object PyType_GenericAlloc(PyTypeObject *type, Py_ssize_t items)
    void PyObject_GC_UnTrack(PyObject *op)

cdef enum:
    HEADER = 16  # of a netlink message
    TCP = 6


cdef inline uint16_t _u16(const uint8_t *at) noexcept:
    """In the machine's own order, as all numbers of netlink are."""
    cdef uint16_t value
    memcpy(&value, at, 2)
    return value


cdef inline uint32_t _u32(const uint8_t *at) noexcept:
    cdef uint32_t value
    memcpy(&value, at, 4)
    return value


cdef inline uint64_t _u64(const uint8_t *at) noexcept:
    cdef uint64_t value
    memcpy(&value, at, 8)
    return value


cdef inline uint32_t _two(const uint8_t *at) noexcept:
    """In the network's order, as ports are."""
    return at[0] << 8 | at[1]


cdef inline uint32_t _four(const uint8_t *at) noexcept:
    return <uint32_t>at[0] << 24 | <uint32_t>at[1] << 16 | <uint32_t>at[2] << 8 | at[3]


# --- conntrack

cdef enum:
    CT_NEW = 256  # with the family of such messages
    NFGENMSG = 4  # bytes before the attributes
    PLAIN_SIZE = 112  # of both tuples of IPv4 with ports, and the status
    FIRST = 0x34000180  # the heads of these three, as the network's order reads them
    SECOND = 0x34000280
    THIRD = 0x08000300
    PROTOINFO = 4
    INFO_TCP = 1
    TCP_STATE = 1
    STATE_AT = 12  # in PROTOINFO: behind its head and those of INFO_TCP and TCP_STATE

cdef struct Group:
    uint64_t ends  # source, destination
    uint64_t reply  # its source and port, the destination's port
    uint32_t rest  # protocol, status' last byte, state
    uint32_t count

cdef uint64_t[3] _SEEDS  # nobody can send what all falls together
for _number in range(3):
    _SEEDS[_number] = int.from_bytes(urandom(8), "little") | 1


cdef tuple _states = (*TCP_STATES, "")
cdef uint32_t _no_state = len(TCP_STATES)


cdef uint32_t _state_of(const uint8_t *at, const uint8_t *end) noexcept:
    """The number of TCP's state, from the attributes behind the status; that of '' for none."""
    cdef Py_ssize_t left = end - at, length
    while left >= 8:
        length = at[0] | at[1] << 8
        if length < 4:
            break
        if at[2] == PROTOINFO:
            if left <= STATE_AT + 4 or at[6] != INFO_TCP or at[10] != TCP_STATE:
                break
            return at[STATE_AT] if at[STATE_AT] < _no_state else _no_state
        length = length + 3 & ~3
        left -= length
        if left >= 8:
            at += length
    return _no_state


cdef class EntryTable:
    """Counts plain entries by their group."""

    cdef Group *_groups
    cdef uint32_t *_places  # by hash: 1 and more, the number of a group; 0 is free
    cdef Py_ssize_t _count, _room
    cdef int _bits

    def __init__(self):  # Cython adds 0 to NULL for a __cinit__ without arguments
        if self._groups != NULL:
            return
        self._count, self._room, self._bits = 0, 1024, 11
        self._groups = <Group *>PyMem_Malloc(self._room * sizeof(Group))
        self._places = <uint32_t *>PyMem_Calloc(<size_t>1 << self._bits, sizeof(uint32_t))
        if self._groups == NULL or self._places == NULL:
            raise MemoryError

    def __dealloc__(self):
        PyMem_Free(self._groups)
        PyMem_Free(self._places)

    def run(self, bytes data, Py_ssize_t offset):
        """Count messages from there on while they are plain; where that ended."""
        cdef const uint8_t *start = <const uint8_t *>PyBytes_AS_STRING(data)
        cdef const uint8_t *at
        cdef Py_ssize_t size = PyBytes_GET_SIZE(data), length
        cdef Group found
        while offset >= 0 and offset + HEADER <= size:
            at = start + offset
            length = _u32(at)
            if length > size - offset or _u16(at + 4) != CT_NEW:
                break
            if length < HEADER + NFGENMSG + PLAIN_SIZE:
                break
            at += HEADER + NFGENMSG
            if _four(at) != FIRST or _four(at + 52) != SECOND or _four(at + 104) != THIRD:
                break
            found.ends = <uint64_t>_four(at + 12) << 32 | _four(at + 20)
            found.reply = <uint64_t>_four(at + 64) << 32 | _two(at + 92) << 16 | _two(at + 48)
            found.rest = <uint32_t>at[32] << 16 | <uint32_t>at[111] << 8
            if at[32] == TCP:
                found.rest |= _state_of(at + PLAIN_SIZE, start + offset + length)
            else:
                found.rest |= _no_state
            self._add(&found)
            offset += length + 3 & ~3
        return offset

    cdef Py_ssize_t _find(self, const Group *one) noexcept:
        """Where a group is, or the free place where it is to be."""
        cdef uint64_t mixed = one.ends * _SEEDS[0] + one.reply * _SEEDS[1] + one.rest * _SEEDS[2]
        cdef Py_ssize_t place, last = (<Py_ssize_t>1 << self._bits) - 1
        cdef const Group *known
        mixed ^= mixed >> 32
        place = <Py_ssize_t>(mixed * _SEEDS[0] >> (64 - self._bits))
        while self._places[place]:
            known = &self._groups[self._places[place] - 1]
            if known.ends == one.ends and known.reply == one.reply and known.rest == one.rest:
                break
            place = place + 1 & last
        return place

    cdef int _add(self, Group *one) except -1:
        cdef Py_ssize_t place = self._find(one)
        if self._places[place]:
            self._groups[self._places[place] - 1].count += 1
            return 0
        if self._count == self._room:
            self._grow()
            place = self._find(one)
        one.count = 1
        self._groups[self._count] = one[0]
        self._count += 1
        self._places[place] = <uint32_t>self._count
        return 0

    cdef int _grow(self) except -1:
        """Twice the room."""
        cdef Group *groups = <Group *>PyMem_Realloc(self._groups, 2 * self._room * sizeof(Group))
        cdef uint32_t *places
        cdef Py_ssize_t number
        if groups == NULL:
            raise MemoryError
        self._groups = groups
        places = <uint32_t *>PyMem_Calloc(<size_t>2 << self._bits, sizeof(uint32_t))
        if places == NULL:
            raise MemoryError
        PyMem_Free(self._places)
        self._places, self._room, self._bits = places, 2 * self._room, self._bits + 1
        for number in range(self._count):
            places[self._find(&groups[number])] = <uint32_t>(number + 1)
        return 0

    def total(self):
        """Entries that were counted."""
        cdef Py_ssize_t number
        cdef uint64_t found = 0
        for number in range(self._count):
            found += self._groups[number].count
        return found

    def largest(self, bint tcp, Py_ssize_t most):
        """The groups of TCP, or of all else: the largest, of those alike the first that came."""
        cdef uint32_t least = self._least(tcp, most)
        cdef Py_ssize_t number, alike = most - self._with(tcp, <uint64_t>least + 1)
        cdef list found = []
        for number in range(self._count):
            if (self._groups[number].rest >> 16 == TCP) != tcp:
                continue
            if self._groups[number].count == least:
                alike -= 1
            if self._groups[number].count > least or self._groups[number].count == least and alike >= 0:
                found.append(self._shown(&self._groups[number]))
        found.sort(key=_by_count)
        return found

    cdef Py_ssize_t _with(self, bint tcp, uint64_t least) noexcept:
        """How many groups have so many entries or more."""
        cdef Py_ssize_t number, found = 0
        for number in range(self._count):
            if (self._groups[number].rest >> 16 == TCP) == tcp:
                found += self._groups[number].count >= least
        return found

    cdef uint32_t _least(self, bint tcp, Py_ssize_t most) noexcept:
        """The largest number of entries that `most` groups have, 1 where there are fewer groups."""
        cdef uint64_t low = 1, high = 1, middle
        cdef Py_ssize_t number
        for number in range(self._count):
            if self._groups[number].count > high:
                high = self._groups[number].count
        while low < high:
            middle = (low + high + 1) // 2
            if self._with(tcp, middle) >= most:
                low = middle
            else:
                high = middle - 1
        return <uint32_t>low

    cdef tuple _shown(self, const Group *one):
        """Its key as netlink_count has it, its state and count."""
        key = (
            FIRST,
            one.ends >> 32,
            one.ends & 0xFFFFFFFF,
            one.rest >> 16,
            one.reply & 0xFFFF,
            SECOND,
            one.reply >> 32,
            one.reply >> 16 & 0xFFFF,
            THIRD,
            one.rest >> 8 & 0xFF,
        )
        return key, _states[one.rest & 0xFF], one.count


def _by_count(tuple found):
    return -found[2]


# --- inet_diag

cdef enum:
    SOCK_DIAG_BY_FAMILY = 20
    INET_DIAG_INFO = 2
    LISTEN = 10
    MESSAGE = 72  # struct inet_diag_msg
    INFO = 192  # of struct tcp_info what is read
    FIELDS = 30  # of a SocketRow
    KNOWN = 1024  # addresses that are known by their bytes

if len(SocketRow._fields) != FIELDS:
    raise ImportError("a SocketRow has other fields")

cdef list _state_names = [STATES.get(_number, "?") for _number in range(256)]
cdef list _timer_names = [TIMERS.get(_number, "") for _number in range(256)]
cdef uint8_t[KNOWN][17] _known  # family and address
cdef list _known_texts = [None] * KNOWN
cdef uint8_t _IPV4 = AF_INET


def tcp_rows(bytes data, Py_ssize_t offset, Py_ssize_t gap, list rows):
    """Append the TCP sockets from there on while each has tcp_info whole, `gap` bytes behind
    inet_diag_msg; where that ended."""
    cdef const uint8_t *start = <const uint8_t *>PyBytes_AS_STRING(data)
    cdef const uint8_t *at
    cdef const uint8_t *attribute
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data), length
    while offset >= 0 and gap >= 0 and offset + HEADER <= size:
        at = start + offset
        length = (<Py_ssize_t>_u32(at) + 3) & ~3
        if length > size - offset or length < HEADER + MESSAGE + 4 + INFO + gap:
            break
        if _u16(at + 4) != SOCK_DIAG_BY_FAMILY:
            break
        at += HEADER
        attribute = at + MESSAGE + gap
        if _u16(attribute) < 4 + INFO or _u16(attribute + 2) != INET_DIAG_INFO or at[1] == LISTEN:
            break
        rows.append(_row(at, attribute + 4))
        offset += length
    return offset


cdef inline void _put(object row, Py_ssize_t place, object value):
    Py_INCREF(value)
    PyTuple_SET_ITEM(row, place, value)


cdef object _row(const uint8_t *at, const uint8_t *info):
    """Of one inet_diag_msg and its tcp_info (their offsets: linux/inet_diag.h, linux/tcp.h)."""
    cdef object row = PyType_GenericAlloc(<PyTypeObject *>SocketRow, FIELDS)
    cdef uint64_t rate = _u64(info + 160), busy = _u64(info + 168)
    _put(row, 0, "tcp")
    _put(row, 1, _state_names[at[1]])
    _put(row, 2, _address(at[0], at + 8))
    _put(row, 3, _two(at + 4))
    _put(row, 4, _address(at[0], at + 24))
    _put(row, 5, _two(at + 6))
    _put(row, 6, _u32(at + 56))
    _put(row, 7, _u32(at + 60))
    _put(row, 8, _timer_names[at[2]])
    _put(row, 9, at[3])
    _put(row, 10, _u32(info + 68) / 1000.0)  # rtt
    _put(row, 11, _u32(info + 72) / 1000.0)
    _put(row, 12, _u32(info + 148) / 1000.0)  # min_rtt
    _put(row, 13, _u32(info + 8) / 1000.0)  # rto
    _put(row, 14, info[4])
    _put(row, 15, _u32(info + 16))  # snd_mss
    _put(row, 16, _u32(info + 60))  # pmtu
    _put(row, 17, _u32(info + 80))  # snd_cwnd
    _put(row, 18, _u32(info + 24))  # unacked
    _put(row, 19, _u32(info + 36))  # retrans
    _put(row, 20, _u32(info + 100))  # total_retrans
    _put(row, 21, _u32(info + 32))  # lost
    _put(row, 22, <double>rate * 8.0 if rate else None)
    _put(row, 23, _share(_u64(info + 176), busy))
    _put(row, 24, _share(_u64(info + 184), busy))
    _put(row, 25, info[7] & 1 == 1)
    _put(row, 26, _u32(info + 144))  # notsent_bytes
    _put(row, 27, _u64(info + 120))  # bytes_acked
    _put(row, 28, _u64(info + 128))
    _put(row, 29, 1)
    PyObject_GC_UnTrack(<PyObject *>row)  # it holds nothing that could lead back to it
    return row


cdef object _share(uint64_t part, uint64_t busy):
    """Of the busy time, in per cent; None for none."""
    if not part or not busy:
        return None
    if part < 1 << 46 and busy < 1 << 53:
        return 100.0 * part / busy
    return 100 * <object>part / <object>busy


cdef object _address(uint8_t family, const uint8_t *raw):
    """As text; a machine speaks to few."""
    cdef uint32_t mixed = _u32(raw) ^ _u32(raw + 4) ^ _u32(raw + 8) ^ _u32(raw + 12)
    cdef uint32_t place = mixed * <uint32_t>2654435761 >> 22
    cdef object text = _known_texts[place]
    if text is None or _known[place][0] != family or memcmp(&_known[place][1], raw, 16):
        text = address_text(family, PyBytes_FromStringAndSize(<const char *>raw, 16))
        _known[place][0] = family
        memcpy(&_known[place][1], raw, 16)
        _known_texts[place] = text
    return text
