# Types of tracked_flow.py for the compiled core.
cimport cython
from collectors.capture.direction cimport DurationStats
from collectors.capture.header_row cimport HeaderRow

cdef DurationStats NO_DURATIONS

cdef class TrackedFlow:
    cdef unsigned int place  # in flows_by_ends.pyx
    cdef public long long number, network, first_ns, last_ns, asked_at, copies, icmp
    cdef public long long recent_wait, recent_wait_at
    cdef public DurationStats waits
    cdef public object hops
    cdef public str icmp_from, icmp_note
    cpdef enter(self, long long number, HeaderRow row)
    cpdef answered(self, long long ns)
