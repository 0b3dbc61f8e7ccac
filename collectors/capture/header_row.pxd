# Types of header_row.py for the compiled core.

cdef class HeaderRow:
    cdef public bytes source, destination, data
    cdef public long long protocol, source_port, destination_port
    cdef public long long sequence, acknowledgment, flags, window
    cdef public long long length, offset, identification, interface, network, ns, wire
    cdef public Py_ssize_t begin, end
    cpdef hold(self, long long ns, bytes data, long long wire)
    cpdef bytes packet(self)
    cpdef tuple headers(self)
