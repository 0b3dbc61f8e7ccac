# Types of tcp_sequence.py for the compiled core.
cimport cython
from collectors.capture.direction cimport Direction
from collectors.capture.header_row cimport HeaderRow

cdef long long ACK, FIN, RST, SYN, CONTROL
cdef long long ACKED_UNSEEN, DUPLICATE_ACK, FAST_RETRANSMISSION, KEEP_ALIVE, KEEP_ALIVE_ACK
cdef long long LOST_SEGMENT, OUT_OF_ORDER, RETRANSMISSION, SPURIOUS_RETRANSMISSION, WINDOW_FULL
cdef long long WINDOW_UPDATE, ZERO_WINDOW, ZERO_WINDOW_PROBE, ZERO_WINDOW_PROBE_ACK
cdef long long MASK, AHEAD, FAST_NS, REORDER_NS, REPORTED

@cython.locals(seq=cython.longlong, ack=cython.longlong, flags=cython.longlong, window=cython.longlong, length=cython.longlong, ahead=cython.longlong, found=cython.longlong)
cpdef long long analyse(Direction own, Direction peer, HeaderRow row, long long first_rtt)
@cython.locals(seq=cython.longlong, ack=cython.longlong, window=cython.longlong, length=cython.longlong, found=cython.longlong, offered=cython.longlong)
cdef long long _plain(Direction own, Direction peer, HeaderRow row, long long ahead)
cdef long long _same_ack(Direction own, Direction peer, long long window)
@cython.locals(reported=cython.bint)
cdef long long _acked_unseen(Direction peer)
@cython.locals(seq=cython.longlong, length=cython.longlong, ahead=cython.longlong, size=cython.longlong, third=cython.bint)
cdef long long _repeated(Direction own, Direction peer, HeaderRow row, long long first_rtt)
@cython.locals(seq=cython.longlong, flags=cython.longlong, end=cython.longlong)
cdef void _advance(Direction own, HeaderRow row)
