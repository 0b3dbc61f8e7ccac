# Types of kept_flows.py for the compiled core.
cimport cython
from collectors.capture.flow_expiry cimport ExpiryQueue
from collectors.capture.flow_totals cimport FlowTotals
from collectors.capture.flows_by_ends cimport FlowsByEnds
from collectors.capture.flows_gone cimport GoneFlows
from collectors.capture.header_row cimport HeaderRow
from collectors.capture.tcp cimport TcpFlow
from collectors.capture.tracked_flow cimport TrackedFlow
from collectors.capture.udp cimport UdpFlow

cdef class KeptFlows:
    cdef public FlowTotals totals
    cdef public long long evicted_ns
    cdef long long _limit, _number
    cdef bint _evict
    cdef object _leaving, _dns_streams
    cdef ExpiryQueue _expiry
    cdef GoneFlows _gone
    cdef FlowsByEnds _kept
    @cython.locals(flow=TcpFlow)
    cdef TcpFlow _open_tcp(self, HeaderRow row)
    @cython.locals(flow=UdpFlow)
    cdef UdpFlow _open_udp(self, HeaderRow row)
    cdef bint _is_first(self, HeaderRow row)
    cdef bint _room(self)
    cdef _let_go(self, long long ns)
    cdef _leave(self, TrackedFlow flow)
    cdef _all_leave(self)
