"""DNS messages (RFC 1035) with masked names and addresses, in place and as long as they were. What
else a record holds is zeros."""

from __future__ import annotations

import struct
from collections.abc import Callable

A, NS, CNAME, SOA, PTR, MX, AAAA, SRV, DNAME = 1, 2, 5, 6, 12, 15, 28, 33, 39
NAME_AT = {NS: 0, CNAME: 0, PTR: 0, DNAME: 0, MX: 2, SRV: 6, SOA: 0}  # bytes into the record
HEADER = 12  # bytes
MOST_LABELS = 128
_COUNTS = struct.Struct("!4H")
_RECORD = struct.Struct("!HHIH")
MaskName = Callable[[str], str]  # as long as what it is given
MaskAddress = Callable[[bytes], bytes]


class DnsMask:
    """One message in `data` from `at` until `end`; `whole` is what it was."""

    def __init__(self, data: bytearray, at: int, end: int) -> None:
        self._data = data
        self._at = at
        self._end = end
        self._whole = bytes(data[at:end])
        self._done: set[int] = set()  # where labels begin that are masked
        self.names: list[str] = []

    def apply(self, mask_name: MaskName, mask_address: MaskAddress) -> int:
        """How far it is masked: what is behind that is not understood, or not there."""
        done = self._at + HEADER
        if done > self._end:
            return self._at
        questions, *others = _COUNTS.unpack_from(self._data, self._at + 4)
        place = HEADER
        try:
            for _ in range(questions):
                place = self._name(place, mask_name) + 4
                done = self._up_to(place)
            for _ in range(sum(others)):
                place = self._record(place, mask_name, mask_address)
                done = self._up_to(place)
        except (IndexError, struct.error):
            pass
        return done

    def _up_to(self, place: int) -> int:
        if place > len(self._whole):
            raise IndexError
        return self._at + place

    def _record(self, place: int, mask_name: MaskName, mask_address: MaskAddress) -> int:
        place = self._name(place, mask_name)
        kind, size = self._kind_and_size(place)
        begin = place + _RECORD.size
        end = begin + size
        if end > len(self._whole):
            raise IndexError
        piece = self._whole[begin:end]
        if (kind, size) in ((A, 4), (AAAA, 16)):
            self._put(begin, mask_address(piece))
        elif kind in NAME_AT and size > NAME_AT[kind]:
            self._names_of_record(kind, begin, end, mask_name)
        else:
            self._put(begin, bytes(size))
        return end

    def _kind_and_size(self, place: int) -> tuple[int, int]:
        kind, _, _, size = _RECORD.unpack_from(self._whole, place)
        return kind, size

    def _names_of_record(self, kind: int, begin: int, end: int, mask_name: MaskName) -> None:
        place = self._name(begin + NAME_AT[kind], mask_name)
        if kind == SOA:
            self._name(place, mask_name)
        elif place < end:
            self._put(place, bytes(end - place))

    def _put(self, place: int, new: bytes) -> None:
        self._data[self._at + place : self._at + place + len(new)] = new

    def _name(self, place: int, mask_name: MaskName) -> int:
        """Mask a name's labels; the place behind it."""
        labels = self._labels(place)
        text = ".".join(label.decode("latin-1").replace(".", "·") for _, label in labels)
        if text:
            self.names.append(text)
            masked = mask_name(text).split(".")
            for (begin, label), new in zip(labels, masked, strict=True):
                if begin not in self._done:
                    self._done.add(begin)
                    packed = new.encode("latin-1", "replace")
                    self._put(begin, packed[: len(label)].ljust(len(label), b"x"))
        return self._behind(place)

    def _behind(self, place: int) -> int:
        while (size := self._whole[place]) and size < 0xC0:
            place += 1 + size
        return place + (2 if size else 1)

    def _labels(self, place: int) -> list[tuple[int, bytes]]:
        """(where it begins, a label) of a name, across its pointers."""
        found: list[tuple[int, bytes]] = []
        for _ in range(MOST_LABELS):
            size = self._whole[place]
            if not size:
                return found
            if size >= 0xC0:
                place = (size & 0x3F) << 8 | self._whole[place + 1]
            else:
                label = self._whole[place + 1 : place + 1 + size]
                if len(label) < size:
                    raise IndexError
                found.append((place + 1, label))
                place += 1 + size
        raise IndexError
