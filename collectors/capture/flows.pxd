# Types of flows.py for the compiled core.
cimport cython
from collectors.capture.direction cimport Direction
from collectors.capture.dns_ports cimport is_dns_port
from collectors.capture.fast_headers cimport flow_key, headers
from collectors.capture.flow_expiry cimport ExpiryQueue
from collectors.capture.header_row cimport HeaderRow
from collectors.capture.tcp cimport TcpFlow
from collectors.capture.tracked_flow cimport TrackedFlow
from collectors.capture.udp cimport UdpDirection, UdpFlow

cdef long long TCP, ACK, SYN, COPY, LINUX_SLL, CHECK_NS, SET_BACK_NS

cdef class FlowTable:
    cdef dict __dict__  # for what has no type here yet
    cdef public object totals, lookups
    cdef public long long revision, first_ns, latest_ns
    cdef long long _limit, _number, _next_check
    cdef bint _evict, _hops
    cdef object _leaving, _copies, _gone
    cdef ExpiryQueue _expiry
    cdef dict _tcp, _udp, _flows, _dns_streams
    @cython.locals(results=list, cooked=cython.bint, next_check=cython.longlong, ns=cython.longlong, data=bytes, wire=cython.longlong, row=HeaderRow)
    cpdef list add(self, long long linktype, object packets)
    @cython.locals(analysis=cython.longlong, key=bytes, flow=TcpFlow, own=Direction, peer=Direction)
    cdef tuple _one_tcp(self, HeaderRow row)
    @cython.locals(analysis=cython.longlong, key=bytes, flow=UdpFlow, own=UdpDirection)
    cdef tuple _one_udp(self, HeaderRow row)
    cdef TcpFlow _open_tcp(self, HeaderRow row, bytes key)
    cdef UdpFlow _open_udp(self, HeaderRow row, bytes key)
    cdef bint _is_first(self, bytes key, HeaderRow row)
    cdef bint _room(self)
    cdef _enter(self, TrackedFlow flow, long long ns)
    cdef _leave(self, TrackedFlow flow)

@cython.locals(own=Direction)
cdef bint _reopened(TcpFlow flow, HeaderRow row)
cdef bint _is_dns(HeaderRow row)
