# Types of flows.py for the compiled core.
cimport cython
from collectors.capture.direction cimport Direction
from collectors.capture.dns_ports cimport is_dns_port
from collectors.capture.dns_transactions cimport DnsTracker
from collectors.capture.fast_headers cimport next_record, read_headers
from collectors.capture.header_row cimport HeaderRow
from collectors.capture.kept_flows cimport KeptFlows
from collectors.capture.tcp cimport TcpFlow
from collectors.capture.udp cimport UdpDirection, UdpFlow

cdef long long TCP, ACK, SYN, COPY, LINUX_SLL, CHECK_NS, SET_BACK_NS

cdef class FlowTable(KeptFlows):
    cdef DnsTracker _lookups
    cdef public long long revision, first_ns, latest_ns
    cdef long long _next_check, _of
    cdef HeaderRow _row
    cdef bint _hops, _dns
    cdef object _copies
    @cython.locals(results=list, ns=cython.longlong, data=bytes, wire=cython.longlong, row=HeaderRow, analysis=cython.longlong)
    cpdef list add(self, long long linktype, object packets)
    @cython.locals(row=HeaderRow, layout=tuple, position=cython.Py_ssize_t, first_ns=cython.longlong, number=cython.Py_ssize_t)
    cpdef follow(self, long long linktype, object found)
    cdef _end_batch(self, long long count, long long first_ns, long long last_ns)
    cdef HeaderRow _unusual(self, long long linktype, HeaderRow row)
    @cython.locals(other=HeaderRow)
    cdef long long _one(self, long long linktype, HeaderRow row) except -1
    @cython.locals(analysis=cython.longlong, flow=TcpFlow, own=Direction, peer=Direction)
    cdef long long _one_tcp(self, HeaderRow row) except -1
    @cython.locals(analysis=cython.longlong, flow=UdpFlow, own=UdpDirection)
    cdef long long _one_udp(self, HeaderRow row) except -1
    @cython.locals(tracker=DnsTracker)
    cdef _look_up(self, HeaderRow row, bytes data, Py_ssize_t start, Py_ssize_t end)
    cdef _expire(self, long long ns)

@cython.locals(own=Direction)
cdef bint _reopened(TcpFlow flow, HeaderRow row)
cdef bint _is_dns(HeaderRow row)
