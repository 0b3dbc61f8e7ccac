# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Compiled: flows by their ends, as flows_by_ends.py describes them.

A hash table with open addressing. The flows lie in the order in which they came, beside a hash of
their ends; what is compared are the ends that a flow has anyway. A flow that leaves stays as a gap
until the table makes room. Hashes of addresses are Python's own, seeded for each process: nobody
can choose addresses that meet.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Realloc
from cpython.ref cimport Py_DECREF, Py_INCREF, Py_XDECREF
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcmp

from collectors.capture.direction cimport Direction
from collectors.capture.udp cimport UdpDirection

cdef enum:
    TCP = 6
    FEWEST = 32  # entries that there is room for
    MOST = 0x20000000


cdef class FlowsByEnds:
    def __dealloc__(self):
        cdef uint32_t place
        for place in range(self._used):
            Py_XDECREF(self._entries[place].flow)
        PyMem_Free(self._entries)
        PyMem_Free(self._slots)

    def __len__(self):
        return self._alive

    cpdef list listed(self):
        """A new list, in the order in which they were added."""
        cdef uint32_t place
        cdef list found = []
        for place in range(self._used):
            if self._entries[place].flow is not NULL:
                found.append(<TrackedFlow>self._entries[place].flow)
        return found

    cpdef TcpFlow find_tcp(self, HeaderRow row):
        """The latest connection that a packet may belong to."""
        return self.find(row)

    cpdef UdpFlow find_udp(self, HeaderRow row):
        return self.find(row)

    cpdef TrackedFlow find(self, HeaderRow row):
        cdef uint32_t place
        if not self._alive:
            return None
        place = self._slots[self._slot(row, _mixed(row))]
        return <TrackedFlow>self._entries[place - 1].flow if place else None

    cpdef add(self, TrackedFlow flow, HeaderRow row):
        """A flow, and the packet that it begins with."""
        cdef uint32_t mixed = _mixed(row), slot
        if self._used == self._room:
            self._make_room()
        slot = self._slot(row, mixed)
        if self._slots[slot]:
            self._entries[self._slots[slot] - 1].is_latest = False
        Py_INCREF(flow)
        self._entries[self._used] = Entry(<PyObject *>flow, mixed, True)
        flow.place = self._used
        self._used += 1
        self._alive += 1
        self._slots[slot] = self._used

    cpdef empty(self, object leaving):
        """All are removed, in their order, and each is freed as soon as `leaving` was called with it,
        while the processor has it at hand."""
        cdef uint32_t place = 0
        cdef TrackedFlow flow
        while place < self._used:
            if self._entries[place].flow is not NULL:
                flow = <TrackedFlow>self._entries[place].flow
                self.remove(flow)
                if leaving is not None:
                    leaving(flow)
            place += 1

    cpdef remove(self, TrackedFlow flow):
        """KeyError where it is not there."""
        if flow.place >= self._used or self._entries[flow.place].flow is not <PyObject *>flow:
            raise KeyError(flow.number)
        self._entries[flow.place].flow = NULL
        self._alive -= 1
        Py_DECREF(flow)

    cdef uint32_t _slot(self, HeaderRow row, uint32_t mixed):
        """That of the flow which a packet may belong to, or a free one."""
        cdef uint32_t slot = mixed & self._mask
        cdef Entry *entry
        while self._slots[slot]:
            entry = self._entries + self._slots[slot] - 1
            if entry.mixed == mixed and entry.flow is not NULL:
                if _is_between(<TrackedFlow>entry.flow, row):
                    break
            slot = slot + 1 & self._mask
        return slot

    cdef int _make_room(self) except -1:
        """For as many flows as there are; gaps are closed."""
        cdef uint32_t room = max(self._room, FEWEST), place, kept = 0, slot
        cdef uint32_t *slots
        cdef Entry *entries
        while room < 2 * self._alive:
            room *= 2
        if room > MOST:
            raise MemoryError()
        slots = <uint32_t *>PyMem_Calloc(2 * <size_t>room, sizeof(uint32_t))
        entries = <Entry *>PyMem_Realloc(self._entries, room * sizeof(Entry))
        if entries is not NULL:
            self._entries = entries
        if slots is NULL or entries is NULL:
            PyMem_Free(slots)
            raise MemoryError()
        PyMem_Free(self._slots)
        self._slots, self._mask, self._room = slots, 2 * room - 1, room
        for place in range(self._used):
            if entries[place].flow is not NULL:
                if place != kept:
                    entries[kept] = entries[place]
                    (<TrackedFlow>entries[kept].flow).place = kept
                kept += 1
        self._used = kept
        for place in range(kept):
            if entries[place].is_latest:
                slot = entries[place].mixed & self._mask
                while slots[slot]:
                    slot = slot + 1 & self._mask
                slots[slot] = place + 1
        return 0


cdef uint32_t _mixed(HeaderRow row) except? 1:
    """A hash of both ends, the same in either direction."""
    cdef uint64_t ends = _mixed_end(row.source, row.source_port)
    ends += _mixed_end(row.destination, row.destination_port)
    return <uint32_t>_stirred(ends + <uint64_t>row.network + (row.protocol == TCP))


cdef uint64_t _mixed_end(bytes address, int64_t port) except? 1:
    return _stirred(<uint64_t>hash(address) + <uint64_t>port * <uint64_t>0x9E3779B97F4A7C15)


cdef uint64_t _stirred(uint64_t value) noexcept:
    """Each bit has its part in all (the finalizer of MurmurHash3)."""
    value = (value ^ value >> 33) * <uint64_t>0xFF51AFD7ED558CCD
    value = (value ^ value >> 33) * <uint64_t>0xC4CEB9FE1A85EC53
    return value ^ value >> 33


cdef bint _is_between(TrackedFlow flow, HeaderRow row):
    cdef Direction client, server
    cdef UdpDirection asks, answers
    if flow.network != row.network or isinstance(flow, TcpFlow) != (row.protocol == TCP):
        return False
    if row.protocol == TCP:
        client, server = (<TcpFlow>flow).client, (<TcpFlow>flow).server
        return _are_ends(client.address, client.port, server.address, server.port, row)
    asks, answers = (<UdpFlow>flow).client, (<UdpFlow>flow).server
    return _are_ends(asks.address, asks.port, answers.address, answers.port, row)


cdef bint _are_ends(bytes one, int64_t port, bytes other, int64_t its_port, HeaderRow row):
    if port == row.source_port and its_port == row.destination_port:
        if _same(one, row.source) and _same(other, row.destination):
            return True
    if port != row.destination_port or its_port != row.source_port:
        return False
    return _same(one, row.destination) and _same(other, row.source)


cdef bint _same(bytes one, bytes other):
    cdef Py_ssize_t size = PyBytes_GET_SIZE(one)
    if one is other:
        return True
    return size == PyBytes_GET_SIZE(other) and not memcmp(
        PyBytes_AS_STRING(one), PyBytes_AS_STRING(other), size
    )
