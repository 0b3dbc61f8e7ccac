# What other modules of the core call without Python in between.
from libc.stdint cimport int64_t
from collectors.capture.header_row cimport HeaderRow

cpdef Py_ssize_t next_record(HeaderRow row, Py_ssize_t position, tuple layout) except -1
cpdef bint read_headers(HeaderRow row, int64_t linktype) except -1
cpdef bytes flow_key(HeaderRow row)
cpdef bytes exchange_key(
    bytes client, int64_t client_port, bytes server, int64_t server_port, int64_t identity
)
