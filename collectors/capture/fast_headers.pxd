# What other modules of the core call without Python in between.
from libc.stdint cimport int64_t
from collectors.capture.header_row cimport HeaderRow

cpdef HeaderRow headers(int64_t linktype, bytes data, int64_t length)
cpdef bytes flow_key(HeaderRow row)
