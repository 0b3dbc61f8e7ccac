"""Hostile text through every screen of the real program, in a real terminal: what bytes does the terminal get?"""

import json
import os
import pty
import re
import select
import struct
import sys
import termios
import time
from fcntl import ioctl
from pathlib import Path

import pytest

from collectors import events as ev
from collectors.capture.capture import _last_words
from collectors.cluster.api.rest import failure
from collectors.cluster.attach.container_start import StartingContainer, _state
from collectors.cluster.inventory import row_builders, service_rows
from collectors.errors import ClusterError
from collectors.kernel import sampler
from collectors.recording.event_codec import encode
from collectors.sanitize import sanitize
from tests.collectors.test_dissect import eth

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent
EVIL = (
    "\x1b]0;PWNED\x07\x1b]52;c;UFdORUQ=\x07\x1b[2J\x9b31m\u202eEVIL\u2066[/][@click=app.quit]x[/]"
)
POINTER = b"\x1b]22;default\x07"  # Textual sets the mouse pointer's shape
FORBIDDEN = (
    b"\x1b]0;PWNED",
    b"\x1b]52",
    "\x9b".encode(),
    "\u202e".encode(),
    "\u2066".encode(),
    b"\x07",
)


def evil_objects() -> list[ev.Event]:
    """Objects as an API server could send them, through the edges where they become events."""
    meta = {
        "name": EVIL,
        "namespace": EVIL,
        "uid": EVIL,
        "labels": {row_builders.ZONE: EVIL, "kubernetes.io/service-name": EVIL},
    }
    pod = {
        "metadata": meta,
        "spec": {"nodeName": EVIL, "containers": [{}]},
        "status": {
            "podIP": "10.0.0.3",
            "containerStatuses": [{"state": {"waiting": {"reason": EVIL}}}],
        },
    }
    # an address that is none makes no row: the pod is counted as unreadable
    assert row_builders.built("pods", [{**pod, "status": {"podIP": EVIL}}]) == ([], 1)
    named = {
        "metadata": {"name": "pod-1", "namespace": "shop"},
        "spec": {},
        "status": {"podIP": "10.0.0.2", "reason": EVIL},
    }
    node = {
        "metadata": meta,
        "status": {
            "addresses": [{"type": "InternalIP", "address": EVIL}],
            "nodeInfo": {"architecture": EVIL},
        },
    }
    service = {
        "metadata": meta,
        "spec": {
            "clusterIPs": ["10.0.0.1"],
            "type": EVIL,
            "ports": [{"port": EVIL, "protocol": EVIL}],
        },
    }
    lists: tuple[tuple[str, tuple[ev.Row, ...]], ...] = (
        ("pods", (row_builders.pod_row(pod), row_builders.pod_row(named))),
        ("nodes", (row_builders.node_row(node),)),
        ("services", (service_rows.service_row(service),)),
        ("namespaces", (row_builders.namespace_row({"metadata": meta}),)),
    )
    return [ev.InventoryList(1.0, "", kind, rows) for kind, rows in lists]


def evil_target(key: str) -> list[ev.Event]:
    """What a pod, a wire and a kubelet could say."""
    question = (
        b"\x12\x34\x01\x00\x00\x01\0\0\0\0\0\0"
        + bytes([40])
        + EVIL.encode()[:40]
        + b"\0\0\x01\0\x01"
    )
    udp = struct.pack("!HHHH", 40000, 53, 8 + len(question), 0) + question
    ip = struct.pack(
        "!BBHHHBBH4s4s",
        0x45,
        0,
        20 + len(udp),
        1,
        0,
        64,
        17,
        0,
        bytes([10, 0, 0, 2]),
        bytes([10, 0, 0, 1]),
    )
    packet = eth("0800") + ip + udp
    text = (
        f"\x1euptime\n{{clock}}\n\x1enetns\n{EVIL}\n\x1efiles\n==> /proc/net/dev <==\nx\nx\n{EVIL.replace(chr(10), '')}: "
        f"{{n}} 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n\x1ess tcp\nESTAB 0 0 {EVIL.replace(' ', '')}:1 {EVIL.replace(' ', '')}:2 "
        f"timer:({EVIL},1,2)\nSYN-SENT 0 1 10.0.0.2:5 10.0.0.1:80 timer:(on,1,2)\n"
    )
    found: list[ev.Event] = []
    for tick in range(3):
        body = (
            text.replace("{clock}", str(tick))
            .replace("{n}", str(tick * 9))
            .encode("utf-8", "replace")
        )
        (frame,) = sampler.FrameReader().feed(b"\x1eframe\n" + body + b"\x1eend\n")
        found += list(sampler.events(frame, key, 2.0 + tick))
    found.append(ev.TargetState(2.0, key, "live"))
    found.append(ev.PacketBatch(2.0, key, 1, 1, (ev.Packet(2_000_000_000, packet, len(packet)),)))
    found.append(
        ev.CaptureState(2.0, key, 1, "failed", sanitize(EVIL), _last_words(f"tcpdump: {EVIL}\n"))
    )
    refused = failure(403, {"message": EVIL, "reason": EVIL}, "attach")
    found.append(ev.TargetState(2.0, key, "gap", str(refused)))
    try:
        _state(
            {
                "status": {
                    "s": [
                        {
                            "name": "c",
                            "state": {"waiting": {"reason": "ErrImagePull", "message": EVIL}},
                        }
                    ]
                }
            },
            StartingContainer("shop", "web", container="c", field="s", key=key),
        )
    except ClusterError as error:
        found.append(ev.TargetState(2.0, key, "failed", str(error)))
    found.append(
        ev.Command(2.0, key, sanitize(EVIL), "patch", sanitize(EVIL), f"refused: {refused}")
    )
    return found


class Terminal:
    """The real program in a pseudo-terminal; keeps every byte that it writes there."""

    def __init__(self, *arguments: str, columns: int = 120, rows: int = 40) -> None:
        self.got = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm-256color", COLUMNS="", LINES="", TZ="UTC")
            os.chdir(ROOT)
            os.execv(sys.executable, [sys.executable, "-m", "cli.main", *arguments])
        ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if select.select([self.fd], [], [], left)[0]:
                try:
                    self.got += os.read(self.fd, 1 << 16)
                except OSError:
                    return

    def until(self, text: str, seconds: float = 10.0) -> None:
        deadline = time.monotonic() + seconds
        while text.encode() not in self.got:
            assert time.monotonic() < deadline, f"{text!r} did not come; got {self.got[-600:]!r}"
            self.read(0.1)

    def keys(self, text: str) -> None:
        os.write(self.fd, text.encode())
        self.read(0.8)

    def close(self) -> int:
        self.keys("q")
        self.read(1.0)
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


@pytest.mark.parametrize("screen", ["cluster", "target"])
def test_no_hostile_byte_reaches_the_terminal(tmp_path: Path, screen: str) -> None:
    key = "pod/shop/pod-1"
    start = ev.SessionStart(1.0, "", sanitize(EVIL), sanitize(EVIL), "", "v1")
    events = [start, *evil_objects(), *(evil_target(key) if screen == "target" else [])]
    path = tmp_path / "session.jsonl"
    path.write_text("".join(encode(e) + "\n" for e in events))
    terminal = Terminal("replay", str(path))
    terminal.until("podwire")
    terminal.read(1.5)
    if screen == "cluster":
        for keys in ("2", "3", "1", "n", "/EVIL\r", "\x1b", "?", "\x1b", ":"):
            terminal.keys(keys)
        terminal.keys("\x1b")
    else:
        for keys in (
            "2",
            "3",
            "4",
            "p",
            "5",
            "6",
            "7",
            "8",
            "1",
            "a",
            "a",
            "s",
            "/",
            "\x1b",
            "?",
            "\x1b",
            "z",
            "z",
            "z",
            "w",
        ):
            terminal.keys(keys)
    assert terminal.close() == 0
    shown = re.sub(rb"\x1b\[[0-9;?]*[ -/]*[@-~]", b"", terminal.got)
    for bad in FORBIDDEN:
        assert bad not in terminal.got.replace(POINTER, b""), bad
    assert "␛]0;PWNED␇".encode() in shown, (
        "the hostile text was never on the screen: nothing was tested"
    )
    assert b"Traceback" not in shown


def test_markup_in_names_is_text(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    rows = (
        ev.PodRow("ns", "[@click=app.quit]x[/][/", "u", "n", "10.0.0.1", "[bold]", "0/1", 0, 0.0),
    )
    path.write_text(encode(ev.InventoryList(1.0, "", "pods", rows)) + "\n")
    assert json.loads(path.read_text())
    terminal = Terminal("replay", str(path))
    terminal.until("[@click=app.quit]x[/][/")
    assert terminal.close() == 0
