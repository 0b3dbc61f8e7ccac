# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Compiled: the events of a TCP connection, which flow_events.py describes, without an object for
each."""

from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.ref cimport Py_INCREF, Py_XDECREF

from collectors.capture.flow_event import ICMP_ERROR, KINDS, FlowEvent

cdef enum:
    MAX_EVENTS = 400
    MOST_ALIKE = 0xFFFFFFFF

cdef int64_t ERROR = ICMP_ERROR


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
