# Types of dns_names.py for the compiled core.
cimport cython

cdef dict _known
cdef tuple NEW

cpdef long long word(bytes data, Py_ssize_t at)
@cython.locals(behind=cython.Py_ssize_t, text=bytes, found=tuple)
cpdef tuple plain_question(bytes data, Py_ssize_t start, Py_ssize_t end)
