# Types of direction.py for the compiled core.
cimport cython
from collectors.capture.header_row cimport HeaderRow

cdef long long LIMIT_NS, _UNSEEN

cpdef long long interface_direction(HeaderRow row)

cdef class DurationStats:
    cdef public long long count, largest, smallest, rest, wholes
    cpdef add(self, long long ns)

cdef class SegmentCounts:
    cdef public long long fast, timeouts, spurious, out_of_order
    cdef public long long syn_retransmitted, fin_retransmitted
    cdef public long long duplicate_acks, zero_windows, window_full, keep_alives

cdef class Direction:
    # In an order that leaves no gaps, each as small as what it holds: there are two a connection
    cdef public bytes address
    cdef public long long interface, packets, bytes, payload, segments
    cdef public unsigned short port, window
    cdef public short scale, seen_on
    cdef public int mss, duplicates, last_analysis
    cdef public bint client, first_ack
    cdef public long long start, end, ahead, last_ack, probe, probe_stamp
    cdef public long long end_at, last_ack_at, probe_at, fin_at, reset_at
    cdef public DurationStats rtt
    cdef public SegmentCounts counts
    cpdef begin(self, bytes address, long long port, long long interface)
    cpdef SegmentCounts counted(self)
    cpdef add_rtt(self, long long ns)
