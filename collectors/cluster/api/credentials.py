"""What says who we are: token, token file, password, certificate, exec plugin or OIDC;
impersonation.

Semantics are client-go's (tools/clientcmd, plugin/pkg/client/auth/exec): a tokenFile goes before a
token and is read again every minute; a plugin's answer is kept until it expires or the server
answers 401.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from pathlib import Path

from collectors.cluster.api.exec_plugin import ExecPlugin, Issued
from collectors.cluster.api.fields import as_mapping
from collectors.cluster.api.kubeconfig import KubeconfigEntry
from collectors.cluster.api.oidc import OidcProvider
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
        self._check_user()
        return list(self._rows()) if self.user else []

    def _check_user(self) -> None:
        if not self.user and (self.groups or self.uid or self.extra):
            raise ConfigError("Impersonating a group or uid needs a user as well: give --as.")

    def _rows(self) -> Iterator[tuple[str, str]]:
        yield "Impersonate-User", self.user
        for group in self.groups:
            yield "Impersonate-Group", group
        if self.uid:
            yield "Impersonate-Uid", self.uid
        for key, value in self.extra:
            yield f"Impersonate-Extra-{key}", value


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
        self.oidc: OidcProvider | None = None
        self._authorization = ""
        self._token_file: Path | None = None
        self._read_at = 0.0

    @property
    def renewable(self) -> bool:
        return bool(self.plugin or self.oidc or self._token_file)

    async def headers(self) -> list[tuple[str, str]]:
        """What to send now; a plugin runs again, or a file is read again, when it is time."""
        await self._refresh()
        return [*self._own_headers(), *self.impersonation.headers()]

    def _own_headers(self) -> list[tuple[str, str]]:
        return [("Authorization", self._authorization)] if self._authorization else []

    async def _refresh(self) -> None:
        issuer = self.plugin or self.oidc
        if issuer is not None and issuer.expired:
            await self.renew()
        elif self._token_file is not None and self._is_read_long_ago():
            self._read_token()

    def _is_read_long_ago(self) -> bool:
        return time.monotonic() - self._read_at > TOKEN_FILE_S

    async def renew(self) -> bool:
        """After a 401, or an expiry: get new ones. False where nothing differs from before."""
        before = self._given
        await self._get_again()
        return before != self._given

    async def _get_again(self) -> None:
        if self.plugin is not None:
            self._use_issued(await self.plugin.run())
        elif self.oidc is not None:
            self.use_token(await self.oidc.token())
        elif self._token_file is not None:
            self._read_token()

    @property
    def _given(self) -> tuple[str, Certificate | None]:
        """What is shown to the server."""
        return self._authorization, self.certificate

    def _use_issued(self, issued: Issued) -> None:
        if issued.token:
            self.use_token(issued.token)
        if issued.certificate:
            self._use_certificate(issued.certificate, issued.key)

    def _use_certificate(self, certificate: bytes, key: bytes) -> None:
        _hide_key(key)
        self.certificate = Certificate(certificate, key)

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
        token = _token_in(self._token_file)
        self._read_at = time.monotonic()
        self.use_token(token)


def _token_in(path: Path) -> str:
    token = _text_of(path).strip()
    if not token:
        raise ConfigError(f"The token file {sanitize(path)} is empty.")
    return token


def _text_of(token_file: Path) -> str:
    try:
        return token_file.read_text()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise ConfigError(
            f"The token file {sanitize(token_file)} cannot be read: {reason}."
        ) from None


def data_or_file(entry: KubeconfigEntry, key: str) -> bytes:
    """What KEY-data holds in base64, else the content of the file at KEY; b'' for neither."""
    if entry.text(f"{key}-data"):
        return _decoded(entry, f"{key}-data")
    return _content(entry.file(key), key)


def _decoded(entry: KubeconfigEntry, key: str) -> bytes:
    try:
        return base64.b64decode(entry.text(key), validate=False)
    except ValueError:
        raise ConfigError(
            f"{sanitize(entry.name, 80)!r} in the kubeconfig: {key} is not base64."
        ) from None


def _content(path: Path | None, key: str) -> bytes:
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
    credentials.certificate = _certificate(user)
    if not _use_given(credentials, user):
        await _use_issuer(credentials, user, cluster)
    return credentials


def _certificate(user: KubeconfigEntry) -> Certificate | None:
    certificate, key = data_or_file(user, "client-certificate"), data_or_file(user, "client-key")
    _hide_key(key)
    if bool(certificate) != bool(key):
        raise ConfigError(
            f"The user {sanitize(user.name, 80)!r} has a client certificate without its key, "
            "or the reverse."
        )
    return Certificate(certificate, key) if certificate else None


def _hide_key(key: bytes) -> None:
    """Not to be shown from here on, whatever says it."""
    hide(key.decode("ascii", "replace"))


def _use_given(credentials: Credentials, user: KubeconfigEntry) -> bool:
    """Use what the kubeconfig itself says; False where it says nothing of that kind."""
    token_file = user.file("tokenFile")
    if token_file is not None:
        credentials.use_token_file(token_file)
    elif user.text("token"):
        credentials.use_token(user.text("token"))
    elif user.text("username"):
        credentials.use_password(user.text("username"), user.text("password"))
    else:
        return False
    return True


async def _use_issuer(
    credentials: Credentials, user: KubeconfigEntry, cluster: KubeconfigEntry
) -> None:
    """Ask the plugin or the provider that the kubeconfig names, if any."""
    if user.value.get("exec"):
        credentials.plugin = ExecPlugin.of(user, cluster)
        await credentials.renew()
    elif user.value.get("auth-provider"):
        await _use_provider(credentials, user)


def _impersonation(user: KubeconfigEntry, given: Impersonation) -> Impersonation:
    """What the command line says, else what the kubeconfig says."""
    if given.user or given.groups or given.uid:
        return given
    groups = tuple(str(group) for group in user.value.get("as-groups") or ())
    return Impersonation(user.text("as"), user.text("as-uid"), groups, _extra(user))


def _extra(user: KubeconfigEntry) -> tuple[tuple[str, str], ...]:
    extra = user.value.get("as-user-extra") or {}
    return tuple((str(key), str(value)) for key, values in extra.items() for value in values)


async def _use_provider(credentials: Credentials, user: KubeconfigEntry) -> None:
    """`auth-provider`: only oidc is left in kubectl."""
    provider = as_mapping(user.value["auth-provider"])
    _check_provider(str(provider.get("name") or ""), user)
    config = KubeconfigEntry(user.name, as_mapping(provider.get("config")), user.folder)
    credentials.oidc = OidcProvider(config, data_or_file(config, "idp-certificate-authority"))
    await credentials.renew()


def _check_provider(name: str, user: KubeconfigEntry) -> None:
    if name in REMOVED:
        raise ConfigError(
            f"The auth provider {name} was removed from Kubernetes. Use the plugin {REMOVED[name]}."
        )
    if name != "oidc":
        raise ConfigError(
            f"The auth provider {sanitize(name, 40)!r} of user {sanitize(user.name, 80)!r} "
            "is not known."
        )
