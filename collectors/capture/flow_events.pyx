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


cdef class FlowEvents:
    def __dealloc__(self):
        PyMem_Free(self.start)
        Py_XDECREF(self.notes)

    def __len__(self):
        return self.count

    def listed(self):
        """In their order."""
        cdef Event *event
        cdef int place
        cdef list found = []
        for place in range(self.count):
            event = self.start + place
            made = FlowEvent(
                event.at, bool(event.by_client), KINDS[event.kind], event.size, self.note_of(event)
            )
            made.until, made.count = event.until, event.count
            found.append(made)
        return found

    cdef str note_of(self, Event *event):
        return (<list>self.notes)[event.note - 1] if event.note else ""

    cpdef note(self, int64_t at, bint by_client, int64_t kind, int64_t size):
        """One more, or another like the last."""
        cdef Event *last
        if self.count:
            last = self.start + self.count - 1
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
        if self.count:
            last = self.start + self.count - 1
            if last.kind == ERROR and last.count < MOST_ALIKE and self.note_of(last) == text:
                last.until = at
                last.count += 1
                return
        if self.notes is NULL:
            notes = []
            Py_INCREF(notes)
            self.notes = <PyObject *>notes
        notes = <list>self.notes
        if self.count >= MAX_EVENTS:
            return
        if text:
            notes.append(text)
        self._add(at, False, ERROR, 0, len(notes) if text else 0)

    cdef int _add(
        self, int64_t at, bint by_client, int64_t kind, int64_t size, uint16_t note
    ) except -1:
        cdef Event *moved
        cdef int room = 2 * self.room + 1
        if self.count >= MAX_EVENTS:
            return 0
        if self.count == self.room:
            moved = <Event *>PyMem_Realloc(self.start, room * sizeof(Event))
            if moved is NULL:
                raise MemoryError()
            self.start, self.room = moved, room
        moved = self.start + self.count
        moved.at = moved.until = at
        moved.size, moved.count = size, 1
        moved.kind, moved.by_client, moved.note = <uint8_t>kind, by_client, note
        self.count += 1
        return 0
