# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Compiled: the events of a TCP connection, which flow_events.py describes, without an object for
each."""

from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.ref cimport Py_INCREF, Py_XDECREF
from libc.string cimport memset

from collectors.capture.flow_event import ICMP_ERROR, KINDS, FlowEvent

cdef enum:
    MAX_EVENTS = 400
    MOST_KINDS = 32
    MOST_ALIKE = 0xFFFFFFFF

cdef int64_t ERROR = ICMP_ERROR


cdef int _add_counts(dict found, int64_t period, int64_t *counts) except -1:
    """Of one period, which begin at 0 again."""
    cdef int place
    for place in range(2 * MOST_KINDS):
        if counts[place]:
            key = (period, place // 2, place % 2 == 1)
            found[key] = found.get(key, 0) + counts[place]
            counts[place] = 0
    return 0


cdef class FlowWithEvents(TrackedFlow):
    def __dealloc__(self):
        PyMem_Free(self._events)
        Py_XDECREF(self._notes)

    @property
    def event_count(self):
        return self._count

    @property
    def events(self):
        """What happened, in its order; a new list each time."""
        cdef Event *event
        cdef int place
        cdef list found = []
        for place in range(self._count):
            event = self._events + place
            made = FlowEvent(
                event.at, bool(event.by_client), KINDS[event.kind], event.size, self._note_of(event)
            )
            made.until, made.count = event.until, event.count
            found.append(made)
        return found

    def counted_events(self, int64_t kinds, int64_t every):
        """How often what is of some kinds happened, by periods of `every` ns in which it began."""
        cdef Event *event
        cdef int64_t period = 0, latest = 0
        cdef int64_t[2 * MOST_KINDS] counts
        cdef int place
        cdef bint has_some = False
        cdef dict found = {}
        if every <= 0:
            raise ZeroDivisionError("periods of no time")
        memset(counts, 0, sizeof(counts))
        for place in range(self._count):
            event = self._events + place
            if not kinds >> (event.kind & (MOST_KINDS - 1)) & 1:
                continue
            period = event.at // every - (event.at % every < 0)  # downwards, as Python
            if has_some and period != latest:
                _add_counts(found, latest, counts)
            latest, has_some = period, True
            counts[2 * (event.kind & (MOST_KINDS - 1)) + (event.by_client != 0)] += event.count
        if has_some:
            _add_counts(found, latest, counts)
        return found

    cdef str _note_of(self, Event *event):
        return (<list>self._notes)[event.note - 1] if event.note else ""

    cpdef note(self, int64_t at, bint by_client, int64_t kind, int64_t size):
        """One more, or another like the last."""
        cdef Event *last
        if self._count:
            last = self._events + self._count - 1
            if last.kind == kind and last.by_client == by_client and last.count < MOST_ALIKE:
                last.until = at
                last.count += 1
                last.size += size
                return
        self._add(at, by_client, kind, size, 0)

    cpdef note_error(self, int64_t at, str text):
        """An ICMP error, and what it says."""
        cdef Event *last
        cdef list notes
        if self._count:
            last = self._events + self._count - 1
            if last.kind == ERROR and last.count < MOST_ALIKE and self._note_of(last) == text:
                last.until = at
                last.count += 1
                return
        if self._count >= MAX_EVENTS:
            return
        if self._notes is NULL:
            notes = []
            Py_INCREF(notes)
            self._notes = <PyObject *>notes
        notes = <list>self._notes
        if text:
            notes.append(text)
        self._add(at, False, ERROR, 0, len(notes) if text else 0)

    cdef int _add(
        self, int64_t at, bint by_client, int64_t kind, int64_t size, uint16_t note
    ) except -1:
        cdef Event *event
        cdef int room = 2 * self._room + 1
        if self._count >= MAX_EVENTS:
            return 0
        if self._count == self._room:
            event = <Event *>PyMem_Realloc(self._events, room * sizeof(Event))
            if event is NULL:
                raise MemoryError()
            self._events, self._room = event, room
        event = self._events + self._count
        event.at = event.until = at
        event.size, event.count = size, 1
        event.kind, event.by_client, event.note = <uint8_t>kind, by_client, note
        self._count += 1
        return 0
