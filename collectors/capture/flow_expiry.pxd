# Types of flow_expiry.py for the compiled core.
cimport cython
from collectors.capture.dns_ports cimport is_dns_port
from collectors.capture.tcp cimport TcpFlow
from collectors.capture.tracked_flow cimport TrackedFlow
from collectors.capture.udp cimport UdpFlow

cdef long long KEPT_NS, LOOK_NS, GRAIN_NS

cpdef long long expires_after(TrackedFlow flow, bint keep_idle=*)
cdef long long _udp_expires_after(UdpFlow flow, bint keep_idle)
cdef long long _tcp_expires_after(TcpFlow flow, bint keep_idle)

cdef class ExpiryQueue:
    cdef public bint keep_idle
    cdef dict _due
    cdef list _order, _of_latest
    cdef long long _latest
    cpdef add(self, TrackedFlow flow, long long ns)
    @cython.locals(gone=list, flow=TrackedFlow, silent=cython.longlong, allowed=cython.longlong)
    cpdef list expired(self, long long ns)
    @cython.locals(step=cython.longlong)
    cdef _look_at(self, TrackedFlow flow, long long at)
    @cython.locals(flows=list)
    cdef list _flows_of(self, long long step)
