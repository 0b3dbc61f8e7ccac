# Types of header_row.py for the compiled core.

cdef class HeaderRow:
    cdef public bytes source, destination, data
    cdef public long long protocol, source_port, destination_port
    cdef public long long sequence, acknowledgment, flags, window
    cdef public long long length, offset, identification, interface, network, ns, wire
    cpdef tuple headers(self)
