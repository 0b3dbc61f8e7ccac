# Types of udp.py for the compiled core.
cimport cython
from collectors.capture.direction cimport interface_direction
from collectors.capture.header_row cimport HeaderRow
from collectors.capture.tracked_flow cimport TrackedFlow

cdef long long COPY

cdef class UdpDirection:
    cdef public bytes address
    cdef public long long port, interface, packets, bytes, payload, seen_on
    cdef public bint client
    cpdef begin(self, bytes address, long long port, long long interface)

cdef class UdpFlow(TrackedFlow):
    cdef public UdpDirection client, server
    cdef public bint unreachable
    @cython.locals(first=UdpDirection, second=UdpDirection)
    cpdef begin(self, long long number, HeaderRow row)
    @cython.locals(ns=cython.longlong)
    cpdef long long add(self, UdpDirection own, HeaderRow row)
