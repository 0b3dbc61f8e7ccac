"""Credential plugins (`exec` in a kubeconfig: aws, kubelogin, …), run as client-go runs them.

https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
Before the console opens, a plugin may ask on the terminal. While it is open it may not: it runs
without input, and what it needs is said in a sentence.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from pathlib import Path
from typing import Any

from collectors.cluster.api.kubeconfig import KubeconfigEntry
from collectors.errors import ConfigError
from collectors.frozen import frozen
from collectors.sanitize import sanitize, sanitize_bytes
from collectors.terminal_owner import TerminalOwner

GROUP = "client.authentication.k8s.io"
VERSIONS = (f"{GROUP}/v1", f"{GROUP}/v1beta1")
MODES = ("Never", "IfAvailable", "Always")
UNATTENDED_S = 60.0  # while the console is open nobody can answer it


@frozen
class Issued:
    """What a plugin answered. `expires` in seconds since the epoch, 0 for never."""

    token: str = ""
    certificate: bytes = b""
    key: bytes = field(default=b"", repr=False)
    expires: float = 0.0


class ExecPlugin:
    def __init__(
        self, argv: list[str], env: Mapping[str, str], version: str, mode: str, hint: str
    ) -> None:
        self.argv = argv
        self.env = env
        self.version = version
        self.mode = mode
        self.hint = hint
        self.cluster_info: dict[str, Any] | None = None
        self.expires = 0.0
        self._one_at_a_time = asyncio.Lock()

    @classmethod
    def of(cls, user: KubeconfigEntry, cluster: KubeconfigEntry) -> ExecPlugin:
        """The plugin of a user. ConfigError where its configuration is one that kubectl refuses."""
        where = f"The credential plugin of user {sanitize(user.name, 80)!r}"
        config = user.value["exec"]
        if not isinstance(config, dict) or not config.get("command"):
            raise ConfigError(f"{where} names no command.")
        version = _version(config, where)
        arguments = [str(argument) for argument in config.get("args") or ()]
        plugin = cls(
            [_command(str(config["command"]), user.folder), *arguments],
            _environment(config),
            version,
            _mode(config, version, where),
            sanitize(config.get("installHint") or "", 400).strip(),
        )
        if config.get("provideClusterInfo"):
            plugin.cluster_info = _cluster_info(cluster)
        return plugin

    @property
    def name(self) -> str:
        return sanitize(Path(self.argv[0]).name, 60)

    @property
    def expired(self) -> bool:
        return bool(self.expires) and time.time() >= self.expires

    async def run(self) -> Issued:
        """Ask the plugin for credentials. ConfigError with what it said where it gives none."""
        async with self._one_at_a_time:
            interactive = self._interactive()
            code, out, err = await self._run(interactive)
            if code != 0:
                said = f": {sanitize_bytes(err.strip()[-300:], 300)}" if err.strip() else ""
                retry = (
                    ""
                    if interactive or self.mode == "Never"
                    else " Leave podwire, log in, and start it again."
                )
                raise ConfigError(
                    f"The credential plugin {self.name} failed with exit code {code}{said}.{retry}"
                )
            issued = self._read(out)
            self.expires = issued.expires
            return issued

    def _interactive(self) -> bool:
        terminal = not TerminalOwner.ours and sys.stdin is not None and sys.stdin.isatty()
        if self.mode == "Always" and not terminal:
            raise ConfigError(
                f"The credential plugin {self.name} needs a terminal to ask on. "
                "Leave podwire, log in, and start again."
            )
        return terminal and self.mode != "Never"

    async def _run(self, interactive: bool) -> tuple[int, bytes, bytes]:
        spec: dict[str, Any] = {"interactive": interactive}
        if self.cluster_info is not None:
            spec["cluster"] = self.cluster_info
        info = {"kind": "ExecCredential", "apiVersion": self.version, "spec": spec}
        environment = {**os.environ, **self.env, "KUBERNETES_EXEC_INFO": json.dumps(info)}
        try:
            process = await asyncio.create_subprocess_exec(
                *self.argv,
                env=environment,
                stdin=None if interactive else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE if TerminalOwner.ours else None,
            )
        except FileNotFoundError:
            hint = f" {self.hint}" if self.hint else ""
            raise ConfigError(
                f"The credential plugin {sanitize(self.argv[0], 120)} is not installed.{hint}"
            ) from None
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"The credential plugin {self.name} cannot be run: {sanitize(error, 120)}."
            ) from None
        try:
            async with asyncio.timeout(UNATTENDED_S if TerminalOwner.ours else None):
                out, err = await process.communicate()
        except TimeoutError:
            raise ConfigError(
                f"The credential plugin {self.name} did not answer within {UNATTENDED_S:g} s."
            ) from None
        finally:
            if process.returncode is None:
                process.kill()
        return int(process.returncode or 0), out, err or b""

    def _read(self, out: bytes) -> Issued:
        """The ExecCredential that a plugin printed. It is never repeated: it may hold a secret."""
        where = f"The credential plugin {self.name}"
        try:
            answer = json.loads(out)
        except ValueError:
            raise ConfigError(
                f"{where} printed something that is not an ExecCredential ({len(out)} bytes)."
            ) from None
        if not isinstance(answer, dict) or answer.get("kind") != "ExecCredential":
            raise ConfigError(f"{where} printed something that is not an ExecCredential.")
        if answer.get("apiVersion") != self.version:
            given = sanitize(answer.get("apiVersion"), 60)
            raise ConfigError(
                f"{where} answers in {given!r}, the kubeconfig asks for {self.version!r}."
            )
        status: dict[str, Any] = answer["status"] if isinstance(answer.get("status"), dict) else {}
        certificate, key = (
            str(status.get(k) or "") for k in ("clientCertificateData", "clientKeyData")
        )
        if bool(certificate) != bool(key) or not (status.get("token") or certificate):
            raise ConfigError(f"{where} gave neither a token nor a certificate with its key.")
        return Issued(
            str(status.get("token") or ""),
            certificate.encode(),
            key.encode(),
            _epoch(status, where),
        )


def _version(config: Mapping[str, Any], where: str) -> str:
    version = str(config.get("apiVersion") or "")
    if version not in VERSIONS:
        raise ConfigError(
            f"{where} has the apiVersion {sanitize(version, 60)!r}; "
            f"known are {' and '.join(VERSIONS)}."
        )
    return version


def _mode(config: Mapping[str, Any], version: str, where: str) -> str:
    """v1 needs an interactiveMode, v1beta1 has a default."""
    default = "" if version.endswith("/v1") else "IfAvailable"
    mode = str(config.get("interactiveMode") or default)
    if mode not in MODES:
        raise ConfigError(f"{where} needs an interactiveMode: one of {', '.join(MODES)}.")
    return mode


def _command(command: str, folder: Path) -> str:
    """A path is relative to the kubeconfig; a bare name is found in PATH."""
    relative = os.sep in command and not Path(command).is_absolute()
    return str(folder / command) if relative else command


def _environment(config: Mapping[str, Any]) -> dict[str, str]:
    entries = (entry for entry in config.get("env") or () if isinstance(entry, dict))
    return {str(entry.get("name")): str(entry.get("value")) for entry in entries}


def _epoch(status: Mapping[str, Any], where: str) -> float:
    text = status.get("expirationTimestamp")
    if not text:
        return 0.0
    try:
        return datetime.fromisoformat(str(text).replace("Z", "+00:00")).timestamp()
    except ValueError:
        raise ConfigError(f"{where} gave an expirationTimestamp that is no time.") from None


def _cluster_info(cluster: KubeconfigEntry) -> dict[str, Any]:
    """The cluster, as `provideClusterInfo` wants it."""
    info: dict[str, Any] = {"server": cluster.text("server")}
    for ours, theirs in (("tls-server-name", "tls-server-name"), ("proxy-url", "proxy-url")):
        if cluster.text(ours):
            info[theirs] = cluster.text(ours)
    if cluster.value.get("insecure-skip-tls-verify"):
        info["insecure-skip-tls-verify"] = True
    if cluster.text("certificate-authority-data"):
        info["certificate-authority-data"] = cluster.text("certificate-authority-data")
    extensions = cluster.value.get("extensions") or ()
    for extension in extensions if isinstance(extensions, list) else ():
        if isinstance(extension, dict) and extension.get("name") == f"{GROUP}/exec":
            info["config"] = extension.get("extension")
    return info
