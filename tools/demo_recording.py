"""Makes the recording of `podwire demo` from a recorded session of the lab:

    python -m tools.demo_recording SESSION cli/demo.tar

Names of this machine and its user, and whatever looks like a secret, are replaced; the lab's own
names and addresses are nobody's, and stay.
"""

from __future__ import annotations

import getpass
import re
import socket
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from collectors.events import CaptureState, Event, Mark, SessionStart
from collectors.privacy.secret_patterns import without_secrets
from collectors.privacy.text_map import map_text
from collectors.recording.event_log import RecordingSource
from collectors.stream import Stream
from session.opened_recording import converted
from session.session_files import export

STAND_IN = "operator"


class MaskedSource(RecordingSource):
    def events(self) -> Iterator[Event]:
        return map(masked, super().events())


def masked(event: Event) -> Event:
    event = map_text(event, _clean)
    if isinstance(event, SessionStart):
        return replace(event, context="lab", user=STAND_IN)
    if isinstance(event, Mark):
        return replace(event, author=STAND_IN)
    return replace(event, kept="") if isinstance(event, CaptureState) else event


def _clean(text: str) -> str:
    for name in {socket.gethostname(), getpass.getuser()} - {"root", "localhost"}:
        text = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", STAND_IN, text)
    return without_secrets(text.replace(f"root@{STAND_IN}", STAND_IN))


def main(session: str, made: str) -> None:
    with tempfile.TemporaryDirectory() as place:
        directory = converted(MaskedSource(Path(session), Stream()), Path(place))
        export(directory, Path(made))


if __name__ == "__main__":
    main(*sys.argv[1:])
