# Types of flows_gone.py for the compiled core.
from collectors.capture.fast_headers cimport flow_key
from collectors.capture.header_row cimport HeaderRow
from collectors.capture.tracked_flow cimport TrackedFlow

cdef long long ACK, SYN, TCP, IDLE_UDP_NS

cdef class GoneFlows:
    cdef public long long forgotten
    cdef long long _limit
    cdef dict _known
    cpdef add(self, TrackedFlow flow)
    cpdef add_expired(self, TrackedFlow flow)
    cpdef bint is_back(self, HeaderRow row) except -1
    cdef _forget(self)
