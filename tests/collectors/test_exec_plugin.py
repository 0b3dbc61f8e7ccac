"""A credential plugin that asks: on the terminal before the console opens, never while it is open."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.support.fake_api import serving
from tests.support.listed_cluster import ListedCluster
from tests.support.pseudo_terminal import PODWIRE, ROOT, podwire

pytestmark = pytest.mark.slow

V1 = "client.authentication.k8s.io/v1"
PASSWORD = "opensesame"
PLUGIN = f"""#!/bin/sh
printf 'asked %s\\n' "$KUBERNETES_EXEC_INFO" >> {{log}}
case "$KUBERNETES_EXEC_INFO" in
*'"interactive": true'*) ;;
*) echo 'I must ask for a password' >&2; exit 3 ;;
esac
printf 'Password: ' >&2
read -r password
printf '{{{{"apiVersion":"{V1}","kind":"ExecCredential","status":{{{{"token":"%s"}}}}}}}}' "$password"
"""


class Guarded(ListedCluster):
    """`accepted` is the only token that it knows."""

    accepted = PASSWORD

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {self.accepted}":
            body = {"kind": "Status", "code": 401, "reason": "Unauthorized", "message": "no"}
            return web.json_response(body, status=401)
        return await super().answer(request)


@pytest.fixture
def api() -> Guarded:
    return Guarded()


@pytest.fixture
def kubeconfig(api: Guarded, tmp_path: Path) -> Iterator[Path]:
    with serving(api, tmp_path) as path:
        plugin = tmp_path / "ask.sh"
        plugin.write_text(PLUGIN.format(log=tmp_path / "asked"))
        plugin.chmod(0o700)
        document: dict[str, Any] = json.loads(path.read_text())
        document["users"][0]["user"] = {
            "exec": {"apiVersion": V1, "command": "./ask.sh", "interactiveMode": "IfAvailable"}
        }
        path.write_text(json.dumps(document))
        yield path


def test_it_asks_on_the_terminal_and_the_console_opens(kubeconfig: Path, tmp_path: Path) -> None:
    arguments = ("--no-record", "--kubeconfig", str(kubeconfig), "-n", "shop")
    with podwire(arguments, tmp_path, size=(30, 120)) as terminal:
        terminal.until("Password: ")
        terminal.send(f"{PASSWORD}\n".encode())
        terminal.until("2 pods, namespace shop")
        terminal.send(b"q")
        assert terminal.ended() == 0
    assert (tmp_path / "asked").read_text().count("asked") == 1


def test_a_wrong_answer_is_a_sentence(kubeconfig: Path, tmp_path: Path) -> None:
    """It is asked once more, since the server does not know the token; nothing repeats it."""
    arguments = ("--no-record", "--kubeconfig", str(kubeconfig), "-n", "shop")
    with podwire(arguments, tmp_path, size=(30, 120)) as terminal:
        for _ in range(2):
            terminal.until("Password: ")
            terminal.got = b""
            terminal.send(b"wrong-word\n")
        assert terminal.ended() == 3
        assert "does not accept your credentials" in terminal.text()


def test_while_the_console_is_open_it_may_not_ask_until_login(
    api: Guarded, kubeconfig: Path, tmp_path: Path
) -> None:
    arguments = ("--no-record", "--kubeconfig", str(kubeconfig), "-n", "shop")
    with podwire(arguments, tmp_path, size=(30, 120)) as terminal:
        terminal.until("Password: ")
        terminal.send(f"{PASSWORD}\n".encode())
        terminal.until("2 pods, namespace shop")
        api.accepted = "another"  # as when a session at the provider ends
        terminal.send(b"\r")  # asks the API server about the pod
        terminal.until("I must ask for a password")
        terminal.until("`:login`")
        terminal.send(b"\x1b")
        terminal.read(0.5)
        terminal.got = b""
        terminal.send(b":login\r")
        terminal.until("Password: ")
        terminal.send(b"another\n")
        terminal.until("2 pods, namespace shop")
        terminal.send(b"q")
        assert terminal.ended() == 0


def test_without_a_terminal_it_says_that_it_could_not_ask(kubeconfig: Path) -> None:
    done = subprocess.run(
        [*PODWIRE, "doctor", "--kubeconfig", str(kubeconfig)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "failed with exit code 3. Log in, and start podwire again." in done.stderr
