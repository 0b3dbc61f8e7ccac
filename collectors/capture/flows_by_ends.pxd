# What other modules of the core call without Python in between.
from cpython.ref cimport PyObject
from libc.stdint cimport uint32_t
from collectors.capture.header_row cimport HeaderRow
from collectors.capture.tcp cimport TcpFlow
from collectors.capture.tracked_flow cimport TrackedFlow
from collectors.capture.udp cimport UdpFlow

cdef struct Entry:
    PyObject *flow  # NULL: it left
    uint32_t mixed  # a hash of its ends
    bint is_latest  # between them

cdef class FlowsByEnds:
    cdef Entry *_entries
    cdef uint32_t *_slots  # by hash, the first that is free from there on; of an entry its place
    # and one, 0: free
    cdef uint32_t _used, _alive, _room  # entries that there were, that are, that there may be
    cdef uint32_t _mask  # of slots: twice as many as entries
    cpdef list listed(self)
    cpdef TcpFlow find_tcp(self, HeaderRow row)
    cpdef UdpFlow find_udp(self, HeaderRow row)
    cpdef TrackedFlow find(self, HeaderRow row)
    cpdef add(self, TrackedFlow flow, HeaderRow row)
    cpdef empty(self, object leaving)
    cpdef remove(self, TrackedFlow flow)
    cdef uint32_t _slot(self, HeaderRow row, uint32_t mixed)
    cdef int _make_room(self) except -1
