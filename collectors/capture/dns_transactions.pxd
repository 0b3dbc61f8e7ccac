# Types of dns_transactions.py for the compiled core.
cdef long long UNANSWERED_NS, CHAIN_NS, MAX_CHAINS, RESPONSE, OPCODE, TRUNCATED, MULTICAST_PORT

cdef class DnsTracker:
    cdef dict __dict__  # for what has no type here yet
    cdef public object on_done, totals, done
    cdef public long long revision
    cdef dict _pending, _by_id, _multicast, _chains
    cpdef add(self, tuple ends, long long ns, bytes data, bint over_tcp=*)
    cdef _add_parsed(self, tuple ends, long long ns, bytes data, bint over_tcp)
    cdef _ask(self, tuple key, long long ns, bint over_tcp)
    cdef _answer(self, tuple key, long long ns, long long flags, long long answers)
    cdef _forget(self, tuple key)
    cdef _end(self, object found)
