"""A plugin may ask before the console opens; and no secret is in any file, log, traceback or recording."""

from __future__ import annotations

import base64
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors.recording.blocks import blocks, content
from lab.supervisor import Lab
from tests.collectors.test_credentials import Place
from tests.support.lab_client import client_of
from tests.support.terminal import PROGRAM, Tmux
from tests.support.tls_front import Certificates, Front

pytestmark = pytest.mark.skipif(
    not shutil.which("tmux"), reason="NO TMUX: install tmux to drive the real console"
)


@pytest.fixture
def front() -> Iterator[Front]:
    made = Front()
    yield made
    made.close()


@pytest.fixture
def place(lab: Lab, front: Front, tmp_path: Path) -> Place:
    address, _, token = json.loads(lab.kubeconfig.read_text())["clusters"][0]["cluster"][
        "server"
    ].rpartition("/")
    plain = int(address.rpartition(":")[2])
    certificates = Certificates(tmp_path)
    port = front.tls(certificates, "server", plain, ask_client=True)
    return Place(tmp_path, port, token, certificates, front, plain)


@pytest.fixture
def tmux(place: Place) -> Iterator[Tmux]:
    for name in ("state", "tmp"):
        (place.folder / name).mkdir()
    terminal = Tmux()
    terminal.line(f"export XDG_STATE_HOME={place.folder}/state TMPDIR={place.folder}/tmp; clear")
    yield terminal
    terminal.close()


def with_certificate(place: Place, user: dict[str, object]) -> Path:
    data = {
        f"client-{kind}-data": base64.b64encode(place.certificates.text(f"client.{end}")).decode()
        for kind, end in (("certificate", "crt"), ("key", "key"))
    }
    return place.config({**data, **user})


def test_a_plugin_that_asks_has_the_terminal_before_the_console_opens(
    place: Place, tmux: Tmux
) -> None:
    body = f'printf "Code: " >&2; read code; [ "$code" = 4711 ] || exit 1; {place.credential()}'
    config = with_certificate(place, place.plugin(body, interactiveMode="Always"))
    tmux.line(f"KUBECONFIG={config} {PROGRAM}; echo EXIT=$?")
    tmux.until(r"^Code:")
    tmux.line("4711")
    tmux.until(r"● live", 20)
    tmux.keys("q")
    tmux.until(r"EXIT=0")
    tmux.line(f"clear; KUBECONFIG={config} {PROGRAM}; echo EXIT=$?")
    tmux.until(r"^Code:")
    tmux.line("wrong")
    tmux.until(r"EXIT=2")
    assert "The credential plugin plugin.sh failed with exit code 1." in tmux.screen()


def held(path: Path) -> bytes:
    """What is in a file; of one of a session, what is in its blocks as well."""
    data = path.read_bytes()
    if path.suffix == ".zst":
        data += b"".join(piece for block in blocks(path) for piece in content(block))
    return data


async def test_no_secret_is_written_anywhere(lab: Lab, place: Place, tmux: Tmux) -> None:
    """Token, key and password planted; a session recorded, errors that repeat the token, a crash with it in hand."""
    async with client_of(lab) as client:
        config = with_certificate(place, place.plugin(place.credential()))
        broken = place.folder / "broken.py"
        broken.write_text(
            "import sys, time; sys.path.insert(0, '.'); from tui.screens import target; from cli.main import main\n"
            "old, began = target.TargetScreen.pull, time.time()\n"
            "def pull(self):\n"
            "    if self.data.phase == 'live' and time.time() - began > 6:\n"
            "        token = self.control.cluster.cluster.rest.credentials._authorization\n"
            "        raise RuntimeError(f'with {token}')\n"
            "    old(self)\n"
            "target.TargetScreen.pull = pull\n"
            f"sys.exit(main(['--yes', '--record', '{place.folder}/state/rec.jsonl']))\n"
        )
        await client.hook(
            do="rule", match="/services$", code=500, body=f'{{"message":"bad token {place.token}"}}'
        )
        tmux.line(f"KUBECONFIG={config} {sys.executable} {broken}; echo EXIT=$?")
        tmux.until(r"● live", 20)
        tmux.keys("Enter")
        tmux.until(r"RuntimeError", 30)
        tmux.until(r"EXIT=1")
        await client.hook(do="clear")
    shown = tmux.screen().replace("\n", "")
    key = [
        line
        for line in place.certificates.text("client.key").decode().splitlines()
        if "-----" not in line
    ]
    written = [
        p for folder in ("state", "tmp") for p in (place.folder / folder).rglob("*") if p.is_file()
    ]
    expected = {"journal.jsonl", "rec.jsonl", "crash.log", "timeline.zst"}
    assert {p.name for p in written} >= expected
    for secret in (place.token, *key):
        assert secret not in shown
        for path in written:
            assert secret.encode() not in held(path), path
    for path in written:
        assert path.stat().st_mode & 0o777 == 0o600, path
    recording = (place.folder / "state" / "rec.jsonl").read_text()
    assert "bad token \\u2039hidden\\u203a" in recording, (
        "the message was recorded, without the token"
    )
