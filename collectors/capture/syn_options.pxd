# Types of syn_options.py for the compiled core.
cimport cython
from collectors.capture.direction cimport Direction
from collectors.capture.header_row cimport HeaderRow

cdef long long END, NOP, MSS, MSS_SIZE, WINDOW_SCALE, WINDOW_SCALE_SIZE, LARGEST_SCALE, NOT_SEEN

@cython.locals(data=bytes, start=cython.Py_ssize_t, end=cython.Py_ssize_t, at=cython.Py_ssize_t, size=cython.Py_ssize_t)
cpdef void read_syn_options(Direction own, HeaderRow row)
