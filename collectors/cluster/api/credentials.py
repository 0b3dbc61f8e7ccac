"""What says who we are: token, token file, password, certificate or exec plugin; impersonation.

Semantics are client-go's (tools/clientcmd, plugin/pkg/client/auth/exec): a tokenFile goes before a
token and is read again every minute; a plugin's answer is kept until it expires or the server
answers 401.
"""

from __future__ import annotations

import base64
import time
from pathlib import Path
from typing import Any

from collectors.cluster.api.exec_plugin import ExecPlugin, Issued
from collectors.cluster.api.kubeconfig import KubeconfigEntry
from collectors.errors import ConfigError
from collectors.frozen import frozen
from collectors.sanitize import sanitize
from collectors.secrets import hide

TOKEN_FILE_S = 60.0
REMOVED = {  # auth providers that kubectl no longer has, and what replaced them
    "gcp": "gke-gcloud-auth-plugin",
    "azure": "kubelogin",
}


@frozen
class Impersonation:
    """Who to act as (--as and its kin, or the kubeconfig's `as`)."""

    user: str = ""
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: tuple[tuple[str, str], ...] = ()  # key and value; a key may be there several times

    def headers(self) -> list[tuple[str, str]]:
        """ConfigError where there are groups but nobody to be: kubectl refuses that, too."""
        if not self.user:
            if self.groups or self.uid or self.extra:
                raise ConfigError("Impersonating a group or uid needs a user as well: give --as.")
            return []
        rows = [
            ("Impersonate-User", self.user),
            *(("Impersonate-Group", group) for group in self.groups),
        ]
        rows += [("Impersonate-Uid", self.uid)] if self.uid else []
        rows += [(f"Impersonate-Extra-{key}", value) for key, value in self.extra]
        return rows


@frozen
class Certificate:
    """A client certificate and its key, PEM. Never in a file, which would outlive a kill."""

    certificate: bytes
    key: bytes


class Credentials:
    """Gives the headers of a request, and a client certificate where there is one."""

    def __init__(self, impersonation: Impersonation | None = None) -> None:
        self.impersonation = impersonation or Impersonation()
        self.certificate: Certificate | None = None
        self.plugin: ExecPlugin | None = None
        self._authorization = ""
        self._token_file: Path | None = None
        self._read_at = 0.0

    @property
    def renewable(self) -> bool:
        return self.plugin is not None or self._token_file is not None

    async def headers(self) -> list[tuple[str, str]]:
        """What to send now; a plugin runs again, or a file is read again, when it is time."""
        if self.plugin is not None and self.plugin.expired:
            await self.renew()
        elif self._token_file is not None and time.monotonic() - self._read_at > TOKEN_FILE_S:
            self._read_token()
        rows = self.impersonation.headers()
        return [("Authorization", self._authorization), *rows] if self._authorization else rows

    async def renew(self) -> bool:
        """After a 401, or an expiry: get new ones. False where nothing differs from before."""
        before = (self._authorization, self.certificate)
        if self.plugin is not None:
            self._use_issued(await self.plugin.run())
        elif self._token_file is not None:
            self._read_token()
        return before != (self._authorization, self.certificate)

    def _use_issued(self, issued: Issued) -> None:
        hide(issued.token, issued.key.decode("ascii", "replace"))
        if issued.token:
            self.use_token(issued.token)
        if issued.certificate:
            self.certificate = Certificate(issued.certificate, issued.key)

    def use_token(self, token: str) -> None:
        hide(token)
        self._authorization = f"Bearer {token}"

    def use_password(self, user: str, password: str) -> None:
        pair = base64.b64encode(f"{user}:{password}".encode()).decode()
        hide(password, pair)
        self._authorization = f"Basic {pair}"

    def use_token_file(self, path: Path) -> None:
        self._token_file = path
        self._read_token()

    def _read_token(self) -> None:
        assert self._token_file is not None
        try:
            token = self._token_file.read_text().strip()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise ConfigError(
                f"The token file {sanitize(self._token_file)} cannot be read: {reason}."
            ) from None
        if not token:
            raise ConfigError(f"The token file {sanitize(self._token_file)} is empty.")
        self._read_at = time.monotonic()
        self.use_token(token)


def data_or_file(entry: KubeconfigEntry, key: str) -> bytes:
    """What KEY-data holds in base64, else the content of the file at KEY; b'' for neither."""
    text, path = entry.text(f"{key}-data"), entry.file(key)
    if text:
        try:
            return base64.b64decode(text, validate=False)
        except ValueError:
            raise ConfigError(
                f"{sanitize(entry.name, 80)!r} in the kubeconfig: {key}-data is not base64."
            ) from None
    if path is None:
        return b""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"The {key} at {sanitize(path)} cannot be read: {error.strerror}."
        ) from None


async def of_user(
    user: KubeconfigEntry, cluster: KubeconfigEntry, impersonation: Impersonation
) -> Credentials:
    """The credentials of a kubeconfig's user. ConfigError where they cannot be had."""
    credentials = Credentials(_impersonation(user, impersonation))
    credentials.impersonation.headers()
    certificate, key = data_or_file(user, "client-certificate"), data_or_file(user, "client-key")
    hide(key.decode("ascii", "replace"))
    if bool(certificate) != bool(key):
        raise ConfigError(
            f"The user {sanitize(user.name, 80)!r} has a client certificate without its key, "
            "or the reverse."
        )
    if certificate:
        credentials.certificate = Certificate(certificate, key)
    if user.file("tokenFile") is not None:
        credentials.use_token_file(user.file("tokenFile") or Path())
    elif user.text("token"):
        credentials.use_token(user.text("token"))
    elif user.text("username"):
        credentials.use_password(user.text("username"), user.text("password"))
    elif user.value.get("exec"):
        credentials.plugin = ExecPlugin.of(user, cluster)
        await credentials.renew()
    elif user.value.get("auth-provider"):
        await _use_provider(credentials, user)
    return credentials


def _impersonation(user: KubeconfigEntry, given: Impersonation) -> Impersonation:
    """What the command line says, else what the kubeconfig says."""
    if given.user or given.groups or given.uid:
        return given
    groups, extra = user.value.get("as-groups") or (), user.value.get("as-user-extra") or {}
    return Impersonation(
        user.text("as"),
        user.text("as-uid"),
        tuple(str(g) for g in groups),
        tuple((str(key), str(value)) for key, values in extra.items() for value in values),
    )


async def _use_provider(credentials: Credentials, user: KubeconfigEntry) -> None:
    """`auth-provider`: only oidc is left in kubectl; the library knows how to refresh its token."""
    provider: Any = user.value["auth-provider"]
    name = str(provider.get("name") if isinstance(provider, dict) else "")
    if name in REMOVED:
        raise ConfigError(
            f"The auth provider {name} was removed from Kubernetes. Use the plugin {REMOVED[name]}."
        )
    if name != "oidc":
        raise ConfigError(
            f"The auth provider {sanitize(name, 40)!r} of user {sanitize(user.name, 80)!r} "
            "is not known."
        )
    from kubernetes.aio.config.kube_config import KubeConfigLoader

    config = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://unused"}}],
        "users": [{"name": "u", "user": {"auth-provider": provider}}],
    }
    loader = KubeConfigLoader(config_dict=config, config_base_path=str(user.folder))
    try:
        await loader._load_oid_token()
    except Exception as error:  # the library raises whatever its HTTP client does
        raise ConfigError(
            f"The OIDC token of {sanitize(user.name, 80)!r} cannot be had: {sanitize(error, 200)}"
        ) from None
    credentials.use_token(str(loader.token).removeprefix("Bearer "))
