# What other modules of the core read of the events of a connection without Python in between.
from cpython.ref cimport PyObject
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

cdef struct Event:
    int64_t at, until, size
    uint32_t count
    uint8_t kind, by_client
    uint16_t note  # its place in the notes, from 1 on; 0: none

cdef class FlowEvents:
    cdef Event *start
    cdef int count, room
    cdef PyObject *notes  # a list, once there is an ICMP error: no attribute of a type that the
    # search for garbage visits, which would need 16 bytes more
    cpdef note(self, int64_t at, bint by_client, int64_t kind, int64_t size)
    cpdef note_error(self, int64_t at, str text)
    cdef int _add(self, int64_t at, bint by_client, int64_t kind, int64_t size, uint16_t note) except -1
    cdef str note_of(self, Event *event)
