# Types of flows.py for the compiled core.
cimport cython
from collectors.capture.direction cimport Direction
from collectors.capture.dns_ports cimport is_dns_port
from collectors.capture.fast_headers cimport flow_key, next_record, read_headers
from collectors.capture.flow_expiry cimport ExpiryQueue
from collectors.capture.flow_totals cimport FlowTotals
from collectors.capture.flows_gone cimport GoneFlows
from collectors.capture.header_row cimport HeaderRow
from collectors.capture.tcp cimport TcpFlow
from collectors.capture.tracked_flow cimport TrackedFlow
from collectors.capture.udp cimport UdpDirection, UdpFlow

cdef long long TCP, ACK, SYN, COPY, LINUX_SLL, CHECK_NS, SET_BACK_NS

cdef class FlowTable:
    cdef dict __dict__  # for what has no type here yet
    cdef public FlowTotals totals
    cdef public object lookups
    cdef public long long revision, first_ns, latest_ns
    cdef long long _limit, _number, _next_check, _of
    cdef HeaderRow _row
    cdef GoneFlows _gone
    cdef bint _evict, _hops
    cdef object _leaving, _copies
    cdef ExpiryQueue _expiry
    cdef dict _tcp, _udp, _flows, _dns_streams
    @cython.locals(results=list, ns=cython.longlong, data=bytes, wire=cython.longlong, row=HeaderRow, analysis=cython.longlong)
    cpdef list add(self, long long linktype, object packets)
    @cython.locals(row=HeaderRow, layout=tuple, position=cython.Py_ssize_t, first_ns=cython.longlong, number=cython.Py_ssize_t)
    cpdef follow(self, long long linktype, object found)
    cdef _end_batch(self, long long count, long long first_ns, long long last_ns)
    @cython.locals(other=HeaderRow)
    cdef long long _one(self, long long linktype, HeaderRow row) except -1
    @cython.locals(analysis=cython.longlong, key=bytes, flow=TcpFlow, own=Direction, peer=Direction)
    cdef long long _one_tcp(self, HeaderRow row) except -1
    @cython.locals(analysis=cython.longlong, key=bytes, flow=UdpFlow, own=UdpDirection)
    cdef long long _one_udp(self, HeaderRow row) except -1
    @cython.locals(flow=TcpFlow)
    cdef TcpFlow _open_tcp(self, HeaderRow row, bytes key)
    @cython.locals(flow=UdpFlow)
    cdef UdpFlow _open_udp(self, HeaderRow row, bytes key)
    cdef bint _is_first(self, bytes key, HeaderRow row)
    cdef bint _room(self)
    cdef _enter(self, TrackedFlow flow, long long ns)
    cdef _leave(self, TrackedFlow flow)
    cdef _expire(self, long long ns)

@cython.locals(own=Direction)
cdef bint _reopened(TcpFlow flow, HeaderRow row)
cdef bint _is_dns(HeaderRow row)
