"""An sshd of the test's own: a loopback port, a host key and a user's key that are made for it, and
nothing of this machine's own ssh."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
MISSING = (
    "openssh-server is not installed: nothing is joined over ssh. apt-get install openssh-server"
)
HOST = "bastion"
ROOT = Path(__file__).parent.parent.parent
PRIVILEGES = Path("/run/sshd")  # where an sshd of root's keeps its unprivileged part


@contextlib.contextmanager
def ssh_server(folder: Path, environment: Mapping[str, str]) -> Iterator[Path]:
    """A folder for PATH whose `ssh` knows the host `bastion`, where `podwire` is this one;
    `environment` is what sessions have there."""
    assert SSHD is not None
    for name in ("host", "user"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True
        )
    (port_of := socket.socket()).bind(("127.0.0.1", 0))
    port = port_of.getsockname()[1]
    port_of.close()
    _write_settings(folder, port, environment)
    with _privilege_folder():
        server = subprocess.Popen([SSHD, "-D", "-e", "-f", folder / "sshd_config"], stderr=-1)
        try:
            _wait(server, port)
            yield folder / "bin"
        finally:
            server.terminate()
            server.wait()


def _write_settings(folder: Path, port: int, environment: Mapping[str, str]) -> None:
    (folder / "authorized").write_text((folder / "user.pub").read_text())
    key = " ".join((folder / "host.pub").read_text().split()[:2])
    (folder / "known").write_text(f"[127.0.0.1]:{port} {key}\n")
    (there := folder / "there").mkdir()
    _script(there / "podwire", f'export PYTHONPATH={ROOT}\nexec {sys.executable} -m cli.main "$@"')
    seen = {"PATH": f"{there}:{os.environ['PATH']}", **environment}
    settings = {
        "Port": str(port),
        "ListenAddress": "127.0.0.1",
        "HostKey": str(folder / "host"),
        "AuthorizedKeysFile": str(folder / "authorized"),
        "PidFile": "none",
        "StrictModes": "no",
        "UsePAM": "no",
        "PasswordAuthentication": "no",
        "PermitRootLogin": "prohibit-password",
        "SetEnv": " ".join(f'{name}="{value}"' for name, value in seen.items()),
    }
    lines = "".join(f"{name} {value}\n" for name, value in settings.items())
    (folder / "sshd_config").write_text(lines)
    (folder / "ssh_config").write_text(
        f"Host {HOST}\nHostName 127.0.0.1\nPort {port}\nUser {getpass.getuser()}\n"
        f"IdentityFile {folder / 'user'}\nIdentitiesOnly yes\n"
        f"UserKnownHostsFile {folder / 'known'}\nStrictHostKeyChecking yes\n"
    )
    (here := folder / "bin").mkdir()
    ssh = shutil.which("ssh")
    _script(here / "ssh", f'exec {ssh} -F {folder / "ssh_config"} "$@"')


def _script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@contextlib.contextmanager
def _privilege_folder() -> Iterator[None]:
    made = os.getuid() == 0 and not PRIVILEGES.exists()
    if made:
        PRIVILEGES.mkdir(mode=0o755)
    try:
        yield
    finally:
        if made:
            PRIVILEGES.rmdir()


def _wait(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        assert server.poll() is None, server.stderr and server.stderr.read().decode()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert time.monotonic() < deadline, "sshd does not listen"
        time.sleep(0.05)
