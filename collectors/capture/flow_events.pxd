# What other modules of the core read of the events of a connection without Python in between.
from cpython.ref cimport PyObject
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from collectors.capture.tracked_flow cimport TrackedFlow

cdef struct Event:
    int64_t at, until, size
    uint32_t count
    uint8_t kind, by_client
    uint16_t note  # its place in the notes, from 1 on; 0: none

cdef class FlowWithEvents(TrackedFlow):
    cdef Event *_events
    cdef int _count, _room
    cdef PyObject *_notes  # a list, once there is an ICMP error
    cpdef note(self, int64_t at, bint by_client, int64_t kind, int64_t size)
    cpdef note_error(self, int64_t at, str text)
    cdef int _add(self, int64_t at, bint by_client, int64_t kind, int64_t size, uint16_t note) except -1
    cdef str _note_of(self, Event *event)
