# Types of dns_transactions.py for the compiled core.
cimport cython
from collectors.capture.dns_names cimport plain_question, word
from collectors.capture.fast_headers cimport exchange_key
from collectors.capture.header_row cimport HeaderRow

cdef long long UNANSWERED_NS, CHAIN_NS, LOOK_NS, RESPONSE, OPCODE, TRUNCATED, MULTICAST_PORT

cdef class DnsTransaction:
    cdef public bytes client, server
    cdef public long long port, at, again_at, answered_at, answers, retries
    cdef public str name, type
    cdef public object rcode
    cdef public bint truncated, over_tcp
    cdef public tuple tried
    cpdef begin(self, HeaderRow row, tuple question, bint over_tcp)

cdef class DnsTotals:
    cdef public long long asked, answered, unanswered, retries, truncated, left_out
    cdef public dict codes

cdef class DnsTracker:
    cdef public object on_done, done
    cdef public DnsTotals totals
    cdef public long long revision
    cdef long long _look_at
    cdef dict _pending, _by_id, _multicast, _chains
    @cython.locals(question=tuple, key=tuple, identity=cython.longlong, flags=cython.longlong, answers=cython.longlong)
    cpdef add(self, HeaderRow row, bytes data, Py_ssize_t start, Py_ssize_t end, bint over_tcp=*)
    cdef _add_parsed(self, HeaderRow row, bytes data, bint over_tcp)
    @cython.locals(ends=bytes, key=tuple, ns=cython.longlong, known=DnsTransaction, found=DnsTransaction)
    cdef _ask(self, HeaderRow row, long long identity, tuple question, bint over_tcp)
    @cython.locals(found=DnsTransaction)
    cdef _answer(self, tuple key, long long ns, long long flags, long long answers)
    cdef _forget(self, tuple key)
    cdef _end(self, DnsTransaction found)
    @cython.locals(waiting=DnsTransaction)
    cpdef expire(self, long long ns)

cdef bytes _answered(HeaderRow row, long long identity)
