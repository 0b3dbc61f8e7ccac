"""Whether a file is a capture, by what it begins with; it may be compressed."""

from __future__ import annotations

import contextlib
from pathlib import Path

from collectors.capture.decompression import decoder_for, decompressed
from collectors.capture.pcap import MAGIC
from collectors.capture.pcapng import SECTION_BYTES
from collectors.errors import CaptureError, ConfigError
from collectors.sanitize import sanitize

HEAD = 65_536  # bytes


def is_capture(path: Path) -> bool:
    """ConfigError where it cannot be read."""
    try:
        first = _first_bytes(path)
    except OSError as error:
        name = sanitize(path, 200)
        raise ConfigError(f"{name} cannot be read: {error.strerror or 'it is damaged'}.") from None
    return first in MAGIC or first == SECTION_BYTES


def _first_bytes(path: Path) -> bytes:
    """Of what is in a file, compressed or not."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if (decoder := decoder_for(head)) is None:
        return head[:4]
    found = b""
    with contextlib.suppress(CaptureError):  # the rest of it was not read
        for piece in decompressed([head], decoder):
            found += piece
            if len(found) >= 4:
                break
    return found[:4]
