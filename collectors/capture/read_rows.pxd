# Types of read_rows.py for the compiled core.
cimport cython
from collectors.capture.fast_headers cimport next_record, read_headers
from collectors.capture.header_row cimport HeaderRow

@cython.locals(rows=list, row=HeaderRow, data=bytes, position=cython.Py_ssize_t, layout=tuple)
cpdef list read_rows(long long linktype, object found)
@cython.locals(other=HeaderRow)
cdef HeaderRow _read(long long linktype, HeaderRow row)
