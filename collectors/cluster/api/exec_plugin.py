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
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from pathlib import Path
from typing import Any

from collectors.cluster.api.fields import as_list, as_mapping, list_at, text_at
from collectors.cluster.api.kubeconfig import KubeconfigEntry
from collectors.errors import ConfigError
from collectors.frozen import frozen
from collectors.sanitize import sanitize, sanitize_bytes
from collectors.terminal_owner import TerminalOwner

GROUP = "client.authentication.k8s.io"
VERSIONS = (f"{GROUP}/v1", f"{GROUP}/v1beta1")
MODES = ("Never", "IfAvailable", "Always")
DEFAULT_MODE = dict(zip(VERSIONS, ("", "IfAvailable"), strict=True))  # v1 needs one
UNATTENDED_S = 60.0  # while the console is open nobody can answer it
ISSUED = ("token", "clientCertificateData", "clientKeyData")
CLUSTER_INFO = ("tls-server-name", "proxy-url", "certificate-authority-data")
LOG_IN = "Log in, and start podwire again."
LOG_IN_HERE = "`:login` leaves this screen for as long as it asks, and opens the context again."


@frozen
class Issued:
    """What a plugin answered. `expires` in seconds since the epoch, 0 for never."""

    token: str = ""
    certificate: bytes = b""
    key: bytes = field(default=b"", repr=False)
    expires: float = 0.0


class ExecPlugin:
    """The program of a kubeconfig's user, and when what it gave expires."""

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
        plugin = cls._configured(config, where, user.folder)
        if config.get("provideClusterInfo"):
            plugin.cluster_info = _cluster_info(cluster)
        return plugin

    @classmethod
    def _configured(cls, config: dict[str, Any], where: str, folder: Path) -> ExecPlugin:
        version = _version(config, where)
        hint = text_at(config, "installHint", 400).strip()
        mode = _mode(config, version, where)
        return cls(_argv(config, folder), _environment(config), version, mode, hint)

    @property
    def name(self) -> str:
        return sanitize(Path(self.argv[0]).name, 60)

    @property
    def expired(self) -> bool:
        return bool(self.expires) and time.time() >= self.expires

    def _error(self, what: str) -> ConfigError:
        return ConfigError(f"The credential plugin {self.name} {what}")

    async def run(self) -> Issued:
        """Ask the plugin for credentials. ConfigError with what it said where it gives none."""
        async with self._one_at_a_time:
            interactive = self._interactive()
            process = await self._started(interactive)
            out, err = await self._ended(process)
            if process.returncode:
                raise self._failed(process.returncode, err, interactive)
            issued = self._read(out)
            self.expires = issued.expires
            return issued

    def _failed(self, code: int, err: bytes, interactive: bool) -> ConfigError:
        retry = "" if interactive or self.mode == "Never" else f" {_log_in()}"
        return self._error(f"failed with exit code {code}{_last_words(err)}.{retry}")

    def _interactive(self) -> bool:
        terminal = _has_terminal()
        if self.mode == "Always" and not terminal:
            raise self._error(f"needs a terminal to ask on. {_log_in()}")
        return terminal and self.mode != "Never"

    async def _started(self, interactive: bool) -> Process:
        try:
            return await asyncio.create_subprocess_exec(
                *self.argv,
                env=self._run_environment(interactive),
                stdin=None if interactive else DEVNULL,
                stdout=PIPE,
                stderr=PIPE if TerminalOwner.ours else None,
            )
        except FileNotFoundError:
            raise self._not_installed() from None
        except (OSError, ValueError) as error:
            raise self._error(f"cannot be run: {sanitize(error, 120)}.") from None

    def _not_installed(self) -> ConfigError:
        hint = f" {self.hint}" if self.hint else ""
        path = sanitize(self.argv[0], 120)
        return ConfigError(f"The credential plugin {path} is not installed.{hint}")

    def _run_environment(self, interactive: bool) -> dict[str, str]:
        spec: dict[str, Any] = {"interactive": interactive}
        if self.cluster_info is not None:
            spec["cluster"] = self.cluster_info
        info = {"kind": "ExecCredential", "apiVersion": self.version, "spec": spec}
        return {**os.environ, **self.env, "KUBERNETES_EXEC_INFO": json.dumps(info)}

    async def _ended(self, process: Process) -> tuple[bytes, bytes]:
        """What it printed, on both streams."""
        try:
            async with asyncio.timeout(UNATTENDED_S if TerminalOwner.ours else None):
                out, err = await process.communicate()
        except TimeoutError:
            raise self._error(f"did not answer within {UNATTENDED_S:g} s.") from None
        finally:
            if process.returncode is None:
                process.kill()
        return out, err or b""

    def _read(self, out: bytes) -> Issued:
        """The ExecCredential that a plugin printed. It is never repeated: it may hold a secret."""
        status = as_mapping(self._credential(out).get("status"))
        token, certificate, key = (str(status.get(name) or "") for name in ISSUED)
        if bool(certificate) != bool(key) or not (token or certificate):
            raise self._error("gave neither a token nor a certificate with its key.")
        return Issued(token, certificate.encode(), key.encode(), self._epoch(status))

    def _credential(self, out: bytes) -> Mapping[str, Any]:
        answer = as_mapping(self._decoded(out))
        if answer.get("kind") != "ExecCredential":
            raise self._error("printed something that is not an ExecCredential.")
        if answer.get("apiVersion") != self.version:
            raise self._error(
                f"answers in {sanitize(answer.get('apiVersion'), 60)!r}, "
                f"the kubeconfig asks for {self.version!r}."
            )
        return answer

    def _decoded(self, out: bytes) -> object:
        try:
            return json.loads(out)
        except ValueError:
            size = f"({len(out)} bytes)"
            raise self._error(f"printed something that is not an ExecCredential {size}.") from None

    def _epoch(self, status: Mapping[str, Any]) -> float:
        text = status.get("expirationTimestamp")
        if not text:
            return 0.0
        try:
            return datetime.fromisoformat(str(text).replace("Z", "+00:00")).timestamp()
        except ValueError:
            raise self._error("gave an expirationTimestamp that is not a time.") from None


def _last_words(err: bytes) -> str:
    """What a plugin said last before it failed."""
    said = err.strip()
    return f": {sanitize_bytes(said[-300:], 300)}" if said else ""


def _log_in() -> str:
    """What to do where a plugin has to ask."""
    return LOG_IN_HERE if TerminalOwner.ours else LOG_IN


def _has_terminal() -> bool:
    """Whether a plugin may ask: not while the console has the terminal."""
    return not TerminalOwner.ours and sys.stdin is not None and sys.stdin.isatty()


def _version(config: Mapping[str, Any], where: str) -> str:
    version = str(config.get("apiVersion") or "")
    if version not in VERSIONS:
        raise ConfigError(
            f"{where} has the apiVersion {sanitize(version, 60)!r}; "
            f"known are {' and '.join(VERSIONS)}."
        )
    return version


def _mode(config: Mapping[str, Any], version: str, where: str) -> str:
    mode = str(config.get("interactiveMode") or DEFAULT_MODE[version])
    if mode not in MODES:
        raise ConfigError(f"{where} needs an interactiveMode: one of {', '.join(MODES)}.")
    return mode


def _command(given: object, folder: Path) -> str:
    """A path is relative to the kubeconfig; a bare name is found in PATH."""
    command = str(given)
    relative = os.sep in command and not Path(command).is_absolute()
    return str(folder / command) if relative else command


def _argv(config: Mapping[str, Any], folder: Path) -> list[str]:
    return [_command(config["command"], folder), *map(str, list_at(config, "args"))]


def _environment(config: Mapping[str, Any]) -> dict[str, str]:
    entries = (entry for entry in config.get("env") or () if isinstance(entry, dict))
    return {str(entry.get("name")): str(entry.get("value")) for entry in entries}


def _cluster_info(cluster: KubeconfigEntry) -> dict[str, Any]:
    """The cluster, as `provideClusterInfo` wants it."""
    info: dict[str, Any] = {"server": cluster.text("server")}
    info |= {key: cluster.text(key) for key in CLUSTER_INFO if cluster.text(key)}
    if cluster.value.get("insecure-skip-tls-verify"):
        info["insecure-skip-tls-verify"] = True
    return info | _of_extensions(cluster.value.get("extensions"))


def _of_extensions(extensions: object) -> dict[str, Any]:
    """What the kubeconfig has for plugins, among the cluster's extensions."""
    for extension in map(as_mapping, as_list(extensions)):
        if extension.get("name") == f"{GROUP}/exec":
            return {"config": extension.get("extension")}
    return {}
