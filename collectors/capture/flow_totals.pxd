# Types of flow_totals.py for the compiled core.

cdef class FlowTotals:
    cdef public long long packets, other, tcp, udp, left, forgotten, refused
