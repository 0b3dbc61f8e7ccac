# Types of tcp.py for the compiled core.
cimport cython
from collectors.capture.direction cimport Direction, DurationStats, SegmentCounts, interface_direction
from collectors.capture.flow_events cimport FlowWithEvents
from collectors.capture.header_row cimport HeaderRow
from collectors.capture.syn_options cimport read_syn_options
from collectors.capture.tcp_sequence cimport analyse

cdef long long ACK, FIN, RST, SYN
cdef long long COPY, DUPLICATE_ACK, FAST_RETRANSMISSION, KEEP_ALIVE, OUT_OF_ORDER, RETRANS
cdef long long SPURIOUS_RETRANSMISSION, WINDOW_FULL, ZERO_WINDOW, ZERO_WINDOW_PROBE
cdef long long ACK_DUPLICATED, ACK_SENT, DATA_SENT, FIN_RETRANSMITTED, FIN_SENT, KEPT_ALIVE, NO_EVENT
cdef long long RETRANSMITTED, RETRANSMITTED_FAST, RETRANSMITTED_SPURIOUSLY, RST_SENT
cdef long long SENT_OUT_OF_ORDER, SYN_ACK_RETRANSMITTED, SYN_ACK_SENT, SYN_RETRANSMITTED, SYN_SENT
cdef long long WINDOW_FILLED, WINDOW_ZERO
cdef long long MASK, AHEAD, NOT_NEW_DATA, NOT_SEEN, NOP_NOP_TIMESTAMP

cdef class TcpFlow(FlowWithEvents):
    cdef public Direction client, server, reset_by
    cdef public long long syn_at, latest_syn_at, synack_at, acked_at, first_rtt
    @cython.locals(first=Direction, second=Direction, opens=cython.longlong, downward=cython.bint)
    cpdef begin(self, long long number, HeaderRow row)
    @cython.locals(ns=cython.longlong, flags=cython.longlong, length=cython.longlong, interface=cython.longlong, analysis=cython.longlong, event=cython.longlong)
    cpdef long long add(self, Direction own, Direction peer, HeaderRow row)
    cdef long long _copy(self, Direction own, HeaderRow row)
    cdef _handshake_completed(self, long long ns)
    @cython.locals(ns=cython.longlong, flags=cython.longlong)
    cdef long long _phase(self, Direction own, HeaderRow row)
    cdef long long _opening(self, long long ns, long long flags)
    @cython.locals(ns=cython.longlong)
    cdef _data(self, Direction own, HeaderRow row)
    cdef str _not_opened(self)

@cython.locals(echo=cython.longlong)
cdef _measure_rtt(Direction peer, HeaderRow row)
@cython.locals(data=bytes, start=cython.Py_ssize_t)
cdef bint _has_timestamp(HeaderRow row)
@cython.locals(first=cython.longlong, second=cython.longlong)
cdef long long _word(bytes data, Py_ssize_t at)
@cython.locals(flag=cython.longlong, found=cython.longlong, counts=SegmentCounts)
cdef long long _count(Direction own, HeaderRow row, long long analysis, long long event)
@cython.locals(counts=SegmentCounts)
cdef long long _retransmission(Direction own, HeaderRow row, long long analysis)
